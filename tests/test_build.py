"""The dataset builder: same bytes, disjoint splits, the paper's counts, interrupted builds, CelebA's attribute file."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from i2edit.data.build import CELEBA, FIRST_SEED, SHARES, VERSION, Face, build, read_celeba, read_released_faces, sizes
from i2edit.data.phrases import families, family_id
from i2edit.dialogue.check import mentions
from i2edit.errors import DataError, OutputError
from i2edit.ontology import EXCLUDES, VALUES
from i2edit.records import Dialogue, read_dialogues

Data = dict[str, list[Dialogue]]


def read(folder: Path) -> Data:
    return {split: list(read_dialogues(folder / f"{split}.jsonl")) for split in SHARES}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenth of the released dataset's size."""
    out = tmp_path_factory.mktemp("built") / "data"
    build(out, 1200, 0)
    return out


@pytest.fixture(scope="module")
def data(folder: Path) -> Data:
    return read(folder)


# ------------------------------------------------------------------------------------------------ what is built


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    for out, seed in ((first, 7), (second, 7), (other, 8)):
        build(out, 36, seed)
    assert contents(first) == contents(second) != contents(other)
    assert set(contents(first)) == {"train.jsonl", "validation.jsonl", "test.jsonl", "manifest.json"}
    process = [sys.executable, "-c", BUILD, str(tmp_path / "third"), "36", "7"]
    subprocess.run(process, check=True, timeout=60)
    assert contents(tmp_path / "third") == contents(first)  # whatever the hash seed of the process


def test_the_manifest_describes_what_is_there(folder: Path, data: Data) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["n"], manifest["seed"], manifest["source"]) == (1200, 0, "faces")
    assert manifest["version"] is None  # only the released size and seed bear the name
    assert VERSION == "i2edit-1.0"
    for split in SHARES:
        raw = (folder / f"{split}.jsonl").read_bytes()
        described = manifest["files"][f"{split}.jsonl"]
        assert described == {
            "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw), "dialogues": len(data[split]),
        }  # fmt: skip


def test_sizes_are_ten_one_one() -> None:
    assert sizes(12000) == {"train": 10000, "validation": 1000, "test": 1000}
    assert sizes(1200) == {"train": 1000, "validation": 100, "test": 100}
    for n in (3, 4, 11, 12, 23, 25, 1201):
        parts = sizes(n)
        assert sum(parts.values()) == n and min(parts.values()) >= 1
        assert parts["validation"] == parts["test"] <= parts["train"]


def test_dialogues_are_numbered_and_of_their_split(data: Data) -> None:
    assert {split: len(dialogues) for split, dialogues in data.items()} == sizes(1200)
    everything = [dialogue for split in SHARES for dialogue in data[split]]
    assert [d.dialogue_id for d in everything] == [f"i2e-{number:05d}" for number in range(1, 1201)]
    assert all(d.split == split for split, dialogues in data.items() for d in dialogues)
    assert all(turn.user and turn.system and turn.act for d in everything for turn in d.turns)


def test_no_face_and_no_family_is_in_two_splits(data: Data) -> None:
    seen = {split: [d.image_id for d in dialogues] for split, dialogues in data.items()}
    assert len({image for images in seen.values() for image in images}) == 1200
    used = {
        split: {turn.family for d in dialogues for turn in d.turns if turn.family and "-" in turn.family}
        for split, dialogues in data.items()
    }
    for a, b in combinations(SHARES, 2):
        assert not set(seen[a]) & set(seen[b]) and not used[a] & used[b]
    for split in SHARES:
        own = {family_id(category, frame) for category, frames in families(split).items() for frame in frames}
        assert used[split] <= own and len(used[split]) > 100


