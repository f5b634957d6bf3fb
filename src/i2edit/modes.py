"""How an edit is carried from turn to turn: the paper's multi-turn way, and the single-turn baselines that it is compared with.

In: an opened face (`View`), an editor, and what is wanted after each turn. Out: the picture after each turn (`Shown`).

    view = View.of(chat)
    shown = multi_turn(editor, directions, view, states[-1])            # global belief, raw photo: what a Chat does
    shown = single_turn(editor, directions, view, states)[-1]           # this turn's change, on the last OUTPUT PICTURE
    shown = single_turn(editor, directions, view, states, chain_w=True) # the same, w handed on instead of the picture

`single-turn` is the paper's baseline (§5.1: "edits images based on the results of the previous round"): what was drawn last,
as an ordinary 8-bit picture, is opened again by the same inverter. `single-turn-w` hands on w and spares the inversions;
the paper has no such row.

A single-turn system has no photo to go back to, so a value that is taken back is edited away: the editor's own step towards the
value, reversed. A turn that changes nothing leaves the picture as it is.

With compositing, only the regions of the values may change (`render.py`); without, the picture is the generator's. Both for any
editor that gives layers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from i2edit.edit.directions import Layer
from i2edit.errors import MessageError
from i2edit.ontology import STRENGTH_MAX, STRENGTH_MIN, Belief, EditState
from i2edit.records import Dialogue

if TYPE_CHECKING:
    from i2edit.chat import Chat, Editor
    from i2edit.nets.clip import ImageText

MODES = ("multi-turn", "single-turn", "single-turn-w")
INPUTS = ("UER", "predicted", "Dial")
Progress = Callable[[float, str], None]


class EditMethod(Protocol):
    """(w, edit state) → layers of w, each departing from some base; `edit.directions.Directions` is one."""

    def layers(self, w_raw: Tensor, state: EditState) -> list[Layer]: ...


class FoundW(Protocol):
    """What a search for a text ends in."""

    @property
    def w(self) -> Tensor: ...


class TextMethod(EditMethod, Protocol):
    """An edit method that also follows free text, as the dialogue-as-prompt ablation needs.

    ``find``: w [slots, dim] and a text → the w of the face that the text asks for. ``image_text.embed_texts`` raises MessageError for a
    text beyond its limit.
    """

    image_text: ImageText

    def find(self, w_raw: Tensor, text: str) -> FoundW: ...


@dataclass(frozen=True, eq=False)
class View:
    """A face as an editor sees it: crop [1, 3, S, S] in [-1, 1], landmarks [68, 2] in its pixels, w [slots, dim], G(w), and the
    segmentation of w; ``seen``: its w in the default generator, where w is another's."""

    crop: Tensor
    landmarks: Tensor
    w: Tensor
    raw: Tensor
    before: dict[str, Tensor] = field(repr=False)
    seen: Tensor | None = None

    @classmethod
    def of(cls, chat: Chat) -> View:
        """What a chat sees of its photo."""
        return cls(chat.crop, chat.landmarks, chat.w_raw, chat.raw, chat.scene.before, chat.w_seen)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture [1, 3, S, S] in [-1, 1] at 8-bit levels, the w behind it, and the seconds that it took."""

    crop: Tensor
    w: Tensor
    seconds: float


@dataclass(frozen=True)
class Change:
    """What a turn asks for by itself: values wanted (more), and values taken back (less), with strengths."""

    wanted: EditState
    taken_back: EditState

    def __bool__(self) -> bool:
        return bool(self.wanted.belief or self.taken_back.belief)


def change(before: EditState, after: EditState) -> Change:
    """The difference of two edit states. A value that another one replaced is not taken back: asking for the other says it.

    >>> change(EditState.of("blond hair", "bangs"), EditState.of("black hair")).taken_back.belief.values
    ('bangs',)
    """
    amount = {v: after.strength(v) for v in after.belief}
    for value in before.belief:
        amount[value] = amount.get(value, 0.0) - before.strength(value)
    wanted = _state({v: a for v, a in amount.items() if a > 0})
    gone = {v: -a for v, a in amount.items() if a < 0}
    replaced = set(before.belief) - set(before.belief.add(*wanted.belief))
    return Change(wanted, _state({v: a for v, a in gone.items() if v not in replaced}))


def _state(amounts: dict[str, float]) -> EditState:
    strengths = tuple((v, min(max(a, STRENGTH_MIN), STRENGTH_MAX)) for v, a in amounts.items())
    return EditState(Belief(tuple(amounts)), strengths)


def change_layers(method: EditMethod, w: Tensor, asked: Change) -> list[Layer]:
    """The layers of a turn's change; those of values taken back go the other way from their base."""
    back = method.layers(w, asked.taken_back) if asked.taken_back.belief else []
    return [
        *(method.layers(w, asked.wanted) if asked.wanted.belief else []),
        *(replace(layer, w=2 * layer.base - layer.w) for layer in back),
    ]


@torch.no_grad()
def draw(editor: Editor, view: View, layers: Sequence[Layer], compositing: bool) -> tuple[Tensor, Tensor]:
    """The picture of some layers [1, 3, S, S], 8-bit levels, and the one w [slots, dim] with all their steps."""
    from i2edit.images import to_image, to_tensor
    from i2edit.render import Drawn, render

    w = view.w + sum((layer.w - layer.base for layer in layers), torch.zeros_like(view.w))
    if not compositing:
        picture = editor.picture(w[None]) if layers else view.raw
    elif layers:
        pictures = {id(view.w): view.raw}  # a layer's base is often the w of the one below it
        drawn = []
        for layer in layers:
            base = pictures.get(id(layer.base))
            edited, after = editor.draw(layer.w, view.w, view.seen)
            pictures[id(layer.w)] = edited
            drawn.append(Drawn(layer.state, edited, editor.picture(layer.base[None]) if base is None else base, after))
        picture = render(view.crop, drawn, view.landmarks, view.before).crop
    else:
        picture = view.crop
    return to_tensor(to_image(picture)), w


