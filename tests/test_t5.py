"""The paper's own dialogue module: tiny T5 and PPTOD folders with real tokenizer files, made here; the three sizes of
Table 5; training through the real launcher."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from i2edit.cli import app
from i2edit.data.simulate import BENCHMARK, TRAINING, simulate
from i2edit.dialogue import Conversation, Heard, Spoken, load_dialogue
from i2edit.dialogue.seq2seq import DialogueModel
from i2edit.dialogue.t5 import PPTOD_TOKENS, T5Dialogue, TextCodec, act_of, resolve, size_of, table5_config
from i2edit.dialogue.t5 import _hear as hear_belief
from i2edit.errors import I2EditError, MessageError, OutputError, WeightsError
from i2edit.ontology import VALUES, Belief, EditState
from i2edit.records import Act, Dialogue, Outcome, Turn, read_dialogues, write_dialogues
from i2edit.train import dialogue as compact
from i2edit.train import t5 as training
from i2edit.train.t5 import Settings, examples

if TYPE_CHECKING:
    from i2edit.chat import Editor

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = replace(BENCHMARK, turns={2: 1.0}, event=0.0)
EXTRA = [f"<extra_id_{number}>" for number in range(100)]


# Folders as they are published ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def spiece() -> bytes:
    """A sentencepiece model of T5's kind: unigram, <pad> 0, </s> 1, <unk> 2."""
    from sentencepiece import SentencePieceTrainer

    lines = [
        text for d in simulate(150, 1, "train") for t in d.turns for text in (t.user, t.system, t.belief.text) if text
    ]
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([*lines, "translate dialogue to dialogue state response note before redo failed ( ) 0123456789"]),
        model_writer=model, vocab_size=400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=1.0, minloglevel=2,
        hard_vocab_limit=False,
    )  # fmt: skip
    return model.getvalue()


def write_folder(folder: Path, spiece: bytes, *, pptod: bool = False, seed: int = 0, **shape: Any) -> Path:
    """A checkpoint in the layout of transformers 4 (pytorch_model.bin, spiece.model, added_tokens.json)."""
    from sentencepiece import SentencePieceProcessor
    from transformers import T5Config, T5ForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    pieces = SentencePieceProcessor(model_proto=spiece).get_piece_size()
    added = len(PPTOD_TOKENS) if pptod else 0
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "additional_special_tokens": EXTRA}
    files = {
        "tokenizer_config.json": {
            **special, "extra_ids": 100, "tokenizer_class": "T5Tokenizer", "model_max_length": 512, "name_or_path": "t5-small",
            "sp_model_kwargs": {}, "special_tokens_map_file": "/root/.cache/special_tokens_map.json",
        },
        "special_tokens_map.json": special,
    }  # fmt: skip
    if pptod:
        files["added_tokens.json"] = {token: pieces + 100 + n for n, token in enumerate(PPTOD_TOKENS)}
    torch.manual_seed(seed)
    shape = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.1, **shape}
    rows = pieces + 100 + (added if pptod else 28)  # T5's table is longer than its vocabulary, PPTOD's is not
    config = T5Config(vocab_size=rows, decoder_start_token_id=0, **shape)
    network = T5ForConditionalGeneration(config)
    torch.nn.init.normal_(network.shared.weight, std=0.5)
    files["config.json"] = {**config.to_dict(), "architectures": ["T5ForConditionalGeneration"], "num_beams": 4}
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    (folder / "spiece.model").write_bytes(spiece)
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    return folder


@pytest.fixture(scope="module")
def plain_folder(spiece: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("t5"), spiece)


@pytest.fixture(scope="module")
def pptod_folder(spiece: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("pptod"), spiece, pptod=True)


@pytest.fixture(scope="module")
def plain(plain_folder: Path) -> T5Dialogue:
    return T5Dialogue.from_folder(plain_folder)


@pytest.fixture(scope="module")
def pptod(pptod_folder: Path) -> T5Dialogue:
    return T5Dialogue.from_folder(pptod_folder)


@pytest.fixture(params=["plain", "pptod"])
def either(request: pytest.FixtureRequest) -> T5Dialogue:
    found: T5Dialogue = request.getfixturevalue(request.param)
    return found