def test_counts_are_those_of_the_papers_table(data: Data) -> None:
    """Table 2 of the paper, counted here from the definitions of FORMAT.md, not by the code that reports them."""
    dialogues = [dialogue for split in SHARES for dialogue in data[split]]
    turns = [turn for dialogue in dialogues for turn in dialogue.turns]
    assert len(turns) / len(dialogues) == pytest.approx(4.0, abs=0.2)
    assert sum(len((t.user or "").split()) for t in turns) / len(turns) == pytest.approx(11.5, abs=1.0)
    assert sum(len((t.system or "").split()) for t in turns) / len(turns) == pytest.approx(9.1, abs=1.0)
    assert sum(len(d.turns[-1].belief) for d in dialogues) / len(dialogues) == pytest.approx(4.0, abs=0.4)
    mentioned = 0
    for dialogue in dialogues:
        named: set[str] = set()
        before: set[str] = set()
        for turn in dialogue.turns:
            named |= mentions(turn.user or "") | mentions(turn.system or "") | (set(turn.belief) ^ before)
            named |= {turn.act.value} if turn.act and turn.act.value else set()
            before = set(turn.belief)
        mentioned += len(named)
    assert mentioned / len(dialogues) == pytest.approx(5.5, abs=0.4)
    texts = []
    for dialogue in dialogues:
        before = set()
        for turn in dialogue.turns:
            if set(turn.belief) - before:
                texts.append((turn.user or "").lower())
            before = set(turn.belief)
    assert len(texts) > 2 * len(dialogues) and len(set(texts)) / len(texts) >= 0.9


def test_beliefs_do_not_contradict_themselves_and_no_brace_is_left(data: Data) -> None:
    for dialogues in data.values():
        for dialogue in dialogues:
            for turn in dialogue.turns:
                assert not any(EXCLUDES[value] & set(turn.belief) for value in turn.belief)
                assert not set("{}") & set(f"{turn.user}{turn.system}"), (turn.user, turn.system)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    build(tmp_path / "out", 250, 0, progress=told.append)
    assert told == [100, 200]


# ------------------------------------------------------------------------------------------------ where it is built


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "train.jsonl").write_text("mine too")
    with pytest.raises(OutputError, match=r"is not empty\. Please name a new folder; nothing there was touched."):
        build(tmp_path, 12)
    assert contents(tmp_path) == {"notes.txt": b"mine", "train.jsonl": b"mine too"}


