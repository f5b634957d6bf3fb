"""Dialogues go to the formats of others and come back equal; what others' loaders and checks ask for is there."""

from __future__ import annotations

import ast
import json
import re
import shutil
import zipfile
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from i2edit.data import folders
from i2edit.data.export import FORMATS, HF_FEATURES, PPTOD_SLOTS, export_hf, parse_pptod_belief, pptod_belief
from i2edit.errors import DataError, OutputError
from i2edit.ontology import SLOTS, Belief, BeliefSyntaxError
from i2edit.records import Dialogue, read_dialogues, write_dialogues

# By hand: several values in a slot, a suggestion taken, an undo, buttons of every kind, an empty belief, texts that are
# not ASCII or not tidy, and everything that may be missing.
DIALOGUES: dict[str, list[dict[str, Any]]] = {
    "train": [
        {"dialogue_id": "i2e-train-1", "image_id": "seed:6001", "version": "1", "split": "train", "turns": [
            {"user": "Lipstick and pale skin, please — and Ponyfransen (前髪) 🙂",
             "belief": {"hairstyle": ["bangs"], "makeup": ["lipstick", "pale skin"]},
             "act": {"type": "suggest", "slot": "expression", "value": "smiling"}, "system": "Done. Like to smile?",
             "family": "frames/several:12", "behaviour": "several", "strength": {"lipstick": 0.6, "bangs": 1.25},
             "outcome": {"made": ["lipstick", "pale skin"], "failed": ["bangs"]}},
            {"user": "yes",
             "belief": {"expression": ["smiling"], "hairstyle": ["bangs"], "makeup": ["lipstick", "pale skin"]},
             "act": {"type": "request", "slot": "hair color"}, "system": "Any hair colour?"},
            {"user": "undo that", "belief": {"hairstyle": ["bangs"], "makeup": ["lipstick", "pale skin"]},
             "act": {"type": "next"}, "system": "Taken back.", "behaviour": "undo",
             "outcome": {"removed": ["smiling"]}},
            {"event": {"type": "redo"},
             "belief": {"expression": ["smiling"], "hairstyle": ["bangs"], "makeup": ["lipstick", "pale skin"]}},
            {"event": {"type": "strength", "value": "bangs", "strength": 0.5}, "strength": {"bangs": 0.5},
             "belief": {"expression": ["smiling"], "hairstyle": ["bangs"], "makeup": ["lipstick", "pale skin"]}},
            {"user": "no makeup at all, and a full beard", "act": {"type": "answer"}, "system": "Sure — done.",
             "belief": {"expression": ["smiling"], "hairstyle": ["bangs"], "beard": ["mustache", "goatee"],
                        "makeup": ["no makeup", "pale skin"]}},
            {"event": {"type": "reset"}, "belief": {}, "act": {"type": "next"}, "system": "All back."},
        ]},
        {"dialogue_id": "i2e-train-2", "image_id": "a folder/Zoë.png", "turns": [
            {"user": "hello", "belief": {}},
            {"event": {"type": "set", "value": "bangs"}, "belief": {"hairstyle": ["bangs"]}},
            {"event": {"type": "set", "value": "wavy hair", "strength": 0.25},
             "belief": {"hairstyle": ["wavy hair", "bangs"]}, "strength": {"wavy hair": 0.25}},
            {"event": {"type": "remove", "value": "bangs"}, "belief": {"hairstyle": ["wavy hair"]}},
            {"event": {"type": "undo"}, "belief": {"hairstyle": ["wavy hair", "bangs"]}},
            {"user": "can you give me a hat?", "belief": {"hairstyle": ["wavy hair", "bangs"]},
             "act": {"type": "cannot"}, "system": "I cannot do hats."},
        ]},
    ],
    "validation": [
        {"dialogue_id": "untidy", "image_id": "", "split": "elsewhere", "turns": [
            {"user": " two  blanks,\n a line\u2028and\u00a0more ", "belief": {}, "system": ""},
            {"user": "", "belief": {"beard": ["goatee"]}, "act": {"type": "next"}},
            {"user": "(button: undo)", "belief": {}, "system": " "},
            {"user": "a <eos_u> b | c [face] \\ \"", "belief": {}, "system": "<sos_r>", "strength": {}, "outcome": {}},
            {"user": "more", "belief": {"beard": ["goatee"]}, "strength": {"goatee": 2},
             "outcome": {"made": ["goatee"], "failed": [], "margin": {"goatee": 0.31}, "sure": True}},
            {"user": "odd", "belief": {}, "strength": ["not", "an", "object"], "outcome": {"made": "goatee"}},
        ]},
    ],
    "test": [
        {"dialogue_id": "i2e-test-1", "image_id": "seed:1", "split": "test", "turns": [
            {"user": "black hair", "belief": {"hair color": ["black hair"]}},
            {"user": "no, blond", "belief": {"hair color": ["blond hair"]}},
        ]},
    ],
}  # fmt: skip