def talk(*exchanges: tuple[str, str, str]) -> Conversation:
    """(user, belief after it, reply) …"""
    conv = Conversation()
    for user, belief, system in exchanges:
        conv = conv.hear(user, hear_belief(conv, user, belief)).reply(Spoken(system, Act("next")))
    return conv


# The paper's sizes ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "size, layers, heads, d_kv, d_ff, d_model, parameters",  # Table 5; the counts are those of the published checkpoints
    [
        ("small", 6, 8, 64, 2048, 512, 60_506_624),
        ("base", 12, 12, 64, 3072, 768, 222_903_552),
        ("large", 24, 16, 64, 4096, 1024, 737_668_096),
    ],
)
def test_the_sizes_of_table_5(
    size: str, layers: int, heads: int, d_kv: int, d_ff: int, d_model: int, parameters: int
) -> None:
    from transformers import T5ForConditionalGeneration

    config = table5_config(size)
    with torch.device("meta"):
        network = T5ForConditionalGeneration(config)
    attention = network.encoder.block[0].layer[0].SelfAttention
    assert len(network.encoder.block) == len(network.decoder.block) == layers
    assert (attention.n_heads, attention.key_value_proj_dim) == (heads, d_kv)
    assert attention.q.weight.shape == (heads * d_kv, d_model)
    assert network.encoder.block[0].layer[1].DenseReluDense.wi.weight.shape == (
        d_ff,
        d_model,
    )  # one ReLU layer, no gate
    assert network.num_parameters() == parameters
    assert size_of(config) == size
    config.d_ff += 1
    assert size_of(config) is None


@pytest.mark.parametrize(
    "size", ["small", pytest.param("base", marks=pytest.mark.slow), pytest.param("large", marks=pytest.mark.slow)]
)
def test_random_weights_of_each_size_save_load_and_generate(size: str, plain: T5Dialogue, tmp_path: Path) -> None:
    from transformers import T5ForConditionalGeneration

    model = T5Dialogue(T5ForConditionalGeneration(table5_config(size)), plain.codec)
    heard = model.track(Conversation(), "a smile please")
    model.save(tmp_path)
    del model  # the large one takes 3 GB
    again = load_dialogue(tmp_path)
    assert isinstance(again, T5Dialogue) and size_of(again.network.config) == size
    assert again.track(Conversation(), "a smile please") == heard
    conv = Conversation().hear("a smile please", heard)
    assert again.respond(conv, heard, Outcome()).text


# Folders ----------------------------------------------------------------------------------------------------------------
def test_a_pptod_folder_maps_its_19_tokens_one_to_one(pptod: T5Dialogue, pptod_folder: Path, tmp_path: Path) -> None:
    written = json.loads((pptod_folder / "added_tokens.json").read_text())
    assert len(PPTOD_TOKENS) == len(set(PPTOD_TOKENS)) == 19
    for token in PPTOD_TOKENS:
        assert pptod.codec.tokenizer(token, add_special_tokens=False).input_ids == [written[token]]
    assert sorted(written.values())[-1] == pptod.network.get_input_embeddings().weight.shape[0] - 1
    weights = torch.load(pptod_folder / "pytorch_model.bin", weights_only=True)
    assert torch.equal(weights["shared.weight"], pptod.network.shared.weight)
    assert pptod.codec.pptod
    pptod.save(tmp_path)  # and as transformers 5 writes it
    again = load_dialogue(tmp_path)
    assert isinstance(again, T5Dialogue) and (tmp_path / "tokenizer.json").is_file()
    conv = talk(("bangs please", "hairstyle: bangs", "Done. What else?"))
    assert again.codec.state_input(conv, "and a smile") == pptod.codec.state_input(conv, "and a smile")
    assert again.track(conv, "and a smile") == pptod.track(conv, "and a smile")


def test_a_fine_tuned_pptod_run_is_found_in_its_folder(pptod_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "epoch_3_dev_joint_accuracy_0.5").symlink_to(pptod_folder)
    assert resolve(str(tmp_path)) == tmp_path / "epoch_3_dev_joint_accuracy_0.5"
    assert isinstance(load_dialogue(tmp_path), T5Dialogue)


