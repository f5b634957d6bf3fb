"""Text in and out of the seq2seq model: conversation → input ids → target ids → marks and belief text.

The model has two prompts, the paper's: "translate dialogue to dialogue state" for tracking and "translate dialogue to dialogue
response" for replies (one sentence of the paper's section 4.1 swaps the two; its Figure 5 and PPTOD do not).

    state input:      prompt <user> text <state> B  recent exchanges, newest first  <undo> B <undo2> B <redo> B
    state target:     <change> <less> <+smiling> expression: smiling        (control tokens, then the belief's text form)
    response input:   prompt <made> .. <failed> .. <removed> .. intent, ops, degrees <state> B <system> last reply <user> text
    response target:  <suggest> hairstyle: bangs  Done. How about bangs?

Control tokens, slots and values are single ids of their own, outside the reach of what a person can type; a person's text
is split into lower-cased word pieces (MiniLM's, fewer of them), and replies get their capitals back by rule. Stripping the control tokens from a state target gives exactly the belief's
text form. Exchanges that do not fit into WINDOW ids, and what earlier texts have beyond EARLIER pieces, are represented
by the belief and the stacks that they led to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from i2edit.dialogue.history import DEGREES, INTENTS, Conversation, Heard
from i2edit.errors import MessageError
from i2edit.ontology import SLOTS, VALUES, Belief
from i2edit.records import ACTS, Outcome, Turn

WINDOW = 128  # ids of the input in all; the latest message is never cut
MAX_CHARACTERS = 1000
MAX_PIECES = 360  # of one message; with beliefs and the newest exchange it fits the network's positions
EARLIER = 96  # pieces of an earlier message (its beginning) and of a reply (its end, where its question is)
SHORTEST = 24  # of the newest ones, where more does not fit: what is longer than in training drowns the message

STATE_PROMPT = "translate dialogue to dialogue state"
RESPONSE_PROMPT = "translate dialogue to dialogue response"
OPS_MARKS = ("<op_undo>", "<op_undo2>", "<op_undo3>", "<op_redo>", "<op_reset>")
INTENT_MARKS = tuple(f"<{intent}>" for intent in INTENTS)
ACT_MARKS = tuple(f"<act_{act}>" for act in ACTS)
VALUE_MARKS = tuple(f"<{sign}{value}>" for sign in "+-=" for value in VALUES)
SLOT_MARKS = tuple(f"<{sign}{slot}>" for sign in "-=" for slot in SLOTS)
SPECIALS: tuple[str, ...] = (
    "<pad>", "<end>", STATE_PROMPT, RESPONSE_PROMPT, "<undo2>", "<undo>", "<redo>", "<state>", "<system>", "<user>", "<event>", "<made>",
    "<failed>", "<removed>", *INTENT_MARKS, *OPS_MARKS, "<keep>", *DEGREES, *VALUE_MARKS, *SLOT_MARKS, *ACT_MARKS, "none",
    *(f"{slot}:" for slot in SLOTS), *VALUES, "<spare1>", "<spare2>", "<spare3>", "<spare4>", "<spare5>", "<spare6>",
)  # fmt: skip
ID: dict[str, int] = {token: index for index, token in enumerate(SPECIALS)}
PAD, END = ID["<pad>"], ID["<end>"]
FIRST_WORD = len(SPECIALS)  # ids from here on are the tokenizer's, shifted
BELIEF_IDS = frozenset(ID[token] for token in ("none", *(f"{slot}:" for slot in SLOTS), *VALUES))
MARK_IDS = frozenset(ID[m] for m in (*INTENT_MARKS, *OPS_MARKS, "<keep>", *DEGREES, *VALUE_MARKS, *SLOT_MARKS))

_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2190-\u21ff\u2b00-\u2bff]")
_MARKUP = re.compile(r"<[^<>\s\d][^<>]{0,200}>")  # tags of any language, and what looks like our control tokens


def clean(text: str) -> str:
    """What the model reads of a message (``tidy``). Raises MessageError for an empty or over-long message."""
    if not isinstance(text, str) or not text.strip():
        raise MessageError("The message is empty. Say what you would like to change, for example: a smile, please.")
    if len(text) > MAX_CHARACTERS:
        raise MessageError(f"The message has {len(text)} characters; please keep it under {MAX_CHARACTERS}.")
    return tidy(text)


def tidy(text: str) -> str:
    r"""Emoji, signs and markup become spaces, what cannot be seen (control characters, marks of direction, spaces of no width,
    halves of surrogate pairs) and rings around letters go without a trace, quotes are plain, spaces single.

    >>> tidy("sm\u00adile \u202eplease 😀")
    'smile please'
    """
    text = _MARKUP.sub(" ", unicodedata.normalize("NFKC", text)).translate(
        {0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"', 0x2014: "-", 0x2013: "-"}
    )
    return " ".join("".join(map(_seen, _EMOJI.sub(" ", text))).split())


def _seen(sign: str) -> str:
    kind = unicodedata.category(sign)
    if "\u0300" <= sign <= "\u036f":  # a stroke through a letter, or an accent that goes with none
        return ""
    if sign in "\t\n\v\f\r\x85" or kind[0] == "Z" or kind == "So":
        return " "
    return "" if kind[0] == "C" or kind == "Me" or "\ufe00" <= sign <= "\ufe0f" else sign


def is_foreign_script(text: str) -> bool:
    """Whether most letters are of another script than Latin (decided in code; Latin-script languages are learned)."""
    letters = [c for c in text if c.isalpha()]
    latin = sum("LATIN" in unicodedata.name(c, "") for c in letters)
    return bool(letters) and latin * 2 < len(letters)


@dataclass
class Codec:
    """The ids of text; ``tokenizer`` is a ``tokenizers.Tokenizer`` (uncased word pieces)."""

    tokenizer: Any

    @cached_property
    def whole_words(self) -> frozenset[str]:
        """The words of more than one letter that are one piece."""
        return frozenset(piece for piece in self.tokenizer.get_vocab() if len(piece) > 1 and piece.isalpha())

    @property
    def size(self) -> int:
        """How many ids there are."""
        return FIRST_WORD + int(self.tokenizer.get_vocab_size())

    def words(self, text: str) -> list[int]:
        """Ids of free text; nothing in it can become a control token."""
        return [FIRST_WORD + i for i in self.tokenizer.encode(text, add_special_tokens=False).ids]

    def text(self, ids: Iterable[int]) -> str:
        """Free text of ids; control ids are left out."""
        pieces = [self.tokenizer.id_to_token(i - FIRST_WORD) or "" for i in ids if i >= FIRST_WORD]
        return readable(pieces)

    def state_input(self, conv: Conversation, text: str, window: int = WINDOW) -> list[int]:
        """The tracker's input for a cleaned message, ending with <end>."""
        said = self.words(text)
        if len(said) > MAX_PIECES:
            raise MessageError(f"The message has {len(said)} words and signs; please keep it under {MAX_PIECES}.")
        head = [ID[STATE_PROMPT], ID["<user>"], *said, ID["<state>"], *values(conv.state.belief)]
        tail: list[int] = []
        for name, stack, depth in (
            ("<undo>", conv.undo_stack, 1),
            ("<undo2>", conv.undo_stack, 2),
            ("<redo>", conv.redo_stack, 1),
        ):
            if len(stack) >= depth:
                tail += [ID[name], *values(stack[-depth].belief)]
        room = window - len(head) - len(tail) - 1
        exchanges: list[int] = []
        for turn in reversed(conv.turns):
            ids = self.exchange(turn, EARLIER)
            if len(ids) > room and not exchanges:  # the newest is always there, because a bare yes binds to it
                ids = self.exchange(turn, SHORTEST)
            if len(ids) > room and exchanges:
                break
            room -= len(ids)
            exchanges += ids
        return [*head, *exchanges, *tail, END]

    def exchange(self, turn: Turn, longest: int) -> list[int]:
        """An earlier reply and what it answered: the end of the one, where its question is, and the beginning of the other."""
        ids = self.reply(turn, longest)
        if turn.event is not None:
            return [*ids, ID["<event>"], event_id(turn.event)]
        return [*ids, ID["<user>"], *self.words(tidy(turn.user or "."))[:longest]]

    def reply(self, turn: Turn, longest: int = EARLIER) -> list[int]:
        """The end of the reply of an earlier turn."""
        return [ID["<system>"], *self.words(tidy(turn.system))[-longest:]] if turn.system else []

    def state_target(self, heard: Heard) -> list[int]:
        """Control tokens and the belief's text form, ending with <end>."""
        return [*(ID[mark] for mark in heard.marks), *belief_ids(heard.state.belief), END]

    def response_input(self, conv: Conversation, heard: Heard, outcome: Outcome) -> list[int]:
        """The input of the reply to the latest turn of ``conv`` (the turn is already in it)."""
        ids = [ID[RESPONSE_PROMPT]]
        for name, chosen in (("<made>", outcome.made), ("<failed>", outcome.failed), ("<removed>", outcome.removed)):
            if chosen:
                ids += [ID[name], *(ID[value] for value in chosen)]
        ids += [ID[mark] for mark in heard.marks if mark in INTENT_MARKS or mark in OPS_MARKS or mark in DEGREES]
        ids += [ID["<state>"], *values(heard.state.belief)]
        if len(conv.turns) > 1:
            ids += self.reply(conv.turns[-2])
        return [*ids, ID["<user>"], *self.words(tidy(conv.turns[-1].user or "."))[:EARLIER], END]


