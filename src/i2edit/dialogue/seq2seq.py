"""The dialogue model: a small BERT encoder and decoder (Hugging Face classes); tracks the belief and writes the reply.

In: a folder with config.json, model.safetensors (8-bit rows and their scales) and tokenizer.json. Out: ``Heard`` from ``track``, ``Spoken`` from
``respond``. What was heard is learned; what it does to the belief, the undo stack and the strengths is exact code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from i2edit.data.phrases import replies
from i2edit.dialogue.check import is_true
from i2edit.dialogue.history import DEGREES, Conversation, Heard, Spoken, hear_marks
from i2edit.dialogue.prompts import (
    ACT_MARKS,
    END,
    FIRST_WORD,
    ID,
    INTENT_MARKS,
    OPS_MARKS,
    PAD,
    SLOT_MARKS,
    SPECIALS,
    VALUE_MARKS,
    Codec,
    act_ids,
    belief_text,
    clean,
    is_foreign_script,
    marks_of,
)
from i2edit.dialogue.sense import doubt, to_a_machine
from i2edit.errors import WeightsError
from i2edit.ontology import EXCLUDES, SLOT_OF, SLOTS, VALUES, Belief, BeliefSyntaxError
from i2edit.records import Act, Outcome

MAX_STATE = 48  # ids of a state target at most (23 values and 5 slots would not fit into a consistent belief)
MAX_REPLY = 56
CANDIDATES = 4  # sampled replies checked in one batch
TEMPERATURE, TOP_P, LIKELIEST = 0.6, 0.9, 64


@dataclass(frozen=True)
class Size:
    """Shape of the network; the defaults are the shipped one (MiniLM-L6's encoder, two decoder layers)."""

    width: int = 384
    inner: int = 1536
    heads: int = 12
    encoder_layers: int = 6
    decoder_layers: int = 2
    positions: int = 512
    dropout: float = 0.1


def new_network(vocabulary: int, size: Size | None = None) -> Any:
    """An EncoderDecoderModel of two BERTs that share their word vectors, from torch's global seed, in training mode."""
    from transformers import BertConfig, BertLMHeadModel, BertModel, EncoderDecoderConfig, EncoderDecoderModel

    size = size or Size()
    common: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": size.width, "intermediate_size": size.inner,
        "num_attention_heads": size.heads, "max_position_embeddings": size.positions, "type_vocab_size": 2,
        "hidden_dropout_prob": size.dropout, "attention_probs_dropout_prob": size.dropout, "pad_token_id": PAD,
    }  # fmt: skip
    encoder = BertConfig(**common, num_hidden_layers=size.encoder_layers)
    decoder = BertConfig(
        **common, num_hidden_layers=size.decoder_layers, is_decoder=True, add_cross_attention=True, eos_token_id=END
    )
    config = EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = PAD, PAD, END
    network = EncoderDecoderModel(
        config=config, encoder=BertModel(encoder, add_pooling_layer=False), decoder=BertLMHeadModel(decoder)
    )
    network.decoder.bert.embeddings.word_embeddings.weight = network.encoder.embeddings.word_embeddings.weight
    network.decoder.cls.predictions.decoder.weight = network.encoder.embeddings.word_embeddings.weight
    network.generation_config.pad_token_id, network.generation_config.eos_token_id = PAD, END
    network.generation_config.decoder_start_token_id = PAD
    return network


def pack(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights as they are stored: matrices as int8 with one float16 scale a row (``NAME.scale``), the rest as float16."""
    packed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if tensor.ndim == 2 and tensor.numel() >= 4096:
            scale = (tensor.float().abs().amax(1, keepdim=True) / 127).clamp(min=1e-7).half()
            packed[name] = (tensor.float() / scale.float()).round().clamp(-127, 127).to(torch.int8)
            packed[f"{name}.scale"] = scale
        else:
            packed[name] = tensor.half().contiguous()
    return packed


def unpack(packed: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of ``pack``, in float32."""
    return {
        name: tensor.float() * packed[f"{name}.scale"].float() if tensor.dtype == torch.int8 else tensor.float()
        for name, tensor in packed.items()
        if not name.endswith(".scale")
    }


def pad(rows: Sequence[Sequence[int]], fill: int = PAD) -> torch.Tensor:
    """Rows of ids → LongTensor [rows, longest]."""
    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [fill] * (width - len(row)) for row in rows], dtype=torch.long)


