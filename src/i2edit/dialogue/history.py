"""The conversation: an immutable value that holds what was said, the edit state, and the undo and redo stacks.

In: a user turn with what was heard (``Conversation.hear``), a button event (``event``), a reply (``reply``). Out: a new
conversation. The stacks follow the data contract: undo restores the state before the latest not-yet-undone turn that
changed the belief (a start-over counts), redo is its inverse until a new change. A turn is one step: what it undoes
itself stays undone, and when it changes something beyond that, undo returns to where the turn began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from i2edit.ontology import SLOTS, Belief, EditState
from i2edit.records import Act, Outcome, Turn, check_event

OPS = ("undo", "redo", "reset")
# Behaviours (data/simulate.py) that step through the history → the steps.
STEPS: dict[str, tuple[str, ...]] = {
    "undo": ("undo",), "undo2": ("undo",) * 2, "undo3": ("undo",) * 3, "redo": ("redo",), "reset": ("reset",),
}  # fmt: skip
INTENTS = ("change", "none", "question", "unsupported", "foreign")
DEGREES: dict[str, float] = {"<less>": 0.65, "<more>": 1.4, "<much>": 1.8}  # factor on an existing value
FIRST_LESS = 0.6  # strength of a new value asked for "a bit"
Stack = tuple[EditState, ...]


@dataclass(frozen=True)
class Heard:
    """What the tracker made of one user turn.

    ``state``: edit state after the turn. ``ops``: "undo"/"redo"/"reset" in order, "undo" twice for two steps.
    ``intent``: change, none, question, unsupported or foreign. ``understood``: False when the decoded text was malformed
    (then nothing changed). ``marks``: the control tokens heard. ``target``: the decoded text as it was, for inspection.
    ``notes``: sentences for the person, such as that another model than the chosen one had to listen.
    """

    state: EditState
    ops: tuple[str, ...] = ()
    understood: bool = True
    intent: str = "change"
    marks: tuple[str, ...] = ()
    target: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spoken:
    """A reply and its act. ``checked`` is False when the hand-written sentence had to be used; ``notes`` as in Heard."""

    text: str
    act: Act
    checked: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """What was said and done so far. ``turns`` oldest first; the top of a stack is its last element."""

    state: EditState = field(default_factory=EditState)
    turns: tuple[Turn, ...] = ()
    undo_stack: Stack = ()
    redo_stack: Stack = ()
    declined: frozenset[str] = field(default=frozenset())  # suggested before and not taken

    def hear(self, text: str, heard: Heard) -> Conversation:
        """The conversation after a user turn (the reply is still missing)."""
        after = self.advance(heard.ops, heard.state)
        turn = Turn(
            belief=after.state.belief, user=text, marks=heard.marks, strength=dict(after.state.strengths) or None
        )
        return replace(after, turns=(*self.turns, turn), declined=self._declined(after.state.belief))

    def event(self, event: Mapping[str, Any]) -> Conversation:
        """The conversation after a button: exact, no model. Raises DataError for a malformed event. Setting or removing
        nothing new, and undo with nothing to undo, change nothing but stay in the history."""
        checked = check_event(event)
        kind, value = checked["type"], checked.get("value", "")
        state = self.state
        ops: tuple[str, ...] = ()
        if kind in OPS:
            ops = (kind,)
            state = self.after_ops(ops).state
        elif kind == "set":
            state = state.with_belief(state.belief.add(value))
            if "strength" in checked:
                state = state.with_strength(value, checked["strength"])
        elif kind == "remove":
            state = state.with_belief(state.belief.remove(value))
        elif value in state.belief:
            state = state.with_strength(value, checked["strength"])
        after = self.advance(ops, state)
        turn = Turn(belief=after.state.belief, event=checked, strength=dict(after.state.strengths) or None)
        return replace(after, turns=(*self.turns, turn), declined=self._declined(after.state.belief))

    def reply(self, spoken: Spoken) -> Conversation:
        """Store the reply to the latest turn, so that the next turn sees it."""
        if not self.turns:
            return self
        last = replace(self.turns[-1], system=spoken.text, act=spoken.act)
        return replace(self, turns=(*self.turns[:-1], last))

    @property
    def suggested(self) -> frozenset[str]:
        """Every value that was ever suggested in this conversation."""
        return frozenset(t.act.value for t in self.turns if t.act is not None and t.act.value is not None)

    @property
    def suggestion(self) -> str | None:
        """The value that the latest reply suggested, if it did."""
        act = self.turns[-1].act if self.turns else None
        return act.value if act is not None else None

    def after_ops(self, ops: tuple[str, ...]) -> Conversation:
        """State and stacks after undo/redo/reset alone; a step that is not there changes nothing."""
        state, undo, redo = self.state, self.undo_stack, self.redo_stack
        for op in ops:
            if op == "undo" and undo:
                state, undo, redo = undo[-1], undo[:-1], (*redo, state)
            elif op == "redo" and redo:
                state, undo, redo = redo[-1], (*undo, state), redo[:-1]
            elif op == "reset" and state.belief:
                state, undo, redo = EditState(), (*undo, state), ()
        return replace(self, state=state, undo_stack=undo, redo_stack=redo)

    def advance(self, ops: tuple[str, ...], state: EditState) -> Conversation:
        """State and stacks after a turn that performed ``ops`` and ended in ``state``."""
        stepped = self.after_ops(ops)
        if state.belief == stepped.state.belief:  # nothing beyond the ops, save perhaps strengths
            return replace(stepped, state=state)
        if state.belief == self.state.belief:  # the turn took back what it did itself
            return replace(self, state=state)
        undo = self.undo_stack[: min(len(self.undo_stack), len(stepped.undo_stack))]
        return replace(self, state=state, undo_stack=(*undo, self.state), redo_stack=())

    def _declined(self, belief: Belief) -> frozenset[str]:
        offered = self.suggestion
        return self.declined | {offered} if offered is not None and offered not in belief else self.declined


class Tracker(Protocol):
    """A dialogue model: ``seq2seq.DialogueModel``, ``t5.T5Dialogue``, ``remote.RemoteDialogue``. It knows no conversation."""

    def track(self, conv: Conversation, text: str) -> Heard:
        """What a message means in this conversation. Raises MessageError if it cannot take it."""

    def track_many(self, pairs: Sequence[tuple[Conversation, str]]) -> list[Heard]:
        """``track`` for several conversations at once."""

    def respond(
        self,
        conv: Conversation,
        heard: Heard,
        outcome: Outcome,
        present: frozenset[str] = frozenset(),
        blocked: frozenset[str] = frozenset(),
        seed: int = 0,
    ) -> Spoken:
        """The reply to the latest turn of ``conv``, true after ``outcome``; never suggests ``present`` or ``blocked``."""

    def respond_many(self, turns: Sequence[tuple[Conversation, Heard, Outcome]]) -> list[Spoken]:
        """``respond`` for several conversations at once."""


def apply_marks(state: EditState, marks: tuple[str, ...]) -> EditState:
    """Apply heard marks in order: ``<+v>`` adds (with exclusions), ``<-v>`` or ``<-slot>`` takes away, ``<=v>`` touches the
    strength only if the value is there; ``<less>``, ``<more>``, ``<much>`` before one set the degree; ``<keep>`` drops
    everything but the ``<=..>`` that follow."""
    degree: str | None = None
    if "<keep>" in marks:
        kept = {value for mark in marks if mark.startswith("<=") for value in SLOTS.get(mark[2:-1], (mark[2:-1],))}
        state = state.with_belief(Belief(tuple(value for value in state.belief if value in kept)))
    for mark in marks:
        if mark in DEGREES:
            degree = mark
            continue
        sign, name = mark[1:2], mark[2:-1]
        if sign == "-":
            state = state.with_belief(state.belief.remove(*SLOTS.get(name, (name,))))
        elif sign in "+=" and name not in SLOTS:
            was_there = name in state.belief
            if sign == "+":
                state = state.with_belief(state.belief.add(name))
            if degree is not None and was_there:
                state = state.with_strength(name, state.strength(name) * DEGREES[degree])
            elif degree is not None and sign == "+":
                state = state.with_strength(name, FIRST_LESS if degree == "<less>" else DEGREES[degree])
        degree = None
    return state


def hear_marks(conv: Conversation, marks: tuple[str, ...], target: str = "") -> Heard:
    """What a turn with these marks means here: ops first, then the rest on the state that they lead to."""
    ops: tuple[str, ...] = ()
    for mark in marks:
        if mark.startswith("<op_"):
            name = mark[4:-1]
            ops += (name.rstrip("23"),) * (int(name[-1]) if name[-1] in "23" else 1)
    state = apply_marks(conv.after_ops(ops).state, marks)
    intent = next((mark[1:-1] for mark in marks if mark[1:-1] in INTENTS), "none")
    return Heard(state=state, ops=ops, intent=intent, marks=marks, target=target)
