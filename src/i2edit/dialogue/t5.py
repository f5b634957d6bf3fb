"""The paper's own dialogue module: one T5 for both tasks, text in and text out (paper §4.1, §5.1, supplement B.1).

In: a folder as Hugging Face writes it, of T5 or PPTOD, usually one that ``i2edit train dialogue --model t5-small`` trained.
Out: ``Heard`` from ``track``, ``Spoken`` from ``respond``, as from the shipped model (dialogue/seq2seq.py).

    state input:      translate dialogue to dialogue state: user: a smile please system: Done. What else? user: and bangs
    state target:     expression: smiling; hairstyle: bangs
    response input:   translate dialogue to dialogue response: user: … system: … user: and bangs
    response target:  Here are the bangs. Do you want to change the makeup?

The paper's section 4.1 names the two prompts once in the wrong order (the response prompt "for the requirements tracking
task"); its Figure 5 and PPTOD's prompts say which is meant. A PPTOD checkpoint keeps its own marks around the same texts
(``<sos_u> .. <eos_u>``, targets ``<sos_b> .. <eos_b>``), which plain T5 does not have.

Two things are not in the paper. A history that does not fit is not cut off: the belief and the undo and redo steps that it
led to take its place, as a note. And a reply comes after the edit, so a note says which edits failed, where one did.
"""

from __future__ import annotations

import json
import pickle
import random
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from i2edit import weights
from i2edit.data.phrases.replies import SLOT_NAMES
from i2edit.data.simulate import choose_act
from i2edit.dialogue.check import mentions
from i2edit.dialogue.history import Conversation, Heard, Spoken
from i2edit.dialogue.prompts import RESPONSE_PROMPT, STATE_PROMPT, clean, tidy
from i2edit.dialogue.seq2seq import CANDIDATES, TEMPERATURE, TOP_P, first_true, pad, written
from i2edit.dialogue.tracking import steps
from i2edit.errors import WeightsError
from i2edit.ontology import EXCLUDES, SLOT_OF, SLOTS, VALUES, Belief
from i2edit.records import Act, Outcome, Turn

_SAMPLING = threading.Lock()  # transformers draws from torch's one random state
WINDOW = 512  # ids of an input, what T5 was trained with; the latest message and the exchange before it are never cut
MAX_REPLY = 80  # ids
STEPS_NOTED = 3  # undo steps in the note that stands for a folded history

# PPTOD's added tokens in the order of their ids (32100 and on in the published checkpoints).
PPTOD_TOKENS = (
    "<_PAD_>", "<go_r>", "<go_b>", "<go_a>", "<eos_u>", "<eos_r>", "<eos_b>", "<eos_a>", "<go_d>", "<eos_d>", "<sos_u>",
    "<sos_r>", "<sos_b>", "<sos_a>", "<sos_d>", "<sos_db>", "<eos_db>", "<sos_context>", "<eos_context>",
)  # fmt: skip

# Table 5 of the paper, by the names of T5Config.
TABLE5: dict[str, dict[str, int]] = {
    "small": {"num_layers": 6, "num_heads": 8, "d_kv": 64, "d_ff": 2048, "d_model": 512},
    "base": {"num_layers": 12, "num_heads": 12, "d_kv": 64, "d_ff": 3072, "d_model": 768},
    "large": {"num_layers": 24, "num_heads": 16, "d_kv": 64, "d_ff": 4096, "d_model": 1024},
}
HUB = {f"t5-{size}": f"google-t5/t5-{size}" for size in TABLE5}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILES = ["*.json", "spiece.model"]  # of a checkpoint on the hub, beside its weights


def table5_config(size: str, rows: int = 32128) -> Any:
    """The T5Config of a size of the paper's Table 5; ``rows`` of word vectors (PPTOD: 32119)."""
    from transformers import T5Config

    return T5Config(**TABLE5[size], vocab_size=rows, decoder_start_token_id=0)


def size_of(config: Any) -> str | None:
    """The size of Table 5 that a config has, or None."""
    return next((size for size, wanted in TABLE5.items() if {k: getattr(config, k) for k in wanted} == wanted), None)