_TIED = frozenset({
    "decoder.bert.embeddings.word_embeddings.weight", "decoder.cls.predictions.decoder.weight",
    "decoder.cls.predictions.decoder.bias", "encoder.embeddings.position_ids", "decoder.bert.embeddings.position_ids",
})  # fmt: skip


def _load(network: Any, state: dict[str, torch.Tensor]) -> None:
    """All weights of a network from ``state``; ValueError when one is missing or too much."""
    missing, unexpected = network.load_state_dict(state, strict=False)
    if set(missing) - _TIED or unexpected:
        wrong = sorted({*(set(missing) - _TIED), *unexpected})
        raise ValueError(f"its weights do not fit its config ({wrong[0]} and {len(wrong) - 1} more)")


def _size_of(network: Any) -> Size:
    """The Size that a network was made with."""
    config = network.encoder.config
    return Size(
        config.hidden_size, config.intermediate_size, config.num_attention_heads, config.num_hidden_layers,
        network.decoder.config.num_hidden_layers, config.max_position_embeddings, config.hidden_dropout_prob,
    )  # fmt: skip


class DialogueModel:
    """Network and tokenizer; knows no conversation, so it can be shared by all of them."""

    def __init__(self, network: Any, codec: Codec) -> None:
        self.network = network.eval()
        self.codec = codec
        self.malformed = 0  # decoded targets that were no sentence of ours; each left the belief as it was
        self.disagreed = 0  # decoded belief texts that differ from what the marks lead to; the marks count
        self._state_masks = _grammar(FIRST_WORD)

    @classmethod
    def from_folder(cls, folder: Path) -> DialogueModel:
        """Read config.json, model.safetensors and tokenizer.json. Raises WeightsError."""
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (folder / name).is_file():
                raise WeightsError(
                    f"The dialogue model in {folder} lacks {name}. Train one with `i2edit train dialogue`."
                )
        codec = Codec(Tokenizer.from_file(str(folder / "tokenizer.json")))
        try:
            network = new_network(codec.size, Size(**json.loads((folder / "config.json").read_text())))
            _load(network, unpack(load_file(folder / "model.safetensors")))
        except (TypeError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise WeightsError(f"The dialogue model in {folder} cannot be read: {error}") from error
        return cls(network, codec)

    def save(self, folder: Path) -> None:
        """Write the three files."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach() for k, v in self.network.state_dict().items() if k not in _TIED}
        save_file(pack(state), str(folder / "model.safetensors"))
        (folder / "config.json").write_text(json.dumps(asdict(_size_of(self.network)), indent=1) + "\n")
        self.codec.tokenizer.save(str(folder / "tokenizer.json"))

    # Tracking -------------------------------------------------------------------------------------------------------
    def track(self, conv: Conversation, text: str) -> Heard:
        """What a message means in this conversation. Raises MessageError for an empty or over-long one."""
        return self.track_many([(conv, text)])[0]

    def track_many(self, pairs: Sequence[tuple[Conversation, str]]) -> list[Heard]:
        """``track`` for several conversations in one batch (used by evaluation)."""
        cleaned = [clean(text) for _, text in pairs]
        heard: list[Heard | None] = [None] * len(pairs)
        rows = []
        for index, ((conv, _), text) in enumerate(zip(pairs, cleaned, strict=True)):
            if is_foreign_script(text):
                heard[index] = Heard(state=conv.state, intent="foreign", marks=("<foreign>",))
            elif not any(c.isalpha() for c in text):  # numbers, emoji or punctuation alone
                heard[index] = Heard(state=conv.state, intent="none", marks=("<none>",))
            else:
                rows.append(index)
        if rows:
            decoded = self._decode_states([self.codec.state_input(pairs[i][0], cleaned[i]) for i in rows])
            for index, (ids, sure) in zip(rows, decoded, strict=True):
                conv = pairs[index][0]
                heard[index] = self._believed(conv, cleaned[index], self._hear(conv, ids), sure)
        return [h for h in heard if h is not None]

    def _believed(self, conv: Conversation, text: str, heard: Heard, sure: float) -> Heard:
        """What was heard, unless it is a change that the message gives no ground for (``sense``): then nothing changes."""
        if heard.intent != "change":
            return heard
        if heard.ops and to_a_machine(text):
            return Heard(conv.state, intent="unsupported", marks=("<unsupported>",), target=heard.target)
        if doubt(text, self.codec.whole_words, sure) is not None:
            return Heard(conv.state, understood=False, intent="none", target=heard.target)
        return heard

    def _hear(self, conv: Conversation, ids: list[int]) -> Heard:
        """Marks of a decoded target, applied exactly; a malformed target changes nothing and is counted."""
        marks, text = marks_of(ids), belief_text(ids)
        target = " ".join((*marks, text))
        intents = [mark for mark in marks if mark in INTENT_MARKS]
        acts = [mark for mark in marks if mark not in INTENT_MARKS]
        belief = conv.state.belief
        sound = bool(ids) and ids[-1] == END and len(intents) == 1 and (intents[0] == "<change>") == bool(acts)
        if sound:
            try:
                belief = Belief.parse(text)
            except BeliefSyntaxError:
                sound = False
        if not sound:
            self.malformed += 1
            return Heard(state=conv.state, understood=False, intent="none", target=target)
        heard = hear_marks(conv, marks, target)
        if belief != heard.state.belief and not heard.ops:
            self.disagreed += 1
        return heard

    @torch.inference_mode()
    def _decode_states(self, rows: list[list[int]]) -> list[tuple[list[int], float]]:
        """Greedy, constrained to the grammar of state targets; with the probability of the first id, the intent."""
        inputs = pad(rows)
        step = _Steps(self.network, inputs, size=FIRST_WORD)
        last = torch.full((len(rows),), PAD, dtype=torch.long)
        out: list[list[int]] = [[] for _ in rows]
        sure: list[float] = []
        for _ in range(MAX_STATE):
            scores = step(last).masked_fill(~self._state_masks[last], -torch.inf)
            sure = sure or scores.softmax(-1).amax(-1).tolist()
            last = scores.argmax(-1)
            for ids, token in zip(out, last.tolist(), strict=True):
                if not ids or ids[-1] != END:
                    ids.append(token)
            if all(ids[-1] == END for ids in out):
                break
        return list(zip(out, sure, strict=True))

    # Replies --------------------------------------------------------------------------------------------------------
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

        Policy: after a change Next 40 %, Request 27 %, Suggest 33 % (the paper's three acts); never suggests what is in the
        belief, excluded by it, in the photo (``present``), ``blocked``, or suggested before. When nothing changed, the model
        chooses the act. The reply is checked against the outcome; when no candidate is true, a written sentence is used.
        """
        return self.respond_many([(conv, heard, outcome)], present, blocked, seed)[0]

    def respond_many(
        self,
        turns: Sequence[tuple[Conversation, Heard, Outcome]],
        present: frozenset[str] = frozenset(),
        blocked: frozenset[str] = frozenset(),
        seed: int = 0,
        acts: Sequence[Act | None] | None = None,
    ) -> list[Spoken]:
        """``respond`` for several conversations in one batch (used by evaluation). ``acts``: acts that are to be said, one a turn
        (None: the policy's)."""
        told = acts or [None] * len(turns)
        asked = [_Asked(*turn, frozenset(present) | blocked, seed, act) for turn, act in zip(turns, told, strict=True)]
        spoken: list[Spoken | None] = [
            Spoken(one.rng.choice(NOT_UNDERSTOOD), Act("next"), checked=False) if not one.heard.understood else None
            for one in asked
        ]
        left = [
            i for i, one in enumerate(asked)
            if spoken[i] is None and one.conv.turns and one.conv.turns[-1].user is not None
        ]  # fmt: skip
        prefixes = {i: act_ids(asked[i].act()) if asked[i].changed or asked[i].told else [] for i in left}
        for again in (False, True):
            if again:  # the model's own choice of act was not usable: choose for it
                left = [i for i in left if spoken[i] is None and not asked[i].changed]
                kinds = {"question": "answer", "unsupported": "cannot", "foreign": "cannot"}
                prefixes = {i: act_ids(Act(kinds.get(asked[i].heard.intent, "next"))) for i in left}
            for i, sampled in zip(left, self._sample([(asked[i], prefixes[i]) for i in left]), strict=True):
                one = asked[i]
                whole = [ids for ids in sampled if ids[-1] == END]
                candidates = ((self.codec.text(ids), act) for ids in whole if (act := _read_act(ids)) is not None)
                spoken[i] = first_true(candidates, one.conv, one.heard, one.outcome, one.barred)
        return [
            said or written(one.outcome, one.act(), one.heard.state.belief, one.heard, one.rng)
            for one, said in zip(asked, spoken, strict=True)
        ]

    @torch.inference_mode()
    def _sample(self, asked: Sequence[tuple[_Asked, list[int]]]) -> list[list[list[int]]]:
        """CANDIDATES sampled targets for each, that begin with its prefix, in the order of sampling (so that replies vary with
        the seed)."""
        if not asked:
            return []
        inputs = pad([self.codec.response_input(one.conv, one.heard, one.outcome) for one, _ in asked])
        step = _Steps(self.network, inputs, CANDIDATES)
        chance = torch.cat([one.chance() for one, _ in asked], 1)  # [MAX_REPLY, rows]
        forced = pad([prefix for _, prefix in asked for _ in range(CANDIDATES)], fill=-1)
        acts = torch.full((self.codec.size,), -torch.inf)
        acts[[ID[mark] for mark in ACT_MARKS]] = 0.0
        last = torch.full((len(forced),), PAD, dtype=torch.long)
        out: list[list[int]] = [[] for _ in last]
        ended = torch.zeros(len(last), dtype=torch.bool)
        for position in range(MAX_REPLY):
            scores = step(last)
            if position == 0:  # an act comes first, and only there
                scores = scores + acts
            last = _nucleus(torch.log_softmax(scores / TEMPERATURE, -1), chance[position])
            if position < forced.shape[1]:
                last = torch.where(forced[:, position] >= 0, forced[:, position], last)
            for ids, token, done in zip(out, last.tolist(), ended.tolist(), strict=True):
                if not done:
                    ids.append(token)
            ended |= last == END
            if bool(ended.all()):
                break
        return [out[i : i + CANDIDATES] for i in range(0, len(out), CANDIDATES)]


def first_true(
    candidates: Iterable[tuple[str, Act]],
    conv: Conversation,
    heard: Heard,
    outcome: Outcome,
    barred: frozenset[str],
) -> Spoken | None:
    """The first candidate (text, act) that is true and suggests nothing ``barred`` or settled, before any that was said in
    this conversation already; or None."""
    belief = heard.state.belief
    suggestible = {None, *_suggestable(belief, barred)}
    said = {turn.system for turn in conv.turns}
    again: Spoken | None = None
    for text, act in candidates:
        if act.value in suggestible and is_true(text, act, outcome, belief, heard.ops):
            if text not in said:
                return Spoken(text, act)
            again = again or Spoken(text, act)
    return again


@dataclass
class _Asked:
    """A turn that is to be answered, and the chance that goes with it."""

    conv: Conversation
    heard: Heard
    outcome: Outcome
    barred: frozenset[str]  # never suggested
    seed: int
    told: Act | None = None  # the act that it is to be answered with, instead of the policy's

    def __post_init__(self) -> None:
        latest = self.conv.turns[-1].user if self.conv.turns else ""
        key = f"{self.seed}|{len(self.conv.turns)}|{latest}|{self.heard.state.belief.text}"
        self.rng = random.Random(key.encode("utf-8", "replace"))  # halves of surrogate pairs cannot be encoded
        self.barred = self.barred | self.conv.declined | self.conv.suggested
        if self.told is not None and self.told.value is not None:
            self.barred -= {self.told.value}
        made = self.outcome
        self.changed = bool(made.made or made.failed or made.removed or self.heard.ops)

    def act(self) -> Act:
        """The act that was told, or the next one by the policy."""
        return self.told or _choose_act(self.heard.state.belief, self.barred, self.rng)

    def chance(self) -> torch.Tensor:
        """[MAX_REPLY, CANDIDATES] in [0, 1): what decides each word."""
        generator = torch.Generator().manual_seed(self.rng.getrandbits(48))
        return torch.rand(MAX_REPLY, CANDIDATES, generator=generator)


class _Steps:
    """One decoder step at a time with kept keys and values; the encoder runs once. Only the first ``size`` ids are scored.

    The arithmetic of transformers' BertLMHeadModel for one new id, without its bookkeeping, which takes longer than the
    arithmetic itself on a network as small as ours.
    """

    def __init__(self, network: Any, inputs: torch.Tensor, copies: int = 1, size: int | None = None) -> None:
        mask = inputs != PAD
        hidden = network.encoder(input_ids=inputs, attention_mask=mask.long()).last_hidden_state
        bert, head = network.decoder.bert, network.decoder.cls.predictions
        self.embeddings, self.layers, self.transform = bert.embeddings, bert.encoder.layer, head.transform
        self.table, self.bias = head.decoder.weight[:size], head.decoder.bias[:size]
        self.heads = network.decoder.config.num_attention_heads
        self.mask = mask.repeat_interleave(copies, 0)[:, None, None]
        self.source = [
            [self._split(part(hidden)).repeat_interleave(copies, 0) for part in (own.key, own.value)]
            for own in (layer.crossattention.self for layer in self.layers)
        ]
        self.past: list[list[torch.Tensor]] = [[] for _ in self.layers]  # keys and values so far, of each layer
        self.position = 0

    def __call__(self, last: torch.Tensor) -> torch.Tensor:
        """Latest ids [B] → scores of the next ids [B, size]."""
        known = self.embeddings
        x = known.word_embeddings(last[:, None]) + known.position_embeddings.weight[self.position]
        x = known.LayerNorm(x + known.token_type_embeddings.weight[0])
        for layer, source, past in zip(self.layers, self.source, self.past, strict=True):
            own = layer.attention.self
            new = [self._split(part(x)) for part in (own.key, own.value)]
            past[:] = [torch.cat(pair, 2) for pair in zip(past, new, strict=True)] if past else new
            x = self._attend(layer.attention, x, past)
            x = self._attend(layer.crossattention, x, source, self.mask)
            inner = layer.intermediate(x)
            x = layer.output.LayerNorm(layer.output.dense(inner) + x)
        self.position += 1
        return torch.nn.functional.linear(self.transform(x[:, -1]), self.table, self.bias).float()

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """[B, L, width] → [B, heads, L, width / heads]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _attend(
        self, block: Any, x: torch.Tensor, pair: list[torch.Tensor], mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        query = self._split(block.self.query(x))
        seen = torch.nn.functional.scaled_dot_product_attention(query, pair[0], pair[1], attn_mask=mask)
        return block.output.LayerNorm(block.output.dense(seen.transpose(1, 2).flatten(2)) + x)


def _nucleus(log: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """Sample from the likeliest ids that hold TOP_P of the probability, LIKELIEST at most. [B, V] log-probabilities, [B] in [0, 1)
    → [B]."""
    ranked, order = log.exp().topk(min(LIKELIEST, log.shape[-1]), -1)
    before = ranked.cumsum(-1) - ranked
    total = ranked.masked_fill(before > TOP_P, 0.0).cumsum(-1)
    place = torch.searchsorted(total, chance[:, None] * total[:, -1:], right=True).clamp(max=order.shape[-1] - 1)
    return order.gather(1, place)[:, 0]


def _grammar(size: int) -> torch.Tensor:
    """Which id may follow which in a state target: BoolTensor [ids, ids] (row: the latest id; PAD begins)."""
    allowed = torch.zeros(FIRST_WORD + 1, size, dtype=torch.bool)
    intents = [ID[m] for m in INTENT_MARKS]
    ops, degrees = [ID[m] for m in OPS_MARKS], [ID[m] for m in DEGREES]
    plus = [ID[m] for m in VALUE_MARKS]
    edits = [*plus, *(ID[m] for m in SLOT_MARKS)]
    slots = [ID[f"{slot}:"] for slot in SLOTS]
    none, keep = ID["none"], ID["<keep>"]
    begin_belief = [none, *slots]
    allowed[PAD, intents] = True
    for intent in intents:
        allowed[intent, begin_belief] = True
    allowed[ID["<change>"]] = False
    allowed[ID["<change>"], [*ops, *degrees, *edits, keep]] = True
    for op in ops:
        allowed[op, [*ops, *degrees, *edits, *begin_belief]] = True
    for degree in degrees:
        allowed[degree, [ID[m] for m in VALUE_MARKS if m[1] in "+="]] = True
    allowed[keep, [i for i in edits if SPECIALS[i][1] == "="]] = True
    for edit in edits:
        allowed[edit, [*degrees, *edits, *begin_belief]] = True
    allowed[none, END] = True
    for rank, (slot, chosen) in enumerate(SLOTS.items()):
        allowed[ID[f"{slot}:"], [ID[v] for v in chosen]] = True
        for index, value in enumerate(chosen):
            later = [v for v in chosen[index + 1 :] if v not in EXCLUDES[value]]
            allowed[ID[value], [*(ID[v] for v in later), *slots[rank + 1 :], END]] = True
    allowed[END, END] = True
    return allowed


def _read_act(ids: list[int]) -> Act | None:
    """The act at the beginning of a response target, or None if it is malformed."""
    if not ids or ids[0] >= FIRST_WORD or SPECIALS[ids[0]] not in ACT_MARKS:
        return None
    kind = SPECIALS[ids[0]][5:-1]
    rest = [SPECIALS[i] for i in ids[1:3] if i < FIRST_WORD]
    slot = rest[0][:-1] if rest and rest[0].endswith(":") else None
    value = rest[1] if len(rest) > 1 and rest[1] in VALUES else None
    wrong = (kind == "request" and slot is None) or (kind == "suggest" and (value is None or SLOT_OF[value] != slot))
    if wrong:
        return None
    if kind == "suggest" and value is not None:
        return Act.suggest(value)
    return Act(kind, slot if kind == "request" else None)


def _suggestable(belief: Belief, barred: frozenset[str]) -> list[str]:
    from i2edit.data.simulate import suggestable

    return suggestable(belief, barred)


def _choose_act(belief: Belief, barred: frozenset[str], rng: random.Random) -> Act:
    from i2edit.data.simulate import choose_act

    return choose_act(belief, barred, rng)


NOT_UNDERSTOOD = (
    "Sorry, I did not understand that. Could you say it in other words?",
    "I'm sorry, I didn't get that. Could you put it differently?",
    "Hmm, I couldn't make sense of that, sorry. What should I change?",
)


def written(outcome: Outcome, act: Act, belief: Belief, heard: Heard, rng: random.Random) -> Spoken:
    """The hand-written reply of last resort, made of the same true sentences that the model learned from."""
    from i2edit.data.simulate import system_reply

    kind = "done"
    if heard.ops and not (outcome.made or outcome.failed or outcome.removed):
        kind = "reset" if heard.ops[-1] == "reset" else "done"
    elif heard.intent in ("unsupported", "foreign"):
        kind = {"unsupported": "u_wish", "foreign": "foreign"}[heard.intent]
    elif heard.intent == "question":
        kind = "q_can"
    for _ in range(20):
        text, said = system_reply(kind, heard.marks, outcome, belief, act, rng)
        if is_true(text, said, outcome, belief, heard.ops):
            return Spoken(text, said, checked=False)
    text = "Okay." if not outcome.failed else f"Sorry, {replies.NAMES[outcome.failed[0]][0]} didn't work on this photo."
    return Spoken(f"{text} {replies.NEXT[0]}", Act("next"), checked=False)