def test_a_finished_dataset_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(out, 12, 1)
    before = contents(out)
    with pytest.raises(OutputError, match="is not empty"):
        build(out, 12, 2)
    assert contents(out) == before


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="out cannot be written: "):
        build(tmp_path / "out", 12)
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.parametrize("name", ["predictions.jsonl", "video.part", "train.jsonl"])
def test_files_of_somebody_else_are_not_taken_for_ours(tmp_path: Path, name: str) -> None:
    """Whatever ended in .jsonl or .part used to be deleted as the rest of an interrupted build."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=r"is not empty\. Please name a new folder; nothing there was touched."):
        build(tmp_path, 12)
    assert contents(tmp_path) == {name: b"mine"}


@pytest.mark.parametrize("left", ["train.jsonl.part", "validation.jsonl", "manifest.json.part"])
def test_what_an_interrupted_build_left_is_cleaned(tmp_path: Path, left: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / left).write_text('{"dialogue_id": "i2e-000')
    (out / "test.jsonl.part").write_text("")
    build(out, 12)
    assert set(contents(out)) == {"train.jsonl", "validation.jsonl", "test.jsonl", "manifest.json"}
    assert [len(dialogues) for dialogues in read(out).values()] == [10, 1, 1]


BUILD = "import sys; from pathlib import Path; from i2edit.data.build import build; build(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"


def test_a_killed_build_never_looks_finished(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(out), "12000", "0"])
    try:
        part, patience = out / "train.jsonl.part", time.monotonic() + 60
        while not (part.is_file() and part.stat().st_size > 0):
            assert process.poll() is None and time.monotonic() < patience, "the build ended or never began"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (out / "manifest.json").exists()
    assert set(contents(out)) == {f"{split}.jsonl.part" for split in SHARES}
    manifest = build(out, 12, 0)
    fresh = tmp_path / "fresh"
    assert manifest == build(fresh, 12, 0) and contents(out) == contents(fresh)


@pytest.mark.parametrize("stage", ["lines", "rename", "last"])
def test_an_exception_midway_leaves_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    import i2edit.data.build as module

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        if stage == "lines":

            def stop(done: int) -> None:
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                build(out, 300, 0, progress=stop)
        else:
            replace = os.replace

            def full(source: Path, target: Path) -> None:
                if stage == "rename" or target.name == "manifest.json":
                    raise OSError(28, "No space left on device")
                replace(source, target)

            patch.setattr(module.os, "replace", full)
            with pytest.raises(OutputError, match="cannot be written: No space left on device"):
                build(out, 12, 0)
    assert not (out / "manifest.json").exists()
    build(out, 12, 0)
    assert (out / "manifest.json").exists()


# ------------------------------------------------------------------------------------------------ faces


def test_the_released_faces_are_new_ones() -> None:
    faces = read_released_faces()
    seeds = [int(face.image_id.removeprefix("seed:")) for face in faces]
    assert len(set(seeds)) == len(seeds) >= 12000 and min(seeds) >= FIRST_SEED
    shown = {value: sum(value in face.present for face in faces) / len(faces) for value in VALUES}
    assert all(0.001 < share < 0.95 for share in shown.values()), shown


@pytest.mark.parametrize("line", ["100003", "abc " + "0" * 23, "100003 " + "0" * 22, "100003 " + "0" * 22 + "2", ""])
def test_a_bad_line_of_the_released_table_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "attributes.txt"
    path.write_text("100000 " + "01" * 11 + "1\n" + line + "\n")
    with pytest.raises(
        DataError, match=r"attributes.txt, line 2 is not a face: a seed and 23 digits 0 or 1 are needed"
    ):
        read_released_faces(path)


def test_what_does_not_suffice_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="At least 3 dialogues are needed"):
        build(tmp_path / "a", 2)
    with pytest.raises(DataError, match=r"20000 dialogues need as many faces, but there are \d+"):
        build(tmp_path / "b", 20000)
    with pytest.raises(DataError, match="go together: give both or neither"):
        build(tmp_path / "c", 12, images=tmp_path)
    assert list(tmp_path.iterdir()) == []


# CelebA ----------------------------------------------------------------------------------------------------------------

COLUMNS = ["5_o_Clock_Shadow", *CELEBA, "Young"]  # in another order than CelebA's, with columns that say nothing to us
Celeba = Callable[..., list[Face]]


def celeba_line(name: str, *shown: str, columns: list[str] = COLUMNS) -> str:
    return f"{name} " + " ".join("1" if column in shown else "-1" for column in columns)


@pytest.fixture
def celeba(tmp_path: Path) -> Celeba:
    """(lines after the count) → the faces; pictures 1.jpg … 9.jpg are there."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(1, 10):
        (images / f"{number}.jpg").write_bytes(b"")

    def write(*lines: str, count: str | None = None) -> list[Face]:
        path = tmp_path / "list_attr_celeba.txt"
        path.write_text("\n".join([count if count is not None else str(len(lines) - 1), *lines]) + "\n")
        return read_celeba(path, images)

    return write


def test_nineteen_columns_are_read_and_two_values_follow(celeba: Celeba) -> None:
    assert len(CELEBA) == 19 and set(CELEBA.values()) == set(VALUES) - {"sad", "angry", "no smiling", "no makeup"}
    columns = list(CELEBA)
    lines = [celeba_line(f"{i + 1}.jpg", column) for i, column in enumerate(columns[:9])]
    found = celeba(" ".join(COLUMNS), *lines)
    found += celeba(" ".join(COLUMNS), *(celeba_line(f"{i + 1}.jpg", c) for i, c in enumerate(columns[9:18])))
    found += celeba(" ".join(COLUMNS), celeba_line("9.jpg", columns[18], "Young", "5_o_Clock_Shadow"))
    assert len(found) == 19
    for face, (column, value) in zip(found, CELEBA.items(), strict=True):
        expected = {value}
        if value != "smiling":
            expected.add("no smiling")
        if column not in ("Heavy_Makeup", "Wearing_Lipstick", "Rosy_Cheeks"):
            expected.add("no makeup")
        assert face.present == expected, column