EMPTY: dict[str, list[str]] = {slot: [] for slot in SLOTS}  # a belief as a row has it

formats = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dialogues").mkdir()
    for split, objs in DIALOGUES.items():
        write_dialogues(map(Dialogue.from_json, objs), tmp_path / "dialogues" / f"{split}.jsonl")
    return tmp_path / "dialogues"


def contents(folder: Path) -> dict[str, list[Dialogue]]:
    return {path.name: list(read_dialogues(path)) for path in sorted(folder.iterdir())}


def exact(folder: Path) -> dict[str, list[str]]:
    """Types count too: 2 is not 2.0."""
    found = contents(folder).items()
    return {name: [json.dumps(d.to_json(), sort_keys=True) for d in dialogues] for name, dialogues in found}


# All formats ----------------------------------------------------------------------------------------------------------


@formats
def test_there_and_back(name: str, folder: Path, tmp_path: Path) -> None:
    there, back = FORMATS[name]
    counts = {"train": 2, "validation": 1, "test": 1}
    assert there(folder, tmp_path / "new" / "other") == counts
    assert back(tmp_path / "new" / "other", tmp_path / "back") == counts
    assert contents(tmp_path / "back") == contents(folder)
    assert exact(tmp_path / "back") == exact(folder)
    assert sorted(p.name for p in tmp_path.glob("**/.*part*")) == []


@formats
def test_one_split_is_enough_and_an_empty_one_is_dropped(name: str, folder: Path, tmp_path: Path) -> None:
    there, back = FORMATS[name]
    (folder / "train.jsonl").unlink()
    (folder / "validation.jsonl").write_text("\n")
    assert there(folder, tmp_path / "other") == {"test": 1}
    assert back(tmp_path / "other", tmp_path / "back") == {"test": 1}
    assert contents(tmp_path / "back") == {"test.jsonl": list(read_dialogues(folder / "test.jsonl"))}