# Text and ids ---------------------------------------------------------------------------------------------------------
class TextCodec:
    """Conversations ⇄ ids of a T5 tokenizer, plain or PPTOD's. Raises WeightsError for a tokenizer that cannot write
    the text form of beliefs."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        known = [token for token in PPTOD_TOKENS if token in tokenizer.get_vocab()]
        if known and len(known) < len(PPTOD_TOKENS):
            raise WeightsError(f"The tokenizer has {len(known)} of PPTOD's {len(PPTOD_TOKENS)} added tokens, not all.")
        self.pptod = bool(known)
        self.pad = int(tokenizer.pad_token_id)
        self.words = lru_cache(maxsize=1 << 16)(self._words)
        control = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
        self.control = frozenset(int(index) for index in control)
        self.ends = {task: self._mark("eos", task) for task in ("state", "response")}
        self.starts = {task: self._mark("sos", task) for task in ("state", "response")}
        self.grammar = BeliefGrammar(lambda text: list(self.words(text)), self.ends["state"])
        for text in (part for value in VALUES for part in (f"{value},", f"{value};", f"{SLOT_OF[value]}:")):
            if tokenizer.decode(self.words(text)).strip() != text:
                raise WeightsError(f"The tokenizer cannot write {text!r}, which beliefs are made of.")

    def _mark(self, kind: str, task: str) -> int:
        """The id at the beginning ("sos") or the end ("eos") of a target."""
        if self.pptod:
            return self._id(f"<{kind}_{'b' if task == 'state' else 'r'}>")
        return self.pad if kind == "sos" else int(self.tokenizer.eos_token_id)

    def _id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))

    def _words(self, text: str) -> tuple[int, ...]:
        # T5's vocabulary has no "<", so nothing is lost, and no text can become a control token.
        plain = text.replace("<", " ")
        return tuple(self.tokenizer(plain, add_special_tokens=False).input_ids)

    def text(self, ids: Iterable[int]) -> str:
        """The text of a decoded target, control tokens left out."""
        kept = [index for index in ids if index not in self.control]
        return " ".join(str(self.tokenizer.decode(kept)).split())

    def _part(self, name: str, text: str) -> list[int]:
        """One part of an input: what the user or the system said, or a note."""
        if not self.pptod:
            return [*self.words(f"{name}:"), *self.words(text)]
        mark = {"user": "u", "system": "r", "note": "db"}[name]  # PPTOD tells facts from outside the dialogue as db
        return [self._id(f"<sos_{mark}>"), *self.words(text), self._id(f"<eos_{mark}>")]

    def _exchange(self, turn: Turn) -> list[int]:
        """A turn and its reply; a button is told as the user's word in parentheses."""
        said = tidy(turn.user or ".")
        if turn.event is not None:
            said = f"({' '.join(str(turn.event[key]) for key in ('type', 'value', 'strength') if key in turn.event)})"
        ids = self._part("user", said)
        return ids + self._part("system", turn.system) if turn.system else ids

    def _input(
        self, prompt: str, turns: Sequence[Turn], last: Sequence[int], conv: Conversation, notes: str, window: int
    ) -> list[int]:
        """Prompt, the exchanges of ``turns``, the part ``last``, notes. Where that is more than ``window`` ids, the
        oldest exchanges but the newest one make room for a note."""
        exchanges = [self._exchange(turn) for turn in turns]
        context = [self._id("<sos_context>"), self._id("<eos_context>")] if self.pptod else [self.ends["state"]]
        head = [*self.words(f"{prompt}:"), *context[:-1]]
        for folded in range(max(len(exchanges), 1)):
            history = [index for exchange in exchanges[folded:] for index in exchange]
            told = f"{_folded(conv, turns[folded - 1].belief)} {notes}".strip() if folded else notes
            tail = self._part("note", told) if told else []
            if len(head) + len(history) + len(last) + len(tail) + 1 <= window:
                break
        # PPTOD's context is closed before its facts; T5's input ends with the end of the sequence.
        return [*head, *history, *last, *((context[-1], *tail) if self.pptod else (*tail, context[-1]))]

    def state_input(self, conv: Conversation, text: str, window: int = WINDOW) -> list[int]:
        """The tracker's input for a message. Raises MessageError for an empty or over-long one."""
        return self._input(STATE_PROMPT, conv.turns, self._part("user", clean(text)), conv, "", window)

    def state_target(self, belief: Belief) -> list[int]:
        """The belief's text form and the end, without the start that the decoder is given."""
        return self.grammar.encode(belief)

    def response_input(self, conv: Conversation, outcome: Outcome, window: int = WINDOW) -> list[int]:
        """The input of the reply to the latest turn of ``conv`` (the turn is in it, its reply is not)."""
        notes = f"failed: {', '.join(outcome.failed)}" if outcome.failed else ""
        return self._input(RESPONSE_PROMPT, conv.turns[:-1], self._exchange(conv.turns[-1]), conv, notes, window)

    def response_target(self, text: str) -> list[int]:
        """A reply and the end."""
        return [*self.words(text), self.ends["response"]]


