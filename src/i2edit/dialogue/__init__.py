"""The dialogue module: the whole history → the belief, and history + belief + outcome → the reply.

>>> conv = Conversation()
>>> conv.event({"type": "set", "value": "bangs"}).state.belief.text
'hairstyle: bangs'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from i2edit.dialogue.history import Conversation, Heard, Spoken, Tracker

if TYPE_CHECKING:
    from i2edit.dialogue.seq2seq import DialogueModel

SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "dialogue"


def load_dialogue(path: Path | None = None) -> DialogueModel:
    """The dialogue model of a folder, by default the shipped one. Raises WeightsError."""
    from i2edit.dialogue.seq2seq import DialogueModel

    return DialogueModel.from_folder(Path(path) if path is not None else SHIPPED)


__all__ = ["SHIPPED", "Conversation", "Heard", "Spoken", "Tracker", "load_dialogue"]