def multi_turn(editor: Editor, method: EditMethod, view: View, state: EditState, *, compositing: bool = True) -> Shown:
    """The whole belief, applied once to the raw photo (paper §4.2)."""
    began = time.perf_counter()
    crop, w = draw(editor, view, method.layers(view.w, state) if state.belief else [], compositing)
    return Shown(crop, w, time.perf_counter() - began)


class SingleTurn:
    """A conversation in which every turn edits what the turn before it left.

    ``chain_w``: w is handed on; else the picture is, and its w found again by the editor's inverter. The picture of a turn
    before any change is the photo itself (with compositing) or G(w).
    """

    def __init__(
        self, editor: Editor, method: EditMethod, view: View, *, chain_w: bool = False, compositing: bool = True
    ) -> None:
        self.editor, self.method, self.view = editor, method, view
        self.chain_w, self.compositing = chain_w, compositing
        self.states: list[EditState] = []  # after each turn so far
        self._crop, self._w = draw(editor, view, [], compositing)
        self._edited = False  # whether the picture is newer than the view

    def turn(self, state: EditState, progress: Progress | None = None) -> Shown:
        """The picture after the next turn, whose edit state is ``state``. Seconds are those of the turn."""
        began = time.perf_counter()
        asked = change(self.states[-1] if self.states else EditState(), state)
        if asked:
            if self._edited:
                w = self._w if self.chain_w else None
                self.view = follow(self.editor, self.view, self._crop, w, progress)
            layers = change_layers(self.method, self.view.w, asked)
            self._crop, self._w = draw(self.editor, self.view, layers, self.compositing)
            self._edited = True
        self.states.append(state)
        return Shown(self._crop, self._w, time.perf_counter() - began)


def single_turn(
    editor: Editor,
    method: EditMethod,
    view: View,
    states: Sequence[EditState],
    *,
    chain_w: bool = False,
    compositing: bool = True,
) -> list[Shown]:
    """The picture after each of ``states`` when every turn edits what the turn before it left (`SingleTurn`)."""
    one = SingleTurn(editor, method, view, chain_w=chain_w, compositing=compositing)
    return [one.turn(state) for state in states]


def follow(editor: Editor, view: View, crop: Tensor, w: Tensor | None, progress: Progress | None = None) -> View:
    """The view of an output picture: its face found anew (where the old one was, if none is found), and its w, by
    inversion unless it is given; ``progress`` is told how that goes."""
    from i2edit.align import find_faces
    from i2edit.images import to_image
    from i2edit.nets.slots import carried

    found = find_faces(to_image(crop))
    landmarks = torch.from_numpy(found[0].landmarks).float() if found else view.landmarks
    if w is None:
        inverted = editor.inverter(crop, landmarks, progress=progress)
        w, seen = inverted.w_raw, inverted.w_seen
    else:
        seen = None if view.seen is None else view.seen + carried(w - view.w, len(view.seen))
    with torch.no_grad():
        return View(crop, landmarks, w, *editor.draw(w, w, seen), seen)


# ------------------------------------------------------------------------------------------------ the dialogue as a prompt


def texts(dialogue: Dialogue) -> list[str]:
    """What was said in each turn, user and system in one text; a button says nothing."""
    return [" ".join(part for part in (turn.user, turn.system) if part) for turn in dialogue.turns]


def prompt(method: TextMethod, said: Sequence[str]) -> tuple[str, float]:
    """The texts as one prompt, its oldest words left out until it fits the method's encoder; and the share of words left out."""
    words = " ".join(said).split()
    low, high = 0, len(words)  # the least number of words to leave out lies in [low, high]
    while low < high:
        middle = (low + high) // 2
        try:
            method.image_text.embed_texts([" ".join(words[middle:])])
            high = middle
        except MessageError:
            low = middle + 1
    return " ".join(words[low:]), low / max(1, len(words))


def from_dialogue(
    editor: Editor,
    method: TextMethod,
    view: View,
    said: Sequence[str],
    mode: str,
) -> tuple[list[Shown], float]:
    """The dialogue itself as the prompt (paper §5.1, ablation): all turns at once on the raw photo (`multi-turn`, one picture), or
    each turn's text on what the turn before it left. Also the share of words that did not fit.

    Without a belief there are no regions, so there is no compositing. Every turn that says something edits, also a question.
    """
    from i2edit.images import to_image, to_tensor

    rounds = [list(said)] if mode == "multi-turn" else [[text] for text in said]
    shown: list[Shown] = []
    cut = words = 0.0
    crop, w = draw(editor, view, [], compositing=False)
    edited = False
    for part in rounds:
        began = time.perf_counter()
        text, share = prompt(method, part)
        count = len(" ".join(part).split())
        cut, words = cut + share * count, words + count
        if text:
            if edited:
                view = follow(editor, view, crop, w if mode == "single-turn-w" else None)
            w = method.find(view.w, text).w
            with torch.no_grad():
                crop = to_tensor(to_image(editor.picture(w[None])))
            edited = True
        shown.append(Shown(crop, w, time.perf_counter() - began))
    return shown, cut / max(1.0, words)


__all__ = [
    "INPUTS", "MODES", "Change", "EditMethod", "Shown", "SingleTurn", "TextMethod", "View", "change", "change_layers", "draw",
    "follow", "from_dialogue", "multi_turn", "prompt", "single_turn", "texts",
]  # fmt: skip
