"""The dialogue model: a small BERT encoder and decoder (Hugging Face classes); tracks the belief and writes the reply.

In: a folder with config.json, model.safetensors (8-bit rows and their scales) and tokenizer.json. Out: ``Heard`` from ``track``, ``Spoken`` from
``respond``. What was heard is learned; what it does to the belief, the undo stack and the strengths is exact code.
"""

from __future__ import annotations

import inspect
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
from i2edit.errors import WeightsError
from i2edit.ontology import EXCLUDES, SLOT_OF, SLOTS, VALUES, Belief, BeliefSyntaxError
from i2edit.records import Act, Outcome

MAX_STATE = 48  # ids of a state target at most (23 values and 5 slots would not fit into a consistent belief)
MAX_REPLY = 56
CANDIDATES = 4  # sampled replies checked in one batch
TEMPERATURE, TOP_P = 0.6, 0.9


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
        self._state_masks = _grammar(codec.size)

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
            elif not any(c.isalnum() for c in text):  # emoji or punctuation alone
                heard[index] = Heard(state=conv.state, intent="none", marks=("<none>",))
            else:
                rows.append(index)
        if rows:
            decoded = self._decode_states([self.codec.state_input(pairs[i][0], cleaned[i]) for i in rows])
            for index, ids in zip(rows, decoded, strict=True):
                heard[index] = self._hear(pairs[index][0], ids)
        return [h for h in heard if h is not None]

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
    def _decode_states(self, rows: list[list[int]]) -> list[list[int]]:
        """Greedy, constrained to the grammar of state targets."""
        inputs = pad(rows)
        step = _Steps(self.network, inputs)
        last = torch.full((len(rows),), PAD, dtype=torch.long)
        out: list[list[int]] = [[] for _ in rows]
        for _ in range(MAX_STATE):
            scores = step(last).masked_fill(~self._state_masks[last], -torch.inf)
            last = scores.argmax(-1)
            for ids, token in zip(out, last.tolist(), strict=True):
                if not ids or ids[-1] != END:
                    ids.append(token)
            if all(ids[-1] == END for ids in out):
                break
        return out

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
        rng = random.Random(
            f"{seed}|{len(conv.turns)}|{conv.turns[-1].user if conv.turns else ''}|{heard.state.belief.text}"
        )
        belief = heard.state.belief
        barred = frozenset(present) | frozenset(blocked) | conv.declined | conv.suggested
        if not heard.understood:
            return Spoken(rng.choice(NOT_UNDERSTOOD), Act("next"), checked=False)
        if not conv.turns or conv.turns[-1].user is None:
            return written(outcome, _choose_act(belief, barred, rng), belief, heard, rng)
        changed = bool(outcome.made or outcome.failed or outcome.removed or heard.ops)
        prefix: list[int] = act_ids(_choose_act(belief, barred, rng)) if changed else []
        spoken = self._speak(conv, heard, outcome, prefix, barred, rng)
        if spoken is None and not changed:  # the model's own choice of act was not usable: choose for it
            kind = {"question": "answer", "unsupported": "cannot", "foreign": "cannot"}.get(heard.intent, "next")
            spoken = self._speak(conv, heard, outcome, act_ids(Act(kind)), barred, rng)
        if spoken is not None:
            return spoken
        act = _choose_act(belief, barred, rng)
        return written(outcome, act, belief, heard, rng)

    def _speak(
        self,
        conv: Conversation,
        heard: Heard,
        outcome: Outcome,
        prefix: list[int],
        barred: frozenset[str],
        rng: random.Random,
    ) -> Spoken | None:
        """The first true candidate among sampled ones, before any that was said in this conversation already; or None."""
        row = self.codec.response_input(conv, heard, outcome)
        decoded = [ids for ids in self._sample(row, prefix, CANDIDATES, rng.getrandbits(48)) if ids[-1] == END]
        candidates = ((self.codec.text(ids), act) for ids in decoded if (act := _read_act(ids)) is not None)
        return first_true(candidates, conv, heard, outcome, barred)

    @torch.inference_mode()
    def _sample(self, row: list[int], prefix: list[int], count: int, seed: int) -> list[list[int]]:
        """``count`` sampled targets that begin with ``prefix``, in the order of sampling (so that replies vary with the seed)."""
        generator = torch.Generator().manual_seed(seed)
        step = _Steps(self.network, pad([row]), count)
        last = torch.full((count,), PAD, dtype=torch.long)
        out: list[list[int]] = [[] for _ in range(count)]
        ended = torch.zeros(count, dtype=torch.bool)
        for position in range(MAX_REPLY):
            scores = step(last)
            if position < len(prefix):
                last = torch.full((count,), prefix[position], dtype=torch.long)
            else:
                if position == 0:  # an act comes first, and only there
                    allowed = torch.zeros(scores.shape[-1], dtype=torch.bool)
                    allowed[[ID[mark] for mark in ACT_MARKS]] = True
                    scores = scores.masked_fill(~allowed, -torch.inf)
                log = torch.log_softmax(scores / TEMPERATURE, -1)
                last = _nucleus(log, generator)
            for ids, token, done in zip(out, last.tolist(), ended.tolist(), strict=True):
                if not done:
                    ids.append(token)
            ended |= last == END
            if bool(ended.all()):
                break
        return out


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


class _Steps:
    """One decoder step at a time with cached keys and values; the encoder runs once."""

    def __init__(self, network: Any, inputs: torch.Tensor, copies: int = 1) -> None:
        mask = (inputs != PAD).long()
        hidden = network.encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
        self.decoder = network.decoder
        self.hidden = hidden.repeat_interleave(copies, 0)
        self.mask = mask.repeat_interleave(copies, 0)
        self.cache: Any = None
        # The argument and the result are called "cache" from transformers 5.20 on, "past_key_values" before.
        self.name = "cache" if "cache" in inspect.signature(network.decoder.forward).parameters else "past_key_values"

    def __call__(self, last: torch.Tensor) -> torch.Tensor:
        """Latest ids [B] → scores of the next ids [B, vocabulary]."""
        out = self.decoder(
            input_ids=last[:, None], encoder_hidden_states=self.hidden, encoder_attention_mask=self.mask,
            use_cache=True, **{self.name: self.cache},
        )  # fmt: skip
        self.cache = getattr(out, self.name)
        return out.logits[:, -1].float()


def _nucleus(log: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Sample from the likeliest ids that hold TOP_P of the probability. [B, V] log-probabilities → [B]."""
    ranked, order = log.exp().sort(-1, descending=True)
    before = ranked.cumsum(-1) - ranked
    ranked = ranked.masked_fill(before > TOP_P, 0.0)
    return order.gather(1, torch.multinomial(ranked, 1, generator=generator))[:, 0]


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