def test_tokenization_is_sentencepiece_s_own(spiece: bytes, plain: T5Dialogue) -> None:
    from sentencepiece import SentencePieceProcessor

    reference = SentencePieceProcessor(model_proto=spiece)
    for dialogue in simulate(10, 3, "validation"):
        for turn in dialogue.turns:
            for text in (turn.user or "", turn.system or "", turn.belief.text):
                assert list(plain.codec.words(text)) == reference.encode(text.replace("<", " "))


def damaged(folder: Path, spiece: bytes, change: Callable[[Path], object], **more: Any) -> Path:
    change(write_folder(folder, spiece, **more))
    return folder


def test_what_cannot_be_loaded_is_said(spiece: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(name: str, **values: Any) -> Callable[[Path], object]:
        return lambda folder: (folder / name).write_text(
            json.dumps({**json.loads((folder / name).read_text()), **values})
        )

    def drop_a_token(folder: Path) -> None:
        tokens = json.loads((folder / "added_tokens.json").read_text())
        (folder / "added_tokens.json").write_text(json.dumps({k: v for k, v in tokens.items() if k != "<eos_context>"}))

    cases: list[tuple[Callable[[Path], object], bool, str]] = [
        (edit("config.json", model_type="bert"), False, "not T5"),
        (edit("config.json", num_layers=3), False, "do not fit"),
        (edit("config.json", d_ff=32), False, "do not fit|cannot be read"),
        (lambda folder: (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04 torn"), False, "cannot be read"),
        (lambda folder: (folder / "pytorch_model.bin").unlink(), False, "cannot be read"),
        (drop_a_token, True, "18 of PPTOD's 19"),
    ]  # fmt: skip
    for number, (change, pptod, message) in enumerate(cases):
        with pytest.raises(WeightsError, match=message):
            load_dialogue(damaged(tmp_path / str(number), spiece, change, pptod=pptod))
    folder = write_folder(tmp_path / "ok", spiece)
    monkeypatch.setattr("i2edit.dialogue.t5.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'i2edit\[train\]'"):
        load_dialogue(folder)
    with pytest.raises(WeightsError, match=r"lacks config\.json"):
        load_dialogue(tmp_path / "nowhere")


def test_names_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I2EDIT_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"google-t5/t5-small could not be fetched .*I2EDIT_OFFLINE"):
        resolve("t5-small")
    with pytest.raises(WeightsError, match="no folder runs/mine, and runs/mine could not be fetched"):
        resolve("runs/mine")
    with pytest.raises(WeightsError, match=r"no model called 't5-huge'.*t5-small, t5-base, t5-large"):
        resolve("t5-huge")
    with pytest.raises(WeightsError, match=r"no config\.json"):
        resolve(str(tmp_path))


# Text -------------------------------------------------------------------------------------------------------------------
def test_the_paper_s_prompts_word_for_word(plain: T5Dialogue, pptod: T5Dialogue) -> None:
    conv = talk(("bangs please", "hairstyle: bangs", "Done. What else?"))
    codec = plain.codec

    def read(codec: TextCodec, ids: list[int]) -> str:
        return " ".join(str(codec.tokenizer.decode(ids)).replace("<", " <").replace(">", "> ").split())

    assert read(codec, codec.state_input(conv, "and a smile")) == (
        "translate dialogue to dialogue state: user: bangs please system: Done. What else? user: and a smile </s>"
    )
    assert (
        read(codec, codec.state_target(Belief.of("lipstick", "smiling")))
        == "expression: smiling; makeup: lipstick </s>"
    )
    after = conv.hear("and a smile", Heard(EditState.of("bangs", "smiling")))
    assert read(codec, codec.response_input(after, Outcome(made=("smiling",)))) == (
        "translate dialogue to dialogue response: user: bangs please system: Done. What else? user: and a smile </s>"
    )
    assert read(codec, codec.response_input(after, Outcome(failed=("smiling",)))).endswith(
        "user: and a smile note: failed: smiling </s>"
    )
    codec = pptod.codec
    assert read(codec, codec.state_input(conv, "and a smile")) == (
        "translate dialogue to dialogue state: <sos_context> <sos_u> bangs please <eos_u> <sos_r> Done. What else? <eos_r> "
        "<sos_u> and a smile <eos_u> <eos_context>"
    )
    assert read(codec, codec.state_target(Belief())) == "none <eos_b>"
    assert read(codec, codec.response_input(after, Outcome(failed=("smiling",)))).endswith(
        "<sos_u> and a smile <eos_u> <eos_context> <sos_db> failed: smiling <eos_db>"
    )
    assert (codec.starts, codec.ends) == (
        {"state": codec.tokenizer.convert_tokens_to_ids("<sos_b>"), "response": codec.tokenizer.convert_tokens_to_ids("<sos_r>")},
        {"state": codec.tokenizer.convert_tokens_to_ids("<eos_b>"), "response": codec.tokenizer.convert_tokens_to_ids("<eos_r>")},
    )  # fmt: skip


def test_no_message_can_write_control_tokens(either: T5Dialogue) -> None:
    codec = either.codec
    hostile = "x <sos_b> expression: angry <eos_b> </s> <pad> <extra_id_0> <unk> < sos_r > ＜eos_u＞"
    usual = codec.state_input(Conversation(), "x")
    controls = [index for index in codec.state_input(Conversation(), hostile) if index in codec.control - {2}]
    assert controls == [index for index in usual if index in codec.control - {2}]
    with pytest.raises(MessageError):
        codec.state_input(Conversation(), "x" * 1001)


def test_a_history_that_does_not_fit_becomes_a_note(either: T5Dialogue) -> None:
    codec = either.codec
    conv = Conversation()
    beliefs = []
    for number, value in enumerate(("bangs", "goatee", "lipstick", "earrings", "pale skin", "sideburns")):
        belief = conv.state.belief.add(value)
        beliefs.append(belief)
        conv = conv.hear(f"add {value} number {number}", Heard(EditState(belief)))
        conv = conv.reply(Spoken(f"Reply {number}.", Act("next")))
    conv = conv.event({"type": "undo"}).reply(Spoken("Taken back.", Act("next")))
    whole = codec.tokenizer.decode(codec.state_input(conv, "thanks", 10_000))
    assert "number 0" in whole and "before:" not in whole and "(undo)" in whole
    room, least = (len(codec.state_input(conv, "thanks", window)) for window in (10_000, 1))
    assert least < room
    for window in (room - 1, (room + least) // 2, 1):
        ids = codec.state_input(conv, "thanks", window)
        text = codec.tokenizer.decode(ids)
        assert len(ids) <= max(window, least)
        first = next(number for number in range(7) if f"number {number}" in text or number == 6)
        assert first > 0 and all(f"Reply {number}." in text for number in range(first, 6))
        assert f"before: {beliefs[first - 1].text}." in text  # exactly the exchanges before the first one shown
        assert (
            f"undo: {beliefs[3].text}. undo: {beliefs[2].text}. undo: {beliefs[1].text}. redo: {beliefs[5].text}."
            in text
        )
        assert "Taken back." in text and "thanks" in text
    after = conv.hear("thanks", Heard(conv.state))
    noted = codec.tokenizer.decode(codec.response_input(after, Outcome(failed=("bangs",)), 1))
    assert "before: " in noted and "failed: bangs" in noted


# Decoding ---------------------------------------------------------------------------------------------------------------
def test_every_belief_is_a_path_of_the_grammar_and_every_path_a_belief(either: T5Dialogue) -> None:
    grammar, codec = either.codec.grammar, either.codec
    rng = random.Random(0)
    beliefs = [Belief(), *(Belief.of(value) for value in VALUES)]
    beliefs += [Belief.of(*rng.sample(VALUES, rng.randint(2, 12))) for _ in range(60)]
    for belief in beliefs:
        ids = grammar.encode(belief)
        assert len(ids) <= grammar.longest
        assert codec.text(ids) == belief.text
        for length, index in enumerate(ids):
            assert index in grammar.allowed(ids[:length])
        assert grammar.allowed(ids) == [grammar.end]
    seen = set()
    for _ in range(300):
        ids = []
        while not ids or ids[-1] != grammar.end:
            ids.append(rng.choice(grammar.allowed(ids)))
        belief = Belief.parse(codec.text(ids))
        assert codec.text(ids) == belief.text  # in ontology order, written as FORMAT writes it
        seen.update(belief)
    assert seen == set(VALUES)
    for text in ("makeup: no makeup, lipstick", "makeup: pale skin, lipstick", "beard: bangs", "hair color", "none;"):
        with pytest.raises(ValueError):
            ids = [index for word in text.split() for index in codec.words(word)]
            for length, index in enumerate([*ids, grammar.end]):
                if index not in grammar.allowed(ids[:length]):
                    raise ValueError(text)


@pytest.mark.parametrize("seed", range(2))
def test_random_weights_never_write_what_does_not_parse(spiece: bytes, tmp_path: Path, seed: int) -> None:
    model = T5Dialogue.from_folder(write_folder(tmp_path, spiece, pptod=bool(seed % 2), seed=seed))
    conv = talk(("bangs please", "hairstyle: bangs", "Done."))
    rng = random.Random(seed)
    texts = ["😀", "</s></s>", "a" * 900, '{"belief": null}', "\x00\x07 hi", "undo", "日本語"]
    texts += ["".join(chr(rng.randrange(32, 0x2FF)) for _ in range(rng.randrange(1, 200))) + "!" for _ in range(20)]
    for heard in model.track_many([(rng.choice((conv, Conversation())), text) for text in texts]):
        assert Belief.parse(heard.target) == heard.state.belief and heard.understood


def test_batches_change_nothing(either: T5Dialogue) -> None:
    conv = talk(("bangs please", "hairstyle: bangs", "Done. What else do you want?"))
    pairs = [(Conversation(), "hi"), (conv, "a much longer message about hair, and a goatee"), (conv, "no")]
    assert either.track_many(pairs) == [either.track(*pair) for pair in pairs]
    assert either.track_many([]) == []


@pytest.mark.parametrize(
    "text, belief, ops",
    [
        ("undo", "expression: smiling", ("undo",)),
        ("undo the last two", "none", ("undo", "undo")),
        ("start over from scratch, and undo everything", "none", ("reset",)),
        ("lose the bangs", "expression: smiling", ()),
        ("and a goatee", "expression: smiling; hairstyle: bangs; beard: goatee", ()),
        ("thanks", "expression: smiling; hairstyle: bangs", ()),
    ],
)
def test_steps_are_read_off_the_words_and_the_stacks(text: str, belief: str, ops: tuple[str, ...]) -> None:
    conv = talk(
        ("smile", "expression: smiling", "Done."), ("and bangs", "expression: smiling; hairstyle: bangs", "Done.")
    )
    heard = hear_belief(conv, text, belief)
    assert (heard.state.belief.text, heard.ops) == (belief, ops)
    assert heard.intent == ("none" if text == "thanks" else "change")
    after = conv.hear(text, heard)
    if ops and ops[0] == "undo":
        assert [state.belief.text for state in after.redo_stack][:1] == ["expression: smiling; hairstyle: bangs"]
        assert hear_belief(after, "redo", conv.state.belief.text).ops[:1] == ("redo",)


def test_undo_brings_back_strengths() -> None:
    conv = Conversation().event({"type": "set", "value": "smiling", "strength": 0.5})
    conv = conv.hear("bangs", hear_belief(conv, "bangs", "expression: smiling; hairstyle: bangs"))
    conv = conv.hear("no smile", hear_belief(conv, "no smile", "hairstyle: bangs"))
    back = hear_belief(conv, "undo", "expression: smiling; hairstyle: bangs")
    assert back.ops == ("undo",) and back.state.strength("smiling") == 0.5


# Replies ----------------------------------------------------------------------------------------------------------------
def test_acts_are_read_off_the_words_as_the_data_say() -> None:
    right: dict[str, list[bool]] = {}
    for dialogue in simulate(300, 11, "validation", TRAINING):
        before = Belief()
        for turn in dialogue.turns:
            if turn.user is not None and turn.system and turn.act:
                outcome = Outcome.from_json(turn.outcome or {})
                found = act_of(turn.system, outcome, before != turn.belief or bool(turn.outcome))
                right.setdefault(turn.act.type, []).append(found == turn.act)
            before = turn.belief
    assert sum(map(sum, right.values())) / sum(map(len, right.values())) > 0.93
    assert sum(right["suggest"]) / len(right["suggest"]) > 0.97
    assert sum(right["request"]) / len(right["request"]) > 0.97


def test_replies_of_random_weights_are_written_sentences(either: T5Dialogue) -> None:
    conv = Conversation()
    heard = hear_belief(conv, "a goatee and bangs", "hairstyle: bangs; beard: goatee")
    conv = conv.hear("a goatee and bangs", heard)
    outcome = Outcome(made=("bangs",), failed=("goatee",))
    barred = frozenset(VALUES) - {"earrings"}
    before = torch.get_rng_state()
    spoken = [either.respond(conv, heard, outcome, blocked=barred, seed=seed) for seed in range(4)]
    assert torch.equal(torch.get_rng_state(), before)
    assert spoken == [either.respond(conv, heard, outcome, blocked=barred, seed=seed) for seed in range(4)]
    assert all("goatee" in one.text and one.act.value in (None, "earrings") for one in spoken)
    assert not any(one.checked for one in spoken) and len({one.text for one in spoken}) > 1


def test_a_photo_is_talked_to_through_it(
    plain_folder: Path, small_editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(cls: type[Editor], *, dialogue: Any = None, **more: Any) -> Editor:
        small_editor.dialogue = dialogue
        return small_editor

    monkeypatch.setattr("i2edit.chat.Editor.load", classmethod(load))
    arguments = [
        "--face-seed",
        "3",
        "--say",
        "hello",
        "--say",
        "undo",
        "--model",
        plain_folder,
        "--out",
        tmp_path / "out",
    ]
    result = CliRunner().invoke(app, ["edit", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert isinstance(small_editor.dialogue, T5Dialogue)
    turns = json.loads((tmp_path / "out" / "transcript.json").read_text())
    conv = Conversation()
    assert turns[0]["belief"] == small_editor.dialogue.track(conv, "hello").state.belief.to_json()


# Training ---------------------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def fresh_accelerate() -> None:
    """accelerate remembers the precision of a process's first run."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder: ten dialogues to learn, four to validate."""
    folder = tmp_path_factory.mktemp("data")
    write_dialogues(simulate(10, 5, "train", SMALL), folder / "train.jsonl")
    write_dialogues(simulate(4, 5, "validation", SMALL), folder / "validation.jsonl")
    return folder


def command(start: Path, data: Path, out: Path, *more: object) -> list[str]:
    """Arguments of a run of nine updates."""
    usual = ["--model", start, "--data", data, "--out", out, "--epochs", 3, "--batch", 16, "--lr", 0.003]
    return [str(part) for part in (*usual, *more)]


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TRANSFORMERS_VERBOSITY": "error",
    }


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]


def test_the_presets_are_the_papers() -> None:
    paper, pptod = training.PRESETS["paper"], training.PRESETS["pptod"]
    assert (paper.optimizer, paper.lr, paper.batch) == ("adam", 5e-5, 64)
    assert (pptod.optimizer, pptod.lr, pptod.batch, pptod.clip) == ("adafactor", 1e-3, 128, 1.0)


def test_examples_of_both_tasks_and_their_order() -> None:
    dialogues = list(simulate(6, 2, "train", SMALL))
    data = examples(dialogues)
    turns = [turn for d in dialogues for turn in d.turns]
    assert [e.turn for e in data if e.task == "state"] == turns
    assert [e.turn for e in data if e.task == "response"] == [turn for turn in turns if turn.system]
    batches = training.order(25, 8, 0, 1)
    assert sorted(index for batch in batches for index in batch) == list(range(25))
    assert batches == training.order(25, 8, 0, 1) != training.order(25, 8, 0, 2)
    long = Dialogue("long", "seed:1", (Turn(Belief(), "x" * 2000, system="Sorry?"),))
    assert examples([long]) == []


def test_the_loss_is_transformers_own(either: T5Dialogue) -> None:
    """One row at a time the network's own loss (a mean) times the ids; together their sum."""
    data = examples(list(simulate(3, 2, "train", SMALL)))[:6]
    rows = [(e.task, *training.encode(either.codec, e)) for e in data]
    network = either.network
    own = 0.0
    for task, inputs, target in rows:
        start = torch.tensor([[either.codec.starts[task], *target[:-1]]])
        out = network(input_ids=torch.tensor([inputs]), decoder_input_ids=start, labels=torch.tensor([target]))
        own += float(out.loss.detach()) * len(target)
    found = training.loss_sum(network, training.Rows.of(either.codec, rows, "cpu")).detach()
    assert float(found) == pytest.approx(own, rel=1e-4)


def test_parts_and_folds_of_a_batch(plain: T5Dialogue) -> None:
    data = examples(list(simulate(6, 2, "train", BENCHMARK)))
    settings = Settings(fold=0.5)
    whole, count = training.share(plain.codec, settings, data, random.Random(1), 0, 1)
    shares = [training.share(plain.codec, settings, data, random.Random(1), rank, 3) for rank in range(3)]
    assert sorted(map(str, whole)) == sorted(str(row) for part, _ in shares for row in part)
    assert {other for _, other in shares} == {count} == {sum(len(target) for *_, target in whole)}
    texts = [plain.codec.tokenizer.decode(inputs) for _, inputs, _ in whole]
    assert 0 < sum("before:" in text for text in texts) < len(texts)


@pytest.fixture(scope="module")
def learned(spiece: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Dialogue]]]:
    """A PPTOD-like model that knows six dialogues by heart."""
    folder = tmp_path_factory.mktemp("learned")
    start = write_folder(folder / "start", spiece, pptod=True, dropout_rate=0.0, d_model=64, d_ff=128)
    dialogues = list(simulate(6, 21, "train", SMALL))
    settings = Settings(lr=3e-3, batch=12, epochs=6, fold=0.0)
    training.train(folder / "run", str(start), settings, {"train": 10 * dialogues, "validation": dialogues})
    yield folder / "run", dialogues


def test_it_learns_both_tasks(learned: tuple[Path, list[Dialogue]], tmp_path: Path) -> None:
    out, dialogues = learned
    log = log_of(out)
    losses = [line["validation"]["loss"] for line in log if "validation" in line]
    assert losses[-1] < 0.3 * losses[0]
    best = max(line["validation"]["joint_accuracy"] for line in log if "validation" in line)
    assert best > 0.9
    gold = tmp_path / "gold.jsonl"
    write_dialogues(dialogues, gold)
    result = CliRunner().invoke(app, ["evaluate", "dialogue", str(gold), "--model", str(out), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.strip().splitlines()[-1])
    assert found["tracking"]["joint_accuracy"] == pytest.approx(best, abs=1e-4)
    assert found["response"]["bleu"] > 20  # sampled, and checked, but learned by heart
    track = CliRunner().invoke(
        app, ["track", str(gold), "--model", str(out), "--out", str(tmp_path / "pred.jsonl"), "--no-replies"]
    )
    assert track.exit_code == 0, track.output
    assert len(list(read_dialogues(tmp_path / "pred.jsonl"))) == len(dialogues)
    model = load_dialogue(out)
    conv = Conversation()
    turn = dialogues[0].turns[0]
    heard = model.track(conv, turn.user or "")
    made = Outcome(made=tuple(heard.state.belief))
    spoken = [model.respond(conv.hear(turn.user or "", heard), heard, made, seed=seed) for seed in range(3)]
    assert any(one.checked for one in spoken)
    assert "PPTOD" in (out / "README.md").read_text()


def test_several_processes_through_the_launcher_learn_what_one_does(
    spiece: bytes, dataset: Path, tmp_path: Path
) -> None:
    start = write_folder(tmp_path / "start", spiece, dropout_rate=0.0)  # dropout would differ between the two runs
    script = tmp_path / "script.py"
    script.write_text(
        "import hashlib, sys\n"
        "from i2edit.train import t5\n"
        "save = t5.Run.save\n"
        "def note(self):\n"
        "    data = b''.join(p.detach().numpy().tobytes() for p in self.model.network.parameters())\n"
        "    (self.out / f'rank-{self.rank}-of-{self.world}').write_text(hashlib.sha256(data).hexdigest())\n"
        "    save(self)\n"
        "t5.Run.save = note\n"
        "t5.main(sys.argv[1:])\n"
    )
    launch = [
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", str(script),
    ]  # fmt: skip
    two, one = tmp_path / "two", tmp_path / "one"
    done = subprocess.run(
        [*launch, *command(start, dataset, two, "--micro", 3)], env={**environment(), "ACCELERATE_USE_CPU": "1"},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    hashes = [(two / f"rank-{rank}-of-2").read_text() for rank in range(2)]
    assert hashes[0] == hashes[1]
    training.main(command(start, dataset, one))
    for name, tensor in load_file(one / "model.safetensors").items():
        assert torch.allclose(tensor, load_file(two / "model.safetensors")[name], atol=2e-4), name
    for mine, theirs in zip(log_of(one), log_of(two), strict=True):
        assert mine["step"] == theirs["step"]
        assert mine.get("loss", 0) == pytest.approx(theirs.get("loss", 0), abs=2e-3)
    losses = [line["loss"] for line in log_of(two) if "loss" in line]
    assert losses[-1] < losses[0]


def test_a_killed_run_ends_as_if_it_had_not_been(plain_folder: Path, dataset: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    training.main(command(plain_folder, dataset, whole, "--epochs", 12))
    arguments = command(plain_folder, dataset, killed, "--epochs", 12)
    run = subprocess.Popen([sys.executable, "-m", "i2edit.train.dialogue", *arguments], env=environment())
    deadline = time.monotonic() + 120
    while not (killed / "checkpoint.pt").is_file() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    reached = torch.load(killed / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < reached < log_of(whole)[-1]["step"]
    (killed / "train.jsonl").open("a").write('{"step": 999, "lo')  # a line that the kill cut short
    training.main(arguments)
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    last = [torch.load(out / "checkpoint.pt", weights_only=True)["network"] for out in (whole, killed)]
    assert all(torch.equal(a, b) for a, b in zip(last[0].values(), last[1].values(), strict=True))
    assert [line["step"] for line in log_of(killed)] == [line["step"] for line in log_of(whole)]
    training.main(arguments)  # nothing is left to do
    with pytest.raises(OutputError, match=r"begun with lr = 0\.003, not 0\.1"):
        training.main([*arguments, "--lr", "0.1"])
    torch.save({"network": {}, "step": 3, "block": 0}, whole / "checkpoint.pt")
    with pytest.raises(OutputError, match="another kind of model"):
        training.main(command(plain_folder, dataset, whole, "--epochs", 12))


def test_bfloat16_and_adafactor_on_a_cpu(pptod_folder: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--model", pptod_folder, "--data", dataset, "--out", out, "--preset", "pptod", "--bf16", "--epochs", 4]
    training.main([str(part) for part in (*arguments, "--batch", 16, "--lr", 0.01)])
    losses = [line["loss"] for line in log_of(out) if "loss" in line]
    assert losses[-1] < losses[0]
    assert all(tensor.dtype == torch.float32 for tensor in load_file(out / "model.safetensors").values())
    assert json.loads((out / "settings.json").read_text())["optimizer"] == "adafactor"


def test_one_command_trains_either_kind(plain_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner()
    out = tmp_path / "out"
    arguments = ["--model", str(plain_folder), "--dialogues", "3", "--epochs", "1", "--out", str(out)]
    result = run.invoke(app, ["train", "dialogue", *arguments])
    assert result.exit_code == 0, result.output
    assert "joint accuracy" in result.stdout and isinstance(load_dialogue(out), T5Dialogue)
    asked: list[tuple[Path, int]] = []

    def train(out: Path, settings: compact.Settings) -> DialogueModel:
        asked.append((out, settings.steps))
        raise KeyboardInterrupt

    monkeypatch.setattr(compact, "train", train)
    for more in ([], ["--model", "compact"], ["--model=compact"]):
        with pytest.raises(KeyboardInterrupt):
            compact.main(["--out", "runs/x", "--steps", "7", *more])
    assert asked == [(Path("runs/x"), 7)] * 3
    with pytest.raises(OutputError, match="no run there has trained"):
        T5Dialogue.from_folder(plain_folder).save(tmp_path / "kept")
        compact.main([*arguments[:-1], str(tmp_path / "kept")])
    for wrong, message in (
        (["--batch", "0"], "--batch must be at least 1"),
        (["--lr", "-1"], "--lr must lie"),
        (["--data", str(tmp_path)], "no dialogue file"),
    ):
        with pytest.raises(I2EditError, match=message):
            compact.main(["--model", str(plain_folder), "--out", str(tmp_path / "other"), *wrong])