@formats
def test_a_folder_in_use_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    there, back = FORMATS[name]
    out = tmp_path / "out"
    out.mkdir()
    there(folder, out)  # an empty folder is no trouble
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for convert, source in ((there, folder), (back, out)):
        with pytest.raises(OutputError, match="out is there already"):
            convert(source, out)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file is there already"):
        there(folder, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@formats
def test_a_full_disk_leaves_nothing(name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, back = FORMATS[name]
    there(folder, tmp_path / "good")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders.os, "replace", full)
    for convert, source in ((there, folder), (back, tmp_path / "good")):
        with pytest.raises(OutputError, match="out cannot be written: No space left"):
            convert(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == []


@formats
def test_a_wrong_line_is_named(name: str, folder: Path, tmp_path: Path) -> None:
    there, _ = FORMATS[name]
    good = (folder / "test.jsonl").read_text(encoding="utf-8")
    for line, message in (
        (b"{", "is not JSON"),
        (b"[]", "must be an object with a 'dialogue_id'"),
        (b'{"dialogue_id": "x", "turns": [{"user": "a", "belief": {"beard": ["hat"]}}]}', "turn 0: .*'hat'"),
        (b'{"dialogue_id": "x", "turns": [{"user": "a", "belief": {}, "strength": {"bangs": NaN}}]}', "cannot be used"),
        (b'{"dialogue_id": "x", "turns": [{"user": "\\ud800", "belief": {}}]}', "cannot be used"),
        (b'{"dialogue_id": "\xff", "turns": []}', "cannot be used: 'utf-8' codec"),
        (b'{"dialogue_id": "x", "version": 2, "turns": [{"user": "a", "belief": {}}]}', "'version' of dialogue x"),
        (b'{"dialogue_id": "x", "turns": [{"user": "", "belief": {}, "act": {"type": "request", "slot": []}}]}', "act"),
        (good.encode().strip(), r"i2e-test-1 was there before \(.*test.jsonl, line 1\)"),
    ):  # fmt: skip
        (folder / "test.jsonl").write_bytes(good.encode() + b"\n" + line + b"\n")
        with pytest.raises(DataError, match=rf"test\.jsonl, line 3.*{message}"):
            there(folder, tmp_path / "out")
        assert not (tmp_path / "out").exists()


@formats
def test_no_dialogues(name: str, folder: Path, tmp_path: Path) -> None:
    there, back = FORMATS[name]
    with pytest.raises(DataError, match=r"There is no dialogue folder at .*nowhere"):
        there(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(DataError, match="nowhere"):
        back(tmp_path / "nowhere", tmp_path / "out")
    for path in folder.iterdir():
        path.write_text("")
    with pytest.raises(DataError, match="dialogues has no dialogues"):
        there(folder, tmp_path / "out")
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(DataError, match=r"has none of train\.jsonl"):
        there(folder, tmp_path / "out")


@formats
def test_dialogues_without_turns(name: str, tmp_path: Path) -> None:
    there, back = FORMATS[name]
    (tmp_path / "d").mkdir()
    write_dialogues([Dialogue("silent", "seed:1", ())], tmp_path / "d" / "train.jsonl")
    if name == "hf":
        there(tmp_path / "d", tmp_path / "out")
        back(tmp_path / "out", tmp_path / "back")
        assert contents(tmp_path / "back") == contents(tmp_path / "d")
    else:
        with pytest.raises(DataError, match=r"train\.jsonl, line 1: The dialogue has no turns"):
            there(tmp_path / "d", tmp_path / "out")


# Hugging Face ---------------------------------------------------------------------------------------------------------


def fits(value: Any, spec: Any) -> bool:
    """Does a value have the type of a column? Struct keys are all there, in order; null fits everywhere."""
    if isinstance(spec, dict):
        return value is None or (list(value) == list(spec) and all(fits(value[name], spec[name]) for name in spec))
    if isinstance(spec, list):
        return value is None or (isinstance(value, list) and all(fits(entry, spec[0]) for entry in value))
    return value is None or isinstance(value, {"string": str, "float64": float}[spec])


def test_hf_rows_have_one_schema(folder: Path, tmp_path: Path) -> None:
    export_hf(folder, tmp_path / "out")
    rows = [json.loads(line) for p in (tmp_path / "out" / "data").iterdir() for line in p.open(encoding="utf-8")]
    assert len(rows) == 4 and all(fits(row, HF_FEATURES) for row in rows)
    turns = {row["dialogue_id"]: row["turns"] for row in rows}
    assert all(
        list(turn["belief"]) == list(SLOTS) and None not in turn["belief"].values()
        for t in turns.values()
        for turn in t
    )
    assert turns["i2e-train-2"][0]["belief"] == EMPTY
    assert turns["i2e-train-1"][4]["event"] == {"type": "strength", "value": "bangs", "strength": 0.5}
    assert turns["i2e-train-1"][0]["outcome"] == {"made": ["lipstick", "pale skin"], "failed": ["bangs"], "removed": []}
    assert [bool(turn["extra"]) for turn in turns["untidy"]] == [False, False, False, False, True, True]
    assert not any(turn["extra"] for name, t in turns.items() if name != "untidy" for turn in t)
    assert json.loads(turns["untidy"][4]["extra"])["strength"] == {"goatee": 2}


def test_hf_card(folder: Path, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    export_hf(folder, tmp_path / "out", licence='a "licence": # odd', process="Two people talked.")
    start, header, text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(header)
    assert start == ""
    assert card["license"] == 'a "licence": # odd' and '## Licence\n\na "licence": # odd' in text
    (config,) = card["configs"]
    assert config["config_name"] == card["dataset_info"]["config_name"] == "default"
    assert [entry["split"] for entry in config["data_files"]] == ["train", "validation", "test"]
    assert all((tmp_path / "out" / entry["path"]).is_file() for entry in config["data_files"])
    features = {entry["name"]: entry for entry in card["dataset_info"]["features"]}
    assert list(features) == list(HF_FEATURES)
    turn = {entry["name"]: entry for entry in features["turns"]["list"]}
    assert list(turn) == list(HF_FEATURES["turns"][0])
    assert turn["belief"]["struct"] == [{"name": slot, "list": "string"} for slot in SLOTS]
    assert "| train | 2 | 13 |" in text and "Two people talked." in text
    assert all(f"`{name}`" in text for name in (*HF_FEATURES, *turn))


def test_hf_says_its_licence_and_origin(folder: Path, tmp_path: Path) -> None:
    export_hf(folder, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert 'license: "cc-by-4.0"' in text and "The dialogues are simulated." in text and "## Known limits" in text


def test_hf_is_what_datasets_reads_and_writes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    export_hf(folder, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 2, "validation": 1, "test": 1}
    assert loaded["train"].features == loaded["test"].features  # although test has no event, act or reply
    assert loaded["train"][1]["turns"][2]["event"] == {"type": "set", "value": "wavy hair", "strength": 0.25}
    assert loaded["test"][0]["turns"][0]["belief"] == {**EMPTY, "hair color": ["black hair"]}
    (tmp_path / "again" / "data").mkdir(parents=True)
    for split, rows in loaded.items():
        rows.to_json(tmp_path / "again" / "data" / f"{split}.jsonl", force_ascii=False)
    FORMATS["hf"][1](tmp_path / "again", tmp_path / "back")
    assert exact(tmp_path / "back") == exact(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"belief": None}, "'belief' must be there and be an object"),
     ({"belief": {"beard": ["hat"]}}, "no value called 'hat'"),
     ({"extra": "{"}, "Turn 0: The extra field is not JSON"), ({"extra": 3}, "Turn 0: The extra field must be null or"),
     ({"strength": [{"value": "bangs"}]}, "'strength' must be there and be a number"),
     ({"act": "next"}, "'act' must be"),
     ({"user": None}, "needs either 'user' or 'event'"), ({"event": {"type": "jump"}}, "An event needs a 'type'")],
)  # fmt: skip
def test_hf_lines_that_are_wrong(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "in" / "data").mkdir(parents=True)
    turn = {"user": "a", "event": None, "belief": EMPTY, **change}
    line = json.dumps({"dialogue_id": "x", "image_id": "y", "turns": [turn]})
    (tmp_path / "in" / "data" / "train.jsonl").write_text("\n" + line)
    with pytest.raises(DataError, match=rf"train\.jsonl, line 2: .*{message}"):
        FORMATS["hf"][1](tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "data" / "train.jsonl").write_text('{"dialogue_id": "x", "turns": [1]}')
    with pytest.raises(DataError, match="line 1: Turn 0: A turn must be an object"):
        FORMATS["hf"][1](tmp_path / "in", tmp_path / "out")


def test_hf_structs_of_nulls_are_no_structs(tmp_path: Path) -> None:
    (tmp_path / "in" / "data").mkdir(parents=True)
    turn = {"user": "a", "belief": dict.fromkeys(SLOTS), "event": {"type": None}, "act": {"type": None, "slot": None},
            "outcome": {"made": None, "failed": None}}  # fmt: skip
    line = json.dumps({"dialogue_id": "x", "image_id": "y", "split": None, "turns": [turn]})
    (tmp_path / "in" / "data" / "test.jsonl").write_text(line)
    FORMATS["hf"][1](tmp_path / "in", tmp_path / "out")
    (dialogue,) = read_dialogues(tmp_path / "out" / "test.jsonl")
    assert dialogue.to_json() == {"dialogue_id": "x", "image_id": "y", "turns": [{"user": "a", "belief": {}}]}


# PPTOD ----------------------------------------------------------------------------------------------------------------

# What DST/dataclass.py and E2E_TOD/dataclass.py (awslabs/pptod 9bae5ea) take from every turn; all else must be text.
PPTOD_KEYS = {"dial_id", "turn_num", "user", "usdx", "resp", "bspn", "bspn_reform", "bsdx", "bsdx_reform", "aspn",
              "aspn_reform", "dspn", "pointer", "turn_domain", "db"}  # fmt: skip
MARKS = {"user": "u", "resp": "r", "bspn": "b", "bsdx": "b", "aspn": "a", "dspn": "d", "db": "db"}
NOT_TEXT = {"turn_num": int, "pointer": list, "turn_domain": list}


def pptod_turns(folder: Path) -> dict[str, list[dict[str, Any]]]:
    files = sorted(folder.iterdir())
    assert [f.name for f in files] == [f"multiwoz-fine-processed-{split}.json" for split in ("dev", "test", "train")]
    return {session[0]["dial_id"]: session for file in files for session in json.loads(file.read_text("ascii"))}


def test_pptod_turns_have_what_its_loaders_take(folder: Path, tmp_path: Path) -> None:
    FORMATS["pptod"][0](folder, tmp_path / "out")
    for session in pptod_turns(tmp_path / "out").values():
        for number, turn in enumerate(session):
            assert set(turn) - {"i2edit"} == PPTOD_KEYS and turn["turn_num"] == number
            assert all(isinstance(value, NOT_TEXT.get(name, str)) for name, value in turn.items())
            for name, mark in MARKS.items():
                assert turn[name].startswith(f"<sos_{mark}> ") and turn[name].endswith(f" <eos_{mark}>")
                assert turn[name] == " ".join(turn[name].split())
            for name in ("bspn", "bsdx", "aspn"):  # restore_text of PPTOD's postprocessing_dataset.py
                plain = re.sub(" is ", " ", turn[f"{name}_reform"]).replace(",", "")
                assert " ".join(plain.split()) == turn[name]


def test_pptod_says_it_in_its_own_way(folder: Path, tmp_path: Path) -> None:
    FORMATS["pptod"][0](folder, tmp_path / "out")
    first, second, _, _, button, *_, last = pptod_turns(tmp_path / "out")["i2e-train-1"]
    assert first["user"] == "<sos_u> Lipstick and pale skin, please — and Ponyfransen (前髪) 🙂 <eos_u>"
    assert first["bspn"] == "<sos_b> [face] hairstyle bangs cosmetics lipstick pale skin <eos_b>"
    assert first["bspn_reform"] == "<sos_b> [face] hairstyle is bangs , cosmetics is lipstick pale skin <eos_b>"
    assert first["bsdx_reform"] == "<sos_b> [face] hairstyle , cosmetics <eos_b>"
    assert first["aspn"] == "<sos_a> [face] [recommend] expression smiling <eos_a>"
    assert second["aspn"] == "<sos_a> [face] [request] haircolor <eos_a>"
    assert button["user"] == "<sos_u> (button: strength bangs 0.5) <eos_u>" and button["resp"] == "<sos_r> <eos_r>"
    assert last["bspn"] == "<sos_b> <eos_b>" and last["aspn"] == "<sos_a> [general] [reqmore] <eos_a>"
    plain = pptod_turns(tmp_path / "out")["i2e-test-1"][1]
    assert "i2edit" not in plain and plain["aspn"] == "<sos_a> <eos_a>"


def test_pptod_beliefs_are_found_again() -> None:
    """Slots are read one after the other, so every choice within a slot, between two others, is every case there is."""
    word_by_word = set(PPTOD_SLOTS.values())
    for slot, values in SLOTS.items():
        for size in range(len(values) + 1):
            for chosen in combinations(values, size):
                try:
                    belief = (
                        Belief(("sad", *chosen, "pale skin"))
                        if slot not in ("expression", "makeup")
                        else Belief(chosen)
                    )
                except BeliefSyntaxError:
                    continue  # they exclude each other
                text = pptod_belief(belief)
                assert parse_pptod_belief(text) == belief
                # As DST/dst.py reads it: a word that is the name of a slot begins one, the others are its value.
                read: dict[str, str] = {}
                for word in text.split()[1:]:
                    if word in word_by_word:
                        last = word
                        assert word not in read
                        read[word] = ""
                    else:
                        read[last] = f"{read[last]} {word}".strip()
                assert read == {PPTOD_SLOTS[s]: " ".join(v) for s, v in belief.to_json().items()}


@pytest.mark.parametrize(
    "text",
    ["none", "[face]", "[hotel] area centre", "[face] smiling", "[face] expression", "[face] expression smiling beard",
     "[face] expression bangs", "[face] hairstyle bangs hairstyle bangs", "[face] beard goatee goatee",
     "[face] expression smiling sad", "[face] cosmetics heavy", "[face] makeup lipstick", "expression smiling"],
)  # fmt: skip
def test_pptod_beliefs_that_are_wrong(text: str) -> None:
    with pytest.raises(BeliefSyntaxError):
        parse_pptod_belief(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"bspn": "<sos_b> [face] beard hat <eos_b>"}, "malformed near 'hat'"),
     ({"user": "no marks"}, "'user' must be <sos_u> …"),
     ({"aspn": "<sos_a> [face] [dance] <eos_a>"}, r"'\[face\] \[dance\]' is none of"),
     ({"turn_num": 2}, "'turn_num' must be"),
     ({"aspn": "<sos_a> [face] [request] area <eos_a>"}, "no slot called 'area'"),
     ({"resp": None}, "'resp' must be there"),
     ({"i2edit": "["}, "The extra field is not JSON"),
     ({"i2edit": '{"turn": 3}'}, "'turn' must be there and be an object")],
)  # fmt: skip
def test_pptod_files_that_are_wrong(change: dict[str, Any], message: str, folder: Path, tmp_path: Path) -> None:
    FORMATS["pptod"][0](folder, tmp_path / "out")
    path = tmp_path / "out" / "multiwoz-fine-processed-train.json"
    sessions = json.loads(path.read_text())
    sessions[1][0].update(change)
    path.write_text(json.dumps(sessions))
    with pytest.raises(DataError, match=rf"train\.json, dialogue 1: Turn 0: .*{message}"):
        FORMATS["pptod"][1](tmp_path / "out", tmp_path / "back")
    path.write_text("[\n1,\n")
    with pytest.raises(DataError, match=r"train\.json is not JSON: .* \(line 3\)"):
        FORMATS["pptod"][1](tmp_path / "out", tmp_path / "back")