_NO_SPACE_AROUND = frozenset("'-(")
_NO_SPACE_BEFORE = frozenset(".,!?;:)%'-")


def readable(pieces: Sequence[str]) -> str:
    """Lower-cased word pieces → a sentence as people write it: pieces joined, spaces and capitals put back by rule.

    >>> readable(["sure", ",", "i", "'", "ve", "added", "a", "smile", "##y", "face", ".", "what", "else", "?"])
    "Sure, I've added a smiley face. What else?"
    """
    text, quoted, glue = "", False, True  # glue: the next piece follows without a space
    for piece in pieces:
        if piece.startswith("##"):
            text += piece[2:]
        elif piece == '"':
            text += piece if quoted or glue else f" {piece}"
            quoted, glue = not quoted, not quoted
            continue
        elif glue or piece in _NO_SPACE_BEFORE:
            text += piece
        else:
            text += f" {piece}"
        glue = piece in _NO_SPACE_AROUND
    text = re.sub(r"\b(i|english)\b", lambda found: found[1].capitalize(), text)
    return re.sub(r'(^|[.!?] )("?[a-z])', lambda found: found[1] + found[2].upper(), text)


def values(belief: Belief) -> list[int]:
    """A belief in an input: its values, or "none"."""
    return [ID[value] for value in belief] or [ID["none"]]