def _folded(conv: Conversation, before: Belief) -> str:
    """The note that stands for what was said before the history shown: the belief it led to, and where undo and redo
    lead now."""
    undo = [f"undo: {state.belief.text}." for state in reversed(conv.undo_stack[-STEPS_NOTED:])]
    redo = [f"redo: {state.belief.text}." for state in conv.redo_stack[-1:]]
    return " ".join((f"before: {before.text}.", *undo, *redo))


class BeliefGrammar:
    """Which ids may follow in the text form of a belief, for any tokenizer that splits at spaces.

    The text is written in segments, each as the tokenizer splits it: ``makeup:`` a slot, ``lipstick,`` a value with
    another of its slot to follow, ``lipstick;`` with another slot to follow, ``lipstick`` and the end. Values come in
    ontology order and without contradiction, so whatever is decoded parses, and has an end.

    ``encode``: text → ids. ``end``: the id after the text.
    """

    def __init__(self, encode: Callable[[str], list[int]], end: int) -> None:
        self._encode, self.end = encode, end
        self._next: dict[tuple[tuple[str, ...], str], dict[tuple[int, ...], str]] = {}
        slots = sum(len(encode(f"{slot}:")) for slot in SLOTS)
        self.longest = slots + sum(len(encode(f"{value},")) for value in VALUES) + 1  # ids, a safe bound

    def encode(self, belief: Belief) -> list[int]:
        """The ids of a belief's text form and the end."""
        segments = belief.text.replace(": ", ":\n").replace(", ", ",\n").replace("; ", ";\n").split("\n")
        return [*(index for segment in segments for index in self._encode(segment)), self.end]

    def allowed(self, ids: Sequence[int]) -> list[int]:
        """The ids that may follow ``ids`` (the decoder's start left out); after the end, the end again. Raises
        ValueError when ``ids`` are no beginning of a belief."""
        chosen: tuple[str, ...] = ()
        segment, begun = "", 0
        while segment != "end":
            options = self._options(chosen, segment)
            rest = tuple(ids[begun:])
            done = next((piece for piece in options if rest[: len(piece)] == piece), None)
            if done is None:
                following = {piece[len(rest)] for piece in options if piece[: len(rest)] == rest}
                if not following:
                    raise ValueError("These ids do not begin the text form of a belief.")
                return sorted(following)
            begun += len(done)
            segment = options[done]
            if segment != "end" and segment[:-1] in SLOT_OF:
                chosen = (*chosen, segment[:-1])
        return [self.end]

    def _options(self, chosen: tuple[str, ...], last: str) -> dict[tuple[int, ...], str]:
        """ids → segment of what may follow the segment ``last`` after these values; the segment that ends is "end"."""
        key = (chosen, last)
        if key not in self._next:
            slots = list(SLOTS)
            if last.endswith((":", ",")):
                slot = last[:-1] if last.endswith(":") else SLOT_OF[last[:-1]]
                free = [value for value in SLOTS[slot] if _fits(value, chosen)]
                texts = [f"{value}," for value in free if any(_fits(v, (*chosen, value)) for v in free)]
                if slot != slots[-1]:
                    texts += [f"{value};" for value in free]
                ends = free
            else:
                texts = [f"{slot}:" for slot in slots[slots.index(SLOT_OF[chosen[-1]]) + 1 if chosen else 0 :]]
                ends = [] if last else ["none"]
            self._next[key] = {tuple(self._encode(text)): text for text in texts}
            self._next[key] |= {(*self._encode(text), self.end): "end" for text in ends}
        return self._next[key]


