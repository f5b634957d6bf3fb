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
    from i2edit.dialogue.t5 import T5Dialogue

SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "dialogue"


def load_dialogue(path: Path | None = None) -> DialogueModel | T5Dialogue:
    """The dialogue model of a folder, compact or T5, by default the shipped one. Raises WeightsError."""
    from i2edit.dialogue.seq2seq import DialogueModel
    from i2edit.dialogue.t5 import T5Dialogue, is_checkpoint

    folder = Path(path) if path is not None else SHIPPED
    return T5Dialogue.from_folder(folder) if is_checkpoint(folder) else DialogueModel.from_folder(folder)


__all__ = ["SHIPPED", "Conversation", "Heard", "Spoken", "Tracker", "load_dialogue"]