def belief_ids(belief: Belief) -> list[int]:
    """A belief in a target: its text form, each slot name and value one id."""
    ids: list[int] = []
    for slot, chosen in belief.to_json().items():
        ids += [ID[f"{slot}:"], *(ID[value] for value in chosen)]
    return ids or [ID["none"]]


def event_id(event: dict[str, Any]) -> int:
    """A button in the history, as the mark that says the same."""
    kind, value = event["type"], event.get("value", "")
    return ID[{"set": f"<+{value}>", "remove": f"<-{value}>", "strength": f"<={value}>"}.get(kind, f"<op_{kind}>")]


def act_ids(act: Any) -> list[int]:
    """The prefix of a response target that says its act."""
    ids = [ID[f"<act_{act.type}>"]]
    if act.slot is not None:
        ids.append(ID[f"{act.slot}:"])
    if act.value is not None:
        ids.append(ID[act.value])
    return ids


def belief_text(ids: Iterable[int]) -> str:
    """The belief part of a decoded target in FORMAT's text form (control tokens stripped)."""
    text = ""
    for index in ids:
        if index not in BELIEF_IDS:
            continue
        token = SPECIALS[index]
        if token.endswith(":"):
            text += ("; " if text else "") + token + " "
        else:
            text += ("" if text.endswith(": ") or not text else ", ") + token
    return text


def marks_of(ids: Iterable[int]) -> tuple[str, ...]:
    """The control tokens of a decoded target."""
    return tuple(SPECIALS[index] for index in ids if index in MARK_IDS)