def _fits(value: str, chosen: tuple[str, ...]) -> bool:
    """Whether a value may follow these: later in the ontology, excluded by none of them."""
    return not EXCLUDES[value] & set(chosen) and (not chosen or VALUES.index(value) > VALUES.index(chosen[-1]))


# The model ------------------------------------------------------------------------------------------------------------
class T5Dialogue:
    """Network and tokenizer; knows no conversation, so it can be shared by all of them.

    The decoded belief is what counts (paper §4.1). Which steps through the history a turn took, so that "undo" can be
    undone, is read off the words and the two stacks (``tracking.steps``). Strengths are not heard: "a bit" and "more"
    are no part of the belief, and the paper has nothing else.
    """

    def __init__(self, network: Any, codec: TextCodec, window: int = WINDOW) -> None:
        rows = network.get_input_embeddings().weight.shape[0]
        if rows < len(codec.tokenizer):
            raise WeightsError(
                f"The model has {rows} word vectors, but its tokenizer has {len(codec.tokenizer)} tokens."
            )
        from transformers import GenerationConfig

        self.network = network.eval()
        # What the folder says of generation (beams, penalties) is for other tasks than ours.
        network.generation_config = GenerationConfig(
            decoder_start_token_id=codec.starts["state"], eos_token_id=codec.ends["state"], pad_token_id=codec.pad
        )
        self.codec = codec
        self.window = window
        # A reply is made of words: of all that is none only its end may be decoded.
        self._silent = sorted({*codec.control, *range(len(codec.tokenizer), rows)} - {codec.ends["response"]})

    @classmethod
    def from_folder(cls, folder: Path, device: str | None = None) -> T5Dialogue:
        """Read a folder of T5 or PPTOD (``*.safetensors`` or ``pytorch_model.bin``; ``tokenizer.json`` or
        ``spiece.model``) onto ``device``, by default the GPU if there is one. Raises WeightsError."""
        from transformers import AutoConfig, AutoTokenizer, T5ForConditionalGeneration

        folder = checkpoint_folder(folder)
        if not (folder / "tokenizer.json").is_file() and not (find_spec("sentencepiece") and _has_protobuf()):
            raise WeightsError(
                f"The tokenizer in {folder} is a sentencepiece file. Reading it needs two more packages: "
                "pip install 'i2edit[train]'."
            )
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            if config.model_type != "t5":
                raise WeightsError(f"The model in {folder} is {config.model_type!r}, not T5.")
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            network, found = T5ForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
        except (
            OSError,
            ValueError,
            RuntimeError,
            KeyError,
            TypeError,
            SafetensorError,
            pickle.UnpicklingError,
        ) as error:
            reason = str(error).strip().partition("\n")[0]
            raise WeightsError(f"The dialogue model in {folder} cannot be read: {reason}") from error
        wrong = [*found["missing_keys"], *found["mismatched_keys"]]
        if wrong:
            raise WeightsError(
                f"The weights in {folder} do not fit their config: {wrong[0]} and {len(wrong) - 1} more."
            )
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(network.to(device), TextCodec(tokenizer))

    def save(self, folder: Path) -> None:
        """Write the folder, readable by ``from_folder`` and by transformers itself."""
        folder.mkdir(parents=True, exist_ok=True)
        self.network.save_pretrained(folder, max_shard_size="100GB")
        self.codec.tokenizer.save_pretrained(folder)

    def track(self, conv: Conversation, text: str) -> Heard:
        """What a message means in this conversation. Raises MessageError for an empty or over-long one."""
        return self.track_many([(conv, text)])[0]

    def track_many(self, pairs: Sequence[tuple[Conversation, str]]) -> list[Heard]:
        """``track`` for several conversations in one batch."""
        if not pairs:
            return []
        rows = [self.codec.state_input(conv, text, self.window) for conv, text in pairs]
        grammar = self.codec.grammar
        decoded = self._generate(
            "state", rows, max_new_tokens=grammar.longest,
            prefix_allowed_tokens_fn=lambda _, ids: grammar.allowed(ids.tolist()[1:]),
        )  # fmt: skip
        return [_hear(conv, text, self.codec.text(ids)) for (conv, text), ids in zip(pairs, decoded, strict=True)]

    def respond(
        self,
        conv: Conversation,
        heard: Heard,
        outcome: Outcome,
        present: frozenset[str] = frozenset(),
        blocked: frozenset[str] = frozenset(),
        seed: int = 0,
    ) -> Spoken:
        """The reply to the latest turn of ``conv`` (call after ``conv.hear``), deterministic in its arguments.

        The act is the model's own choice and is read off its words (``act_of``). A reply that suggests what is in the
        belief, excluded by it, in the photo (``present``), ``blocked`` or suggested before, and one that the outcome
        contradicts, is not said; when all candidates are such, a written sentence is used.
        """
        said = conv.turns[-1].user if conv.turns else None
        belief = heard.state.belief
        key = f"{seed}|{len(conv.turns)}|{said}|{belief.text}"
        rng = random.Random(key.encode("utf-8", "replace"))  # halves of surrogate pairs cannot be encoded
        barred = frozenset(present) | frozenset(blocked) | conv.declined | conv.suggested
        changed = bool(outcome.made or outcome.failed or outcome.removed or heard.ops)
        texts = self._sample(conv, outcome, rng.getrandbits(48)) if said is not None else []
        spoken = first_true(((text, act_of(text, outcome, changed)) for text in texts), conv, heard, outcome, barred)
        return spoken or written(outcome, choose_act(belief, barred, rng), belief, heard, rng)

    def respond_many(self, turns: Sequence[tuple[Conversation, Heard, Outcome]]) -> list[Spoken]:
        """``respond`` for several conversations, one after the other: each has a seed of its own."""
        return [self.respond(*turn) for turn in turns]

    def _sample(self, conv: Conversation, outcome: Outcome, seed: int) -> list[str]:
        """Replies drawn by the seed, in the order of drawing; torch's own random state is left as it was."""
        devices = [self.network.device] if self.network.device.type == "cuda" else []
        with _SAMPLING, torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            decoded = self._generate(
                "response", [self.codec.response_input(conv, outcome, self.window)], max_new_tokens=MAX_REPLY, do_sample=True,
                temperature=TEMPERATURE, top_p=TOP_P, top_k=0, num_return_sequences=CANDIDATES, suppress_tokens=self._silent,
            )  # fmt: skip
        return [self.codec.text(ids) for ids in decoded]

    @torch.inference_mode()
    def _generate(self, task: str, rows: Sequence[Sequence[int]], **how: Any) -> list[list[int]]:
        """Decoded targets with their start; greedy unless ``how`` says otherwise."""
        from transformers import GenerationConfig

        allowed = how.pop("prefix_allowed_tokens_fn", None)
        config = GenerationConfig(
            decoder_start_token_id=self.codec.starts[task], eos_token_id=self.codec.ends[task], pad_token_id=self.codec.pad, **how
        )  # fmt: skip
        inputs = pad(rows, self.codec.pad).to(self.network.device)
        mask = torch.zeros_like(inputs)
        for index, row in enumerate(rows):
            mask[index, : len(row)] = 1
        out = self.network.generate(
            inputs, attention_mask=mask, generation_config=config, prefix_allowed_tokens_fn=allowed
        )
        return [[int(index) for index in ids] for ids in out.tolist()]