def test_several_columns_at_once_and_blank_lines(celeba: Celeba) -> None:
    head = "  ".join(COLUMNS)
    found = celeba(
        head, celeba_line("1.jpg", "Smiling", "Wearing_Lipstick", "Bangs"), "", celeba_line("2.jpg"), count="2"
    )
    assert found == [
        Face("1.jpg", frozenset({"smiling", "lipstick", "bangs"})), Face("2.jpg", frozenset({"no smiling", "no makeup"})),
    ]  # fmt: skip


HEAD = " ".join(COLUMNS)
ONE = celeba_line("1.jpg", "Smiling")


@pytest.mark.parametrize(
    "lines, count, said",
    [((HEAD, ONE), "many", r"list_attr_celeba.txt, line 1: the number of pictures is expected"),
     ((), "1", "line 1: the number of pictures is expected"),
     ((HEAD.replace("Bangs", "Fringe").replace("Smiling", ""), ONE), "1",
      "line 2: the columns Smiling, Bangs are missing"),
     ((HEAD + " Bangs", ONE), "1", "line 2: the column Bangs is there twice"),
     ((HEAD, ONE, "2.jpg 1 -1"), "2", "line 4: a file name and 21 numbers 1 or -1 are expected"),
     ((HEAD, ONE.replace("-1", "0", 1)), "1", "line 3: a file name and 21 numbers"),
     ((HEAD, ONE, celeba_line("2.jpg"), ONE), "3", "line 5: 1.jpg was on line 3 already"),
     ((HEAD, celeba_line("../1.jpg")), "1", r"line 3: \.\./1\.jpg must be a plain file name"),
     ((HEAD, celeba_line("77.jpg")), "1", r"txt: 77\.jpg \(line 3\) are not in .*images"),
     ((HEAD, *(celeba_line(f"{n}.jpg") for n in range(80, 86))), "6",
      r"80\.jpg \(line 3\), 81\.jpg \(line 4\), 82\.jpg \(line 5\) and 3 more are not in"),
     ((HEAD, ONE), "2", "line 1 promises 2 pictures, but 1 follow")],
)  # fmt: skip
def test_what_is_wrong_with_an_attribute_file_is_said(
    celeba: Celeba, lines: tuple[str, ...], count: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        celeba(*lines, count=count)


def test_missing_inputs_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no attribute file at .*nowhere.txt"):
        read_celeba(tmp_path / "nowhere.txt", tmp_path)
    (tmp_path / "list.txt").write_text("0\n")
    with pytest.raises(DataError, match=r"There is no folder of pictures at .*nowhere"):
        read_celeba(tmp_path / "list.txt", tmp_path / "nowhere")


def test_a_dataset_about_own_pictures(celeba: Celeba, tmp_path: Path) -> None:
    celeba(HEAD, *(celeba_line(f"{n}.jpg", "Smiling") for n in range(1, 10)))
    arguments: dict[str, Any] = {"images": tmp_path / "images", "attributes": tmp_path / "list_attr_celeba.txt"}
    manifest = build(tmp_path / "out", 9, 0, **arguments)
    assert manifest["source"] == "images" and manifest["version"] is None
    found = [dialogue.image_id for dialogues in read(tmp_path / "out").values() for dialogue in dialogues]
    assert sorted(found) == [f"{n}.jpg" for n in range(1, 10)]
    with pytest.raises(DataError, match="10 dialogues need as many faces, but there are 9"):
        build(tmp_path / "more", 10, 0, **arguments)
