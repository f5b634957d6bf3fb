"""i2edit: talk to a photo. Multi-turn facial image editing by dialogue, from the raw photo every time.

from i2edit import Editor
chat = Editor.load().open("me.jpg")
reply = chat.say("smile a bit and give me bangs")
reply.image.save("smile.png")        # better: i2edit.images.save_image, which marks it as edited
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Belief", "Chat", "EditState", "Editor", "I2EditError", "Reply", "__version__"]

if TYPE_CHECKING:
    from i2edit.chat import Chat, Editor, Reply
    from i2edit.errors import I2EditError
    from i2edit.ontology import Belief, EditState


def __getattr__(name: str) -> object:
    from importlib import import_module

    homes = {
        "Chat": "chat",
        "Editor": "chat",
        "Reply": "chat",
        "I2EditError": "errors",
        "Belief": "ontology",
        "EditState": "ontology",
    }
    if name in homes:
        return getattr(import_module(f"i2edit.{homes[name]}"), name)
    raise AttributeError(f"module 'i2edit' has no attribute {name!r}")