def _hear(conv: Conversation, text: str, target: str) -> Heard:
    """What a decoded belief text does to the conversation."""
    belief = Belief.parse(target)
    ops = steps(conv, Turn(belief, user=text))
    state = conv.after_ops(ops).state.with_belief(belief)
    intent = "change" if ops or belief != conv.state.belief else "none"
    marks = (f"<{intent}>", *(f"<op_{op}>" for op in ops))
    return Heard(state, ops, intent=intent, marks=marks, target=target)


_APOLOGY = re.compile(
    r"\b(sorry|unfortunately|can't|cannot|unable|beyond|exceeds|outside|not possible|afraid|wish i could|no can do|english|"
    r"only)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[^.!?]+\?")


def act_of(text: str, outcome: Outcome, changed: bool) -> Act:
    """The act that a reply's words perform. One that asks, and names one value that the turn was not about, suggests it;
    one whose last question names a slot requests it. A reply to a turn that changed nothing is ``cannot`` when it
    apologises, and ``answer`` when it does not ask. All others are ``next``.

    >>> act_of("Done. How about bangs?", Outcome(made=("smiling",)), changed=True)
    Act(type='suggest', slot='hairstyle', value='bangs')
    """
    asked = _QUESTION.findall(text)[-1:]
    if asked:
        named = mentions(asked[0]) or mentions(text) - {*outcome.made, *outcome.failed, *outcome.removed}
        if len(named) == 1:
            return Act.suggest(named.pop())
        words = asked[0].lower()
        slots = [slot for slot, names in SLOT_NAMES.items() if any(_bare(name) in words for name in (slot, *names))]
        if slots and not named:
            return Act("request", slots[-1])
    if not changed and _APOLOGY.search(text):
        return Act("cannot")
    return Act("next" if changed or asked else "answer")


