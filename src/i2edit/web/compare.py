"""The same conversation in single-turn mode, turn by turn, beside ours (the paper's Figure 2, live).

In: a chat and the edit states after its turns. Out: the picture after each, when every turn edits what the turn before it
left. "single-turn" opens the last picture anew, as the paper's baseline does (as slow as opening a photo, each turn);
"single-turn-w" hands on w and is a matter of seconds. What was drawn is kept, so that a further turn costs one step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from i2edit.ontology import EditState

if TYPE_CHECKING:
    from PIL import Image

    from i2edit.chat import Chat

MODES = ("single-turn-w", "single-turn")


class SingleTurn:
    """One conversation in single-turn mode, as far as it was drawn."""

    def __init__(self, chat: Chat, mode: str) -> None:
        from i2edit import modes

        self.editor, self.mode = chat.editor, mode
        self._view = modes.View.of(chat)
        self._crop, self._w = modes.draw(self.editor, self._view, [], True)
        self._edited = False
        self.states: list[EditState] = []

    def follow(self, states: list[EditState]) -> Iterator[tuple[int, Image.Image]]:
        """The number (from 1) and picture of each turn that was not drawn yet; ``states`` continue those of before."""
        from i2edit import modes
        from i2edit.images import to_image

        for number in range(len(self.states) + 1, len(states) + 1):
            before = self.states[-1] if self.states else EditState()
            asked = modes.change(before, states[number - 1])
            if asked:
                if self._edited:
                    w = self._w if self.mode == "single-turn-w" else None
                    self._view = modes.follow(self.editor, self._view, self._crop, w)
                layers = modes.change_layers(self.editor.directions, self._view.w, asked)
                self._crop, self._w = modes.draw(self.editor, self._view, layers, True)
                self._edited = True
            self.states.append(states[number - 1])
            yield number, to_image(self._crop)
