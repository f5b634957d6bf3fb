"""The check of a dataset: a sound one passes, and each planted fault is found where it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from i2edit.data import check as checking
from i2edit.data.check import check, check_file, check_text
from i2edit.data.phrases import families, family_id
from i2edit.data.simulate import simulate
from i2edit.errors import DataError
from i2edit.ontology import Belief

Json = dict[str, Any]


def turn(user: str, *values: str, act: str = "next", system: str = "Done. What is next?", **more: Any) -> Json:
    """A user turn; ``act`` is a type, "request SLOT" or "suggest VALUE"."""
    kind, _, name = act.partition(" ")
    obj: Json = {"type": kind}
    if kind == "request":
        obj["slot"] = name
    if kind == "suggest":
        obj |= {"slot": next(iter(Belief.of(name).to_json())), "value": name}
    return {"user": user, "belief": Belief.of(*values).to_json(), "act": obj, "system": system, **more}


def button(event: Json, *values: str, **more: Any) -> Json:
    return {"event": event, "belief": Belief.of(*values).to_json(), **more}


def sound() -> dict[str, list[Json]]:
    """A small dataset with everything in it: file name → dialogues."""
    long = turn("Make me smile, but only a tiny little bit.", "smiling", act="suggest bangs", system="Done. How about bangs?",
                behaviour="degree", strength={"smiling": 0.6}, outcome={"made": ["smiling"]})  # fmt: skip
    everything = [
        long,
        turn("Yes, please.", "smiling", "bangs", act="request beard", behaviour="yes", strength={"smiling": 0.6},
             outcome={"made": ["bangs"]}),
        button({"type": "strength", "value": "smiling", "strength": 1.5}, "smiling", "bangs", strength={"smiling": 1.5}),
        turn("Thanks!", "smiling", "bangs", behaviour="thanks", strength={"smiling": 1.5}),
        turn("Undo that.", "smiling", behaviour="undo", strength={"smiling": 0.6}, outcome={"removed": ["bangs"]}),
        button({"type": "redo"}, "smiling", "bangs", strength={"smiling": 1.5}),
        button({"type": "set", "value": "sad"}, "sad", "bangs"),
    ]  # fmt: skip
    talk = [
        turn("What can you do for the beard?", act="answer", system="A mustache or a goatee.", behaviour="q_beard"),
        turn("A goatee and a mustache then.", "mustache", "goatee", outcome={"made": ["mustache"], "failed": ["goatee"]}),
        turn("And wings.", "mustache", "goatee", act="cannot", system="Sorry, I can't.", behaviour="u_thing"),
        turn("Clean-shaven again.", behaviour="clean_shaven", act="suggest lipstick", system="Done. Lipstick, maybe?",
             outcome={"removed": ["mustache", "goatee"]}),
        turn("No.", behaviour="no"),
    ]  # fmt: skip
    other = [turn("Dye her hair black.", "black hair", behaviour="request"), turn("Start over.", behaviour="reset")]
    last = [
        turn("Dye his hair gray.", "gray hair", behaviour="request"),
        turn("Gray is what I meant by that word.", "gray hair"),
    ]

    def dialogue(number: int, split: str, turns: list[Json]) -> Json:
        return {
            "dialogue_id": f"i2e-{number:05d}",
            "image_id": f"seed:{100000 + number}",
            "split": split,
            "turns": turns,
        }

    found = {
        "train.jsonl": [dialogue(1, "train", everything), dialogue(2, "train", talk)],
        "validation.jsonl": [dialogue(3, "validation", other)],
        "test.jsonl": [dialogue(4, "test", [turn("Rosy cheeks!", "rosy cheeks")]), dialogue(5, "test", last)],
    }
    copied: dict[str, list[Json]] = json.loads(json.dumps(found))
    return copied


def write(folder: Path, data: dict[str, list[Json]], **manifest: Any) -> Path:
    """Write dialogues and a manifest that fits them."""
    folder.mkdir(exist_ok=True)
    for name, dialogues in data.items():
        (folder / name).write_text("".join(json.dumps(d) + "\n" for d in dialogues), encoding="utf-8")
    seal(folder, **manifest)
    return folder


def seal(folder: Path, **manifest: Any) -> None:
    """Write the manifest for the files as they are."""
    files: Json = {}
    for path in sorted(folder.glob("*.jsonl")):
        data = path.read_bytes()
        count = sum(bool(line.strip()) for line in data.split(b"\n"))
        files[path.name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "dialogues": count}
    n = sum(entry["dialogues"] for entry in files.values())
    found = {"version": None, "format": 1, "n": n, "seed": 0, "source": "faces", "files": files}
    (folder / "manifest.json").write_text(json.dumps(found | manifest))


def faults(folder: Path) -> list[tuple[str, str, int, int | None]]:
    return [(p.kind, p.file, p.line, p.turn) for p in check(folder).problems]


def test_a_sound_dataset_passes(tmp_path: Path) -> None:
    report = check(write(tmp_path / "data", sound()))
    assert report.ok and not report.problems, check_text(report)
    assert (report.dialogues, report.turns, report.version) == (5, 14, None)
    assert (
        "No problems. Checked: 5 dialogues with 14 user turns in train.jsonl, validation.jsonl, test.jsonl."
        in check_text(report)
    )


def test_simulated_dialogues_pass(tmp_path: Path) -> None:
    data: dict[str, list[Json]] = {}
    for part, split in enumerate(("train", "validation", "test")):
        made = [d.to_json() for d in simulate(120, 11, split)]
        for index, dialogue in enumerate(made):
            dialogue["image_id"] = f"seed:{100000 + 1000 * part + index}"
        data[f"{split}.jsonl"] = made
    report = check(write(tmp_path / "data", data))
    assert report.ok, check_text(report)


# One fault each: file, line (from 1), turn, what to change, the kind of the problem, a word of its sentence ------------
Change = Callable[[Json], object]


def at(index: int, **changes: Any) -> Change:
    """Change a turn."""
    return lambda dialogue: dialogue["turns"][index].update(changes)


def without(index: int, *keys: str) -> Change:
    """Take keys out of a turn."""
    return lambda dialogue: [dialogue["turns"][index].pop(key) for key in keys]


def whole(**changes: Any) -> Change:
    """Change a dialogue."""
    return lambda dialogue: dialogue.update(changes)


def belief(*values: str) -> Json:
    return Belief.of(*values).to_json()


SUGGESTS_BANGS = {"type": "suggest", "slot": "hairstyle", "value": "bangs"}
PLANTED: list[tuple[str, str, int, int | None, Change, str, str]] = [
    ("unknown key", "train", 2, None, whole(imageid="x"), "keys", "imageid"),
    ("unknown key of a turn", "train", 2, 1, at(1, sytem="x"), "keys", "sytem"),
    ("no turns", "train", 2, None, whole(turns=None), "dialogue", "turns"),
    ("nobody speaks", "train", 2, None, whole(turns=[]), "dialogue", "Nobody"),
    ("image is no text", "train", 2, None, whole(image_id=7), "dialogue", "image_id"),
    ("id in another form", "train", 2, None, whole(dialogue_id="2"), "id", "'2'"),
    ("id used twice in a file", "train", 2, None, whole(dialogue_id="i2e-00001"), "duplicate id", "train.jsonl:1"),
    ("id used twice in two files", "test", 1, None, whole(dialogue_id="i2e-00001"), "duplicate id", "train.jsonl:1"),
    ("another split", "test", 2, None, whole(split="train"), "split", "'train'"),
    ("no split", "test", 2, None, lambda d: d.pop("split"), "split", "None"),
    ("another version", "test", 2, None, whole(version="i2edit-0.9"), "version", "i2edit-0.9"),
    ("image in another form", "train", 1, None, whole(image_id="seed:01"), "image", "neither"),
    ("image outside the folder", "train", 1, None, whole(image_id="../me.jpg"), "image", "neither"),
    ("image of another source", "train", 1, None, whole(image_id="000001.jpg"), "image", "faces"),
    ("labelled face in test", "test", 1, None, whole(image_id="seed:4999"), "labelled image", "seed:4999"),
    ("labelled face in validation", "validation", 1, None, whole(image_id="seed:0"), "labelled image", "seed:0"),
    ("same image in two splits", "test", 1, None, whole(image_id="seed:100001"), "same image", "train.jsonl:1"),
    ("contradiction", "train", 2, 0, at(0, belief={"expression": ["sad", "angry"]}), "belief", "exclude"),
    ("spelling", "train", 2, 0, at(0, belief={"hair color": ["grey hair"]}), "belief", "grey hair"),
    ("another slot", "train", 2, 0, at(0, belief={"hairstyle": ["gray hair"]}), "belief", "gray hair"),
    ("empty slot", "train", 2, 0, at(0, belief={"beard": []}), "belief", "at least one"),
    ("no belief", "train", 2, 0, without(0, "belief"), "belief", "needs a 'belief'"),
    ("both said and pressed", "train", 1, 3, at(3, event={"type": "undo"}), "turn", "not both"),
    ("unknown event", "train", 1, 5, at(5, event={"type": "redoo"}), "event", "type"),
    ("unknown slot requested", "train", 1, 1, at(1, act={"type": "request", "slot": "nose"}), "act", "nose"),
    ("suggestion of another slot", "train", 1, 0, at(0, act=SUGGESTS_BANGS | {"slot": "beard"}), "act", "bangs"),
    ("act is no text", "train", 1, 1, at(1, act={"type": "request", "slot": []}), "act", "not text"),
    ("no act", "train", 1, 3, without(3, "act"), "act", "no act"),
    ("no reply", "train", 1, 3, without(3, "system"), "reply", "no system reply"),
    ("act of a button without a reply", "train", 1, 5, at(5, act={"type": "next"}), "act", "no reply"),
    ("suggests what is there", "train", 1, 3, at(3, act=SUGGESTS_BANGS, system="Bangs?"), "act", "already"),
    ("suggests what is excluded", "test", 2, 0,
     at(0, act={"type": "suggest", "slot": "hair color", "value": "black hair"}, system="Black?"), "act", "excludes"),
    ("suggests silently", "test", 2, 1, at(1, act=SUGGESTS_BANGS), "act", "name"),
    ("answers and edits", "test", 1, 0, at(0, act={"type": "answer"}), "act", "change nothing"),
    ("empty words", "test", 1, 0, at(0, user="  "), "text", "user text is empty"),
    ("empty reply", "test", 1, 0, at(0, system=""), "text", "system text is empty"),
    ("control character", "test", 1, 0, at(0, user="Rosy\x00 cheeks!"), "text", "U+0000"),
    ("direction override", "test", 1, 0, at(0, user="Rosy \u202echeeks!"), "text", "U+202E"),
    ("half a surrogate pair", "test", 1, 0, at(0, user="Rosy \ud800 cheeks!"), "text", "U+D800"),
    ("unfilled frame", "test", 1, 0, at(0, user="Give {me} rosy cheeks!"), "text", "{me}"),
    ("strength of what is absent", "train", 1, 3, at(3, strength={"smiling": 1.5, "sad": 0.5}), "strength", "'sad'"),
    ("strength out of range", "test", 2, 1, at(1, strength={"gray hair": 3}), "strength", "outside"),
    ("strength is no number", "test", 2, 1, at(1, strength={"gray hair": "much"}), "strength", "number"),
    ("strength is no table", "test", 2, 1, at(1, strength=[1]), "strength", "object"),
    ("outcome of an unknown value", "test", 1, 0, at(0, outcome={"made": ["a hat"]}), "outcome", "a hat"),
    ("made, but not wanted", "test", 1, 0, at(0, outcome={"made": ["rosy cheeks", "bangs"]}), "outcome", "'bangs' was made"),
    ("failed, but not wanted", "test", 2, 1, at(1, outcome={"failed": ["bangs"]}), "outcome", "'bangs' failed"),
    ("made and failed", "test", 2, 1, at(1, outcome={"made": ["gray hair"], "failed": ["gray hair"]}), "outcome", "and that it"),
    ("removed, but there", "test", 2, 1, at(1, outcome={"removed": ["gray hair"]}), "outcome", "is in the belief"),
    ("removed, but never there", "test", 2, 1, at(1, outcome={"removed": ["bangs"]}), "outcome", "was not in"),
    ("new, but not in the outcome", "train", 2, 1, at(1, outcome={"made": ["mustache"]}), "outcome", "'goatee'"),
    ("gone, but not in the outcome", "train", 2, 3, at(3, outcome={"removed": ["goatee"]}), "outcome", "lost 'mustache'"),
    ("a button that sets something else", "train", 1, 6, at(6, belief=belief("angry", "bangs")), "event", "sad"),
    ("a strength that is not the button's", "train", 1, 2, at(2, strength={"smiling": 0.5}), "event", "strengths"),
    ("a redo that leads elsewhere", "train", 1, 5, at(5, belief=belief("smiling", "lipstick")), "event", "'redo'"),
    ("thanks that edit", "train", 1, 3, at(3, belief=belief("smiling", "bangs", "lipstick")), "behaviour", "thanks"),
    ("thanks that weaken", "train", 1, 3, at(3, strength={"smiling": 0.5}), "behaviour", "strengths"),
    ("a yes that takes nothing", "train", 1, 1, at(1, belief=belief("smiling"), outcome={}), "behaviour", "bangs"),
    ("a yes that takes something else", "train", 1, 1, at(1, belief=belief("smiling", "goatee"), outcome={"made": ["goatee"]}),
     "behaviour", "bangs"),
    ("a no that takes it", "train", 2, 4, at(4, belief=belief("lipstick")), "behaviour", "'no'"),
    ("an undo that leads elsewhere", "train", 1, 4,
     at(4, belief=belief("bangs"), strength=None, outcome={"removed": ["smiling"]}), "behaviour", "leads to"),
    ("clean-shaven with a goatee", "train", 2, 3, at(3, belief=belief("goatee"), outcome={"removed": ["mustache"]}), "behaviour",
     "nothing else"),
    ("a refused wish that edits", "train", 2, 2, at(2, belief=belief("mustache", "goatee", "bangs")), "behaviour", "u_thing"),
    ("a start-over that keeps something", "validation", 1, 1, at(1, belief=belief("black hair")), "behaviour",
     "leads to 'none'"),
    ("a request that forgets", "train", 1, 1, at(1, behaviour="request", belief=belief("bangs"), strength=None,
     outcome={"made": ["bangs"], "removed": ["smiling"]}), "behaviour", "must not lose 'smiling'"),
    ("a long text of training", "test", 2, 1, at(1, user="make me SMILE, but only a tiny little bit."), "same text", "1 of the"),
]  # fmt: skip


@pytest.mark.parametrize(
    "split, line, number, change, kind, words", [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED]
)
def test_planted(
    tmp_path: Path, split: str, line: int, number: int | None, change: Change, kind: str, words: str
) -> None:
    data = sound()
    change(data[f"{split}.jsonl"][line - 1])
    report = check(write(tmp_path / "data", data))
    assert not report.ok
    found = [p for p in report.problems if (p.kind, p.file, p.line, p.turn) == (kind, f"{split}.jsonl", line, number)]
    assert found and any(words in p.message for p in found), check_text(report)
    assert f"{split}.jsonl:{line}: " in check_text(report)
    first = min((p.file == found[0].file and p.line, p.turn or 0) for p in report.problems)
    assert first == (line, number or 0), check_text(report)  # nothing before it is blamed


def test_the_same_dialogue_twice(tmp_path: Path) -> None:
    data = sound()
    again = dict(data["test.jsonl"][1], dialogue_id="i2e-00006", image_id="seed:100006")
    data["test.jsonl"].append(again)
    assert faults(write(tmp_path / "data", data)) == [("same dialogue", "test.jsonl", 3, None)]


def test_without_behaviours_an_undone_belief_must_have_been_there(tmp_path: Path) -> None:
    data = sound()
    turns = [turn("Bangs.", "bangs"), turn("Take that back."), button({"type": "redo"}, "bangs")]
    data["test.jsonl"][0]["turns"] = turns
    assert faults(write(tmp_path / "a", data)) == []
    turns[2] = button({"type": "redo"}, "goatee")
    assert faults(write(tmp_path / "b", data)) == [("event", "test.jsonl", 1, 2)]


def test_a_yes_after_a_button_may_take_the_suggestion_or_nothing(tmp_path: Path) -> None:
    for number, values in enumerate(
        [("gray hair", "sad"), ("gray hair", "sad", "bangs"), ("gray hair", "sad", "goatee")]
    ):
        data = sound()
        data["test.jsonl"][1]["turns"] = [
            turn("Dye his hair gray.", "gray hair", act="suggest bangs", system="Done. Bangs, too?"),
            button({"type": "set", "value": "sad"}, "gray hair", "sad"),
            turn("Yes!", *values, behaviour="yes"),
        ]
        found = faults(write(tmp_path / str(number), data))
        assert found == ([("behaviour", "test.jsonl", 2, 2)] if "goatee" in values else [])


# Files and manifest --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "line, words",
    [(b'{"dialogue_id": "i2e-00009", "image_id"', "not JSON"), (b"\xff\xfe{}", "not UTF-8"), (b"[" * 100_000, "not JSON"),
     (b'{"a": NaN}', "NaN"), (b'{"a": 1' + b"0" * 5000 + b"}", "not JSON"), (b"7", "must be an object")],
)  # fmt: skip
def test_a_line_that_is_no_dialogue(tmp_path: Path, line: bytes, words: str) -> None:
    folder = write(tmp_path / "data", sound())
    with (folder / "test.jsonl").open("ab") as file:
        file.write(line + b"\n")
    seal(folder)
    report = check(folder)
    assert [(p.file, p.line) for p in report.problems] == [("test.jsonl", 3)]
    assert words in report.problems[0].message


def test_a_half_written_folder_never_passes(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", sound())
    whole = (folder / "train.jsonl").read_bytes()
    (folder / "train.jsonl").write_bytes(whole.splitlines(keepends=True)[0])
    found = check(folder)
    assert {(p.kind, p.file) for p in found.problems} == {("manifest", "train.jsonl"), ("manifest", "manifest.json")}
    assert any("sha256" in p.message for p in found.problems) and any("bytes" in p.message for p in found.problems)
    assert any("dialogues 2, but the file has 1" in p.message for p in found.problems)
    (folder / "train.jsonl").unlink()
    assert "train.jsonl: train.jsonl is missing." in check_text(check(folder))
    (folder / "train.jsonl").write_bytes(whole)
    assert check(folder).ok
    (folder / "manifest.json").unlink()
    found = check(folder)
    assert [p.kind for p in found.problems] == ["manifest"] and "not finished" in found.problems[0].message


@pytest.mark.parametrize(
    "changes, words",
    [({"format": 2}, "'format'"), ({"n": 6}, "promises 6"), ({"n": "5"}, "'n'"), ({"seed": None}, "'seed'"), ({"source": "web"}, "'source'"),
     ({"version": 1}, "'version'"), ({"files": {}}, "does not name test.jsonl"), ({"files": None}, "'files'"),
     ({"files": {"train.jsonl": 1, "validation.jsonl": {}, "test.jsonl": {}, "x": {}}}, "unknown file x")],
)  # fmt: skip
def test_a_manifest_that_is_wrong(tmp_path: Path, changes: Json, words: str) -> None:
    report = check(write(tmp_path / "data", sound(), **changes))
    assert any(p.kind == "manifest" and words in p.message for p in report.problems), check_text(report)


def test_a_manifest_that_is_no_manifest(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", sound())
    for text in ("", "[]", "{", "[" * 100_000):
        (folder / "manifest.json").write_text(text)
        assert [p.kind for p in check(folder).problems] == ["manifest"]


def test_images_of_a_folder(tmp_path: Path) -> None:
    data = sound()
    for dialogues in data.values():
        for dialogue in dialogues:
            dialogue["image_id"] = dialogue["image_id"][5:] + ".jpg"
    assert faults(write(tmp_path / "a", data, source="images")) == []
    data["test.jsonl"][1]["image_id"] = "seed:100005"
    assert faults(write(tmp_path / "b", data, source="images")) == [("image", "test.jsonl", 2, None)]


# Phrase families -----------------------------------------------------------------------------------------------------
def test_a_family_in_two_splits(tmp_path: Path) -> None:
    data = sound()
    for name, line in (("train.jsonl", 1), ("test.jsonl", 0)):
        data[name][line]["turns"][0]["family"] = "np-00000000"  # not in the bank, so only the two places count
    report = check(write(tmp_path / "data", data))
    assert [(p.kind, p.file, p.line, p.turn) for p in report.problems] == [("family", "test.jsonl", 1, 0)]
    assert "train (train.jsonl:2)" in report.problems[0].message


def test_a_family_of_another_split(tmp_path: Path) -> None:
    data = sound()
    for name, split in (("test.jsonl", "train"), ("train.jsonl", "test"), ("validation.jsonl", "test")):
        data[name][0]["turns"][0]["family"] = family_id("np", families(split)["np"][0 if name[0] == "t" else 1])
    found = faults(write(tmp_path / "data", data))
    assert [f for f in found if f[0] == "family"] == [
        ("family", "train.jsonl", 1, 0), ("family", "validation.jsonl", 1, 0), ("family", "test.jsonl", 1, 0),
    ]  # fmt: skip


def test_a_family_too_near_to_one_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = {
        "np-00000001": ("train", "Conjure {np} upon that noble visage."), "np-00000002": ("test", "On this noble visage conjure {np}!"),
        "np-00000003": ("test", "Conjure {np}."), "np-00000004": ("train", "{np}"),
    }  # fmt: skip
    monkeypatch.setattr(checking, "known_families", lambda: bank)
    data = sound()
    data["train.jsonl"][1]["turns"][1]["family"] = "np-00000001"
    data["train.jsonl"][1]["turns"][2]["family"] = "np-00000004"
    data["test.jsonl"][0]["turns"][0]["family"] = "np-00000003"
    assert faults(write(tmp_path / "a", data)) == []
    data["test.jsonl"][1]["turns"][1]["family"] = "np-00000002"
    report = check(write(tmp_path / "b", data))
    assert [(p.kind, p.file, p.line, p.turn) for p in report.problems] == [("kin", "test.jsonl", 2, 1)]
    assert "np-00000001" in report.problems[0].message and "train.jsonl:2" in report.problems[0].message


# Release, report -----------------------------------------------------------------------------------------------------
def test_a_release_is_recognised_by_its_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "data", sound(), version="i2edit-1.0")
    monkeypatch.setattr(checking, "RELEASE", tmp_path / "release.json")
    assert check(folder).version is None and "no release of that name is known" in check_text(check(folder))
    files = json.loads((folder / "manifest.json").read_text())["files"]
    pinned = {"version": "i2edit-1.0", "files": {name: entry["sha256"] for name, entry in files.items()}}
    (tmp_path / "release.json").write_text(json.dumps(pinned))
    report = check(folder)
    assert report.ok and report.version == "i2edit-1.0" and "release i2edit-1.0" in check_text(report)
    seal(folder)  # the same files under no name are the release all the same
    assert check(folder).version == "i2edit-1.0"
    data = sound()
    data["test.jsonl"][0]["turns"][0]["user"] = "Rosy cheeks, please!"
    other = check(write(tmp_path / "other", data, version="i2edit-1.0"))
    assert [p.kind for p in other.problems] == ["version"] and other.version is None


def test_every_kind_is_listed_within_the_limit(tmp_path: Path) -> None:
    data = sound()
    for dialogues in data.values():
        for dialogue in dialogues:
            dialogue["split"] = "nowhere"
    data["test.jsonl"][1]["turns"][1]["system"] = ""
    report = check(write(tmp_path / "data", data), limit=3)
    assert report.counts == {"split": 5, "text": 1} and report.found == 6
    assert [p.kind for p in report.problems] == ["split", "split", "text"]
    last = check_text(report).splitlines()[-1]
    assert last.startswith("6 problems (5 split, 1 text). 3 of them are not listed.")


def test_a_file_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", sound())
    report = check_file(folder / "train.jsonl")
    assert report.ok and report.dialogues == 2 and report == check(folder / "train.jsonl")
    dialogue = sound()["test.jsonl"][0] | {"split": "text"}
    (tmp_path / "one.jsonl").write_text(json.dumps(dialogue) + "\n" + json.dumps(dialogue))
    assert {(p.kind, p.line) for p in check_file(tmp_path / "one.jsonl").problems} == {
        ("split", 1), ("split", 2), ("duplicate id", 2), ("same dialogue", 2),
    }  # fmt: skip


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset folder"):
        check(tmp_path / "missing")
    with pytest.raises(DataError, match="no dialogue file"):
        check_file(tmp_path / "missing.jsonl")
    assert not check(tmp_path).ok


def test_no_json_makes_the_check_stumble(tmp_path: Path) -> None:
    """Every part of a dialogue replaced by every sort of thing: problems perhaps, but never an exception."""
    strange: list[Any] = [
        None,
        True,
        -1,
        10**400,
        0.5,
        "",
        "bangs",
        [],
        [[]],
        {},
        {"type": []},
        {"beard": [[]]},
        "\ud800",
    ]
    dialogue = sound()["train.jsonl"][0]

    def places(obj: Any) -> list[tuple[Any, Any]]:
        keys = list(obj) if isinstance(obj, dict) else range(len(obj)) if isinstance(obj, list) else ()
        return [place for key in keys for place in ((obj, key), *places(obj[key]))]

    lines = []
    for holder, key in places(dialogue):
        kept = holder[key]
        for thing in strange:
            holder[key] = thing
            lines.append(json.dumps(dialogue))
        holder[key] = kept
    (tmp_path / "strange.jsonl").write_text("\n".join(lines))
    report = check_file(tmp_path / "strange.jsonl", limit=10)
    assert report.dialogues == len(lines) > 1000 and report.found > len(lines) / 2
    assert check_text(report).isprintable() or "\n" in check_text(report)