def _bare(name: str) -> str:
    return name.removeprefix("the ")


# Checkpoints ----------------------------------------------------------------------------------------------------------
def checkpoint_folder(folder: Path) -> Path:
    """The folder with config.json: the given one, or the first ``epoch…`` in it, as PPTOD names its fine-tuned runs.
    Raises WeightsError."""
    if not (folder / "config.json").is_file():
        folder = next(iter(sorted(path for path in folder.glob("epoch*") if path.is_dir())), folder)
    if not (folder / "config.json").is_file():
        raise WeightsError(f"There is no config.json in {folder}, so it is no folder of a model.")
    return folder


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is one of Hugging Face's or PPTOD's, rather than of the compact model."""
    try:
        config = json.loads((checkpoint_folder(folder) / "config.json").read_text(encoding="utf-8"))
    except (WeightsError, OSError, ValueError):
        return False
    return isinstance(config, dict) and "model_type" in config


def resolve(name: str) -> Path:
    """The folder of ``t5-small``, ``t5-base``, ``t5-large``, of a path, or of a hub id, fetched if need be (never with
    I2EDIT_OFFLINE). Raises WeightsError."""
    path = Path(name).expanduser()
    if path.is_dir():
        return checkpoint_folder(path)
    repo = HUB.get(name, name)
    if not _HUB_ID.fullmatch(repo):
        raise WeightsError(
            f"There is no model called {name!r}: neither a folder nor a hub id (OWNER/NAME), nor one of {', '.join(HUB)}."
        )
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(repo, allow_patterns=[*_FILES, "model*.safetensors"], local_files_only=weights.offline())
        )
        if not any(folder.glob("model*.safetensors")):  # older checkpoints
            files = [*_FILES, "pytorch_model*.bin"]
            folder = Path(snapshot_download(repo, allow_patterns=files, local_files_only=weights.offline()))
    except Exception as error:  # the hub's errors share no base class; all of them mean: no model
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        if weights.offline():
            reason = "it is not in its cache, and I2EDIT_OFFLINE forbids the network"
        raise WeightsError(
            f"There is no folder {name}, and {repo} could not be fetched from the model hub: {reason}. "
            f"On a machine that reaches the hub, `hf download {repo}` gets it; then name its folder."
        ) from error
    return checkpoint_folder(folder)


def _has_protobuf() -> bool:
    try:
        return find_spec("google.protobuf") is not None
    except ModuleNotFoundError:  # no package of the namespace "google"
        return False


__all__ = [
    "PPTOD_TOKENS", "TABLE5", "BeliefGrammar", "T5Dialogue", "TextCodec", "act_of", "checkpoint_folder", "is_checkpoint",
    "resolve", "size_of", "table5_config",
]  # fmt: skip