# ConvLab-3 ------------------------------------------------------------------------------------------------------------


def unified(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with zipfile.ZipFile(folder / "data.zip") as archive:
        assert archive.namelist() == ["data/ontology.json", "data/dialogues.json"]
        return json.loads(archive.read("data/ontology.json")), json.loads(archive.read("data/dialogues.json"))


def check_ontology(ontology: dict[str, Any]) -> None:
    """data/unified_datasets/README.md of ConvLab-3 (2a168fc), "Ontology"."""
    assert set(ontology) == {"domains", "intents", "dialogue_acts", "state"}
    for domain in ontology["domains"].values():
        assert domain["description"]
        for slot in domain["slots"].values():
            assert slot["description"] and isinstance(slot["is_categorical"], bool)
            assert slot["possible_values"] or not slot["is_categorical"]
            assert not {"", "dontcare", "?", None} & set(slot["possible_values"])
            assert all(value == value.lower() and "|" not in value for value in slot["possible_values"])
    assert all(intent["description"] for intent in ontology["intents"].values())
    for name, slots in ontology["state"].items():
        assert set(slots) <= set(ontology["domains"][name]["slots"]) and set(slots.values()) == {""}
    assert set(ontology["dialogue_acts"]) == {"categorical", "non-categorical", "binary"}
    for acts in ontology["dialogue_acts"].values():
        for act in map(ast.literal_eval, acts):
            assert list(act) == ["user", "system", "intent", "domain", "slot"]
            assert act["intent"] in ontology["intents"] and act["domain"] in ontology["domains"]


def check_state(slots: dict[str, str], known: dict[str, Any], filled: bool | None = None) -> None:
    for slot, value in slots.items():
        assert isinstance(value, str) and (filled is None or bool(value) == filled)
        assert all(part in known[slot]["possible_values"] for part in (value.split("|") if value else []))


def check_dialogue(dialogue: dict[str, Any], ontology: dict[str, Any]) -> None:
    """The same, "Dialogues", and what check.py asserts."""
    assert {"dataset", "data_split", "dialogue_id", "domains", "goal", "turns", "original_id"} <= set(dialogue)
    name, split, number = dialogue["dialogue_id"].split("-")
    assert (name, split) == (dialogue["dataset"], dialogue["data_split"]) and int(number) >= 0
    assert dialogue["domains"] and set(dialogue["domains"]) <= set(ontology["domains"])
    assert set(dialogue["goal"]) == {"description", "inform", "request"} and isinstance(
        dialogue["goal"]["description"], str
    )
    for kind, filled in (("inform", True), ("request", False)):
        for domain, slots in dialogue["goal"][kind].items():
            check_state(slots, ontology["domains"][domain]["slots"], filled)
    used = {kind: list(map(ast.literal_eval, acts)) for kind, acts in ontology["dialogue_acts"].items()}
    assert dialogue["turns"]
    for index, turn in enumerate(dialogue["turns"]):
        user = turn["speaker"] == "user"
        assert turn["speaker"] == ("user", "system")[index % 2] and turn["utt_idx"] == index
        assert isinstance(turn["utterance"], str)
        assert ("state" in turn) == user and ("db_results" in turn) == (not user)
        if user:
            for domain, slots in turn["state"].items():
                assert list(slots) == list(ontology["domains"][domain]["slots"])
                check_state(slots, ontology["domains"][domain]["slots"])
        else:
            assert isinstance(turn["db_results"], dict)
        assert set(turn["dialogue_acts"]) == {"categorical", "non-categorical", "binary"}
        for kind, acts in turn["dialogue_acts"].items():
            for act in acts:
                keys = {"intent", "domain", "slot"} | (set() if kind == "binary" else {"value"})
                assert keys <= set(act) <= (keys | {"start", "end"} if kind == "non-categorical" else keys)
                assert act["intent"] in ontology["intents"] and act["domain"] in dialogue["domains"]
                same = [u for u in used[kind] if all(u[key] == act[key] for key in ("intent", "domain", "slot"))]
                assert len(same) == 1 and same[0][turn["speaker"]] is True
                if kind == "binary":
                    continue
                slot = ontology["domains"][act["domain"]]["slots"][act["slot"]]
                assert slot["is_categorical"] == (kind == "categorical")
                if kind == "categorical":
                    assert act["value"] in slot["possible_values"]
                if "start" in act or "end" in act:
                    assert turn["utterance"][act["start"] : act["end"]] == act["value"]


def test_convlab_schema(folder: Path, tmp_path: Path) -> None:
    FORMATS["convlab"][0](folder, tmp_path / "i2edit")
    assert sorted(path.name for path in (tmp_path / "i2edit").iterdir()) == [
        "README.md", "data.zip", "dummy_data.json", "preprocess.py", "shuffled_dial_ids.json",
    ]  # fmt: skip
    ontology, dialogues = unified(tmp_path / "i2edit")
    check_ontology(ontology)
    for dialogue in dialogues:
        check_dialogue(dialogue, ontology)
    ids = [dialogue["dialogue_id"] for dialogue in dialogues]
    assert ids == ["i2edit-train-0", "i2edit-train-1", "i2edit-validation-0", "i2edit-test-0"]
    assert json.loads((tmp_path / "i2edit" / "dummy_data.json").read_text()) == dialogues[:10]
    orders = json.loads((tmp_path / "i2edit" / "shuffled_dial_ids.json").read_text())
    assert len(orders) == 10
    for order in orders:
        assert {split: sorted(ids) for split, ids in order.items()} == {"train": [0, 1], "validation": [2], "test": [3]}
    assert "### Licensing Information\n\ncc-by-4.0" in (tmp_path / "i2edit" / "README.md").read_text(encoding="utf-8")
    compile((tmp_path / "i2edit" / "preprocess.py").read_text(), "preprocess.py", "exec")


def test_convlab_says_it_in_its_own_way(folder: Path, tmp_path: Path) -> None:
    FORMATS["convlab"][0](folder, tmp_path / "i2edit")
    _, (first, second, _, last) = unified(tmp_path / "i2edit")
    user, system, *_ = first["turns"]
    assert first["original_id"] == "i2e-train-1" and first["goal"]["inform"] == {}  # it ended with a reset
    assert user["state"]["face"] == {
        "expression": "", "hair color": "", "hairstyle": "bangs", "beard": "", "makeup": "lipstick|pale skin",
    }  # fmt: skip
    assert [(act["intent"], act["value"]) for act in user["dialogue_acts"]["categorical"]] == [
        ("inform", "bangs"), ("inform", "lipstick"), ("inform", "pale skin"),
    ]  # fmt: skip
    assert system["dialogue_acts"]["categorical"] == [
        {"intent": "suggest", "domain": "face", "slot": "expression", "value": "smiling"}
    ]
    assert first["turns"][3]["dialogue_acts"]["binary"] == [
        {"intent": "request", "domain": "face", "slot": "hair color"}
    ]
    assert first["turns"][5]["dialogue_acts"]["binary"] == [{"intent": "next", "domain": "face", "slot": ""}]
    assert second["turns"][4]["utterance"] == "(button: set wavy hair 0.25)"
    undone, swapped = first["turns"][4], last["turns"][2]
    assert [(a["intent"], a["value"]) for a in undone["dialogue_acts"]["categorical"]] == [("negate", "smiling")]
    assert [(a["intent"], a["value"]) for a in swapped["dialogue_acts"]["categorical"]] == [("inform", "blond hair")]
    assert last["goal"]["inform"] == {"face": {"hair color": "blond hair"}}


def test_convlab_same_input_same_bytes(folder: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        FORMATS["convlab"][0](folder, tmp_path / out)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_convlab_files_that_are_wrong(folder: Path, tmp_path: Path) -> None:
    FORMATS["convlab"][0](folder, tmp_path / "good")
    (tmp_path / "bad").mkdir()

    def refused(content: object, message: str, name: str = "data/dialogues.json") -> None:
        with zipfile.ZipFile(tmp_path / "bad" / "data.zip", "w") as archive:
            archive.writestr(name, content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(DataError, match=rf"data\.zip.*{message}"):
            FORMATS["convlab"][1](tmp_path / "bad", tmp_path / "back")
        assert not (tmp_path / "back").exists()

    def changed(path: tuple[str | int, ...], value: object) -> list[dict[str, Any]]:
        _, dialogues = unified(tmp_path / "good")
        place: Any = dialogues[1]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return dialogues

    refused("{", r"data/dialogues\.json is not JSON")
    refused({}, "must be a list of dialogues")
    refused([], r"has no data/dialogues\.json", name="data/else.json")
    refused([], "has no dialogues")
    refused(changed(("data_split",), "dev"), "dialogue 1: There is no split called 'dev'")
    refused(changed(("original_id",), None), "dialogue 1: 'original_id' must be there")
    refused(changed(("original_id",), "i2e-train-1"), "dialogue 1: The dialogue i2e-train-1 was there before")
    refused(changed(("turns", 2, "speaker"), "system"), "dialogue 1: Turn 2: The user and the system must take turns")
    refused(changed(("turns", 2, "state"), {}), "dialogue 1: Turn 2: 'face' must be there and be an object")
    refused(changed(("turns", 2, "state", "face", "beard"), "hat"), "dialogue 1: .*turn 1: .*no value called 'hat'")
    two = [{"intent": "next", "domain": "face", "slot": ""}] * 2
    refused(changed(("turns", 3, "dialogue_acts", "binary"), two), "Turn 2: A reply can have one dialogue act")
    refused(
        changed(("turns", 3, "dialogue_acts", "binary"), [{"intent": "fly", "slot": ""}]),
        "no dialogue act called 'fly'",
    )
    refused(changed(("turns",), unified(tmp_path / "good")[1][1]["turns"][:-1]), "Turn 10: The user and the system")
    (tmp_path / "bad" / "data.zip").write_bytes(b"not a zip")
    with pytest.raises(DataError, match=r"data\.zip cannot be read"):
        FORMATS["convlab"][1](tmp_path / "bad", tmp_path / "back")
