"""The command line, called as the console script calls it: what it writes, and the one sentence for everything bad."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from i2edit import cli, weights
from i2edit.align import Face
from i2edit.assets import FOLDER
from i2edit.chat import MESSAGE_LIMIT, Editor
from i2edit.errors import MessageError
from i2edit.images import AI_EDITED, AI_GENERATED, open_photo, read_source_type
from i2edit.ontology import Belief
from i2edit.records import read_dialogues

torch.set_num_threads(1)  # the networks are too small to share


class Run(NamedTuple):
    code: int
    out: str
    err: str


I2Edit = Callable[..., Run]


@pytest.fixture
def i2edit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> I2Edit:
    """`i2edit(*arguments, typed=lines)` in an empty folder; the input ends after the lines."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, typed: tuple[str, ...] = ()) -> Run:
        lines = list(typed)

        def read(prompt: str) -> str:
            if not lines:
                raise EOFError
            return lines.pop(0)

        monkeypatch.setattr("builtins.input", read)
        monkeypatch.setattr(sys, "argv", ["i2edit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return Run(int(stopped.value.code or 0), *capsys.readouterr())

    return run


def use(monkeypatch: pytest.MonkeyPatch, editor: Editor) -> Editor:
    """The editor is what the command line loads."""
    monkeypatch.setattr(Editor, "load", classmethod(lambda cls, **more: editor))
    return editor


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, small_editor: Editor) -> Editor:
    """Generated faces of 256²; photos can be opened up to the inversion."""
    return use(monkeypatch, small_editor)


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch, mean_landmarks: np.ndarray) -> list[Face]:
    """Two faces that are found in any photo: the detector's landmarks would be downloaded."""
    found = []
    for left, side in ((20.0, 260), (150.0, 140)):
        points = mean_landmarks * side + left
        found.append(Face((*points.min(0), *points.max(0)), points, 1.0))
    monkeypatch.setattr("i2edit.align.find_faces", lambda image: found)
    return found


def photo_file(path: Path = Path("me.jpg"), size: tuple[int, int] = (320, 300)) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def everything() -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(Path().rglob("*"))}


def pixels(path: str) -> bytes:
    """Of a result; its bytes as a file hold a signature, which is another each time."""
    return open_photo(path).image.tobytes()


def refusal(run: Run) -> str:
    """The one sentence, without "i2edit: "."""
    assert run.code == 2 and "Traceback" not in run.err
    sentences = [line for line in run.err.splitlines() if not line.endswith(" …")]  # … ends a line of progress
    assert len(sentences) == 1 and sentences[0].startswith("i2edit: ") and sentences[0].endswith("."), run.err
    return sentences[0].removeprefix("i2edit: ")


# ------------------------------------------------------------------------------------------------ edit


def test_edit_writes_every_picture_and_a_transcript(
    i2edit: I2Edit, tiny_editor: Editor, faces: list[Face], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo with two faces, through the real inversion and back into the whole photo."""
    use(monkeypatch, tiny_editor)
    photo_file()
    said = ("+lipstick, less +smiling", "thanks 🙂")
    run = i2edit("edit", "me.jpg", "--say", said[0], "--say", said[1], "--out", "a/b")
    assert run.code == 0 and "Note: 2 faces found; taking number 1" in run.err
    assert "you: thanks 🙂\ni2edit: I see 2 wishes.\n    [expression: smiling; makeup: lipstick]" in run.out
    assert "a/b/sheet.png" in run.out.splitlines()[-1]
    names = ["original.png", "sheet.png", "transcript.json", "turn-1.png", "turn-2.png"]
    assert sorted(os.listdir("a/b")) == names and sorted(os.listdir()) == ["a", "me.jpg"]

    images = {name: np.asarray(Image.open(f"a/b/{name}")) for name in names if name.endswith("png")}
    assert np.array_equal(images["original.png"], np.asarray(open_photo("me.jpg").image))
    assert images["turn-1.png"].shape == (300, 320, 3) and np.array_equal(images["turn-1.png"], images["turn-2.png"])
    assert not np.array_equal(images["turn-1.png"], images["original.png"])
    assert images["sheet.png"].shape[1] > 2.5 * images["sheet.png"].shape[0] > 0  # three in a row
    marks = {name: read_source_type(f"a/b/{name}") for name in images}
    assert marks.pop("original.png") is None and set(marks.values()) == {AI_EDITED}

    turns = json.loads(Path("a/b/transcript.json").read_text(encoding="utf-8"))
    assert [turn["user"] for turn in turns] == list(said) and {turn["system"] for turn in turns} == {"I see 2 wishes."}
    for number, turn in enumerate(turns, 1):
        assert Belief.from_json(turn["belief"]) == Belief.of("smiling", "lipstick")
        assert turn["identity_distance"] >= 0 and turn["image"] == f"turn-{number}.png"
        assert turn["strength"] == {"smiling": 0.6}
    assert turns[0]["seconds"] > turns[1]["seconds"] >= 0  # nothing new was drawn


def test_edit_of_a_generated_face(i2edit: I2Edit, quick: Editor) -> None:
    assert i2edit("edit", "--face-seed", 3, "--say", "+bangs").code == 0
    assert {read_source_type(path) for path in Path("i2edit-out").glob("*.png")} == {AI_GENERATED}
    assert len(list(Path("i2edit-out").iterdir())) == 4
    first = pixels("i2edit-out/original.png")
    for seed in (3, 4):  # over the earlier results
        assert i2edit("edit", "--face-seed", seed, "--say", "hello").code == 0
        assert (pixels("i2edit-out/original.png") == first) == (seed == 3)
        assert pixels("i2edit-out/turn-1.png") == pixels("i2edit-out/original.png")


def test_a_failure_in_the_middle_leaves_the_folder_as_it_was(
    i2edit: I2Edit, quick: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders were made, and pictures written, before it was known whether all would go well."""
    track = quick.dialogue.track

    def tired(conv: Any, text: str) -> Any:
        if conv.turns:
            raise MessageError("One thing at a time.")
        return track(conv, text)

    monkeypatch.setattr(quick.dialogue, "track", tired)
    Path("old").mkdir()
    Path("old/original.png").write_bytes(b"earlier")
    before = everything()
    for out in ("old", "new/er"):
        run = i2edit("edit", "--face-seed", 3, "--say", "hello", "--say", "hello", "--out", out)
        assert refusal(run) == "One thing at a time." and everything() == before
    monkeypatch.setattr(quick.dialogue, "track", track)
    Path("old/sheet.png").mkdir()
    assert "written into old" in refusal(i2edit("edit", "--face-seed", 3, "--say", "hello", "--out", "old"))


# ------------------------------------------------------------------------------------------------ chat


def test_a_conversation_in_the_terminal(i2edit: I2Edit, quick: Editor) -> None:
    typed = (
        "+bangs", "", "   ", "/belief", "+lipstick", "/undo", "/redo", "a" * (MESSAGE_LIMIT + 1), "/help", "/dance",
        "/save a.jpg", "/save far/b.webp", "/save", "/save c.gif", "/undo", "/undo", "/undo", "/reset", "/quit", "+angry",
    )  # fmt: skip
    run = i2edit("chat", "--face-seed", 3, "--out", "here", typed=typed)
    assert run.code == 0 and run.err == ""
    assert f"{MESSAGE_LIMIT} are the limit" in run.out and "angry" not in run.out
    assert run.out.count(cli.HELP) == 3 and "c.gif should end in .png, .jpg or .webp" in run.out
    assert "\nhairstyle: bangs\n" in run.out and run.out.endswith("The pictures are in here.\n")
    states = re.findall(r"    \[(.*)\]  here/turn-(\d+)\.png\n", run.out)
    both = "hairstyle: bangs; makeup: lipstick"
    beliefs = ["hairstyle: bangs", both, "hairstyle: bangs", both, "hairstyle: bangs", "none", "none", "none"]
    assert states == [(belief, str(number)) for number, belief in enumerate(beliefs, 1)]
    assert run.out.count("Nothing to change there.") == 2
    pictures = [pixels(f"here/turn-{number}.png") for number in range(1, 9)]
    assert pictures[0] == pictures[2] == pictures[4] != pictures[1] == pictures[3] == pixels("here/saved.png")
    assert len(set(pictures[5:])) == 1 and pictures[5] not in pictures[:5]
    for saved in ("a.jpg", "far/b.webp", "here/saved.png", "here/turn-1.png"):
        assert f"{saved}" in run.out and read_source_type(saved) == AI_GENERATED
    assert not Path("c.gif").exists()


def test_the_end_of_input_ends_a_conversation(
    i2edit: I2Edit, quick: Editor, new_chat: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_file()
    chat = new_chat()
    monkeypatch.setattr(quick, "open", lambda *args, **more: chat)
    assert i2edit("chat", "me.jpg", typed=("+bangs", "/save a.jpg", "/save a.webp", "/save me.jpg/a.png")).code == 0
    assert os.listdir("i2edit-me") == ["turn-1.png"]
    assert [read_source_type(name) for name in ("a.jpg", "a.webp", "i2edit-me/turn-1.png")] == [AI_EDITED] * 3
    run = i2edit("chat", "me.jpg", typed=("/save me.jpg/a.png", "/reset", "/save a.png"))
    assert "me.jpg/a.png cannot be written: a part of its path is a file" in run.out
    assert read_source_type("a.png") is None and np.array_equal(np.asarray(Image.open("a.png")), np.asarray(chat.photo))


# ------------------------------------------------------------------------------------------------ bad photos


def bad_photo(kind: str) -> Path:
    path = Path("bad.jpg")
    if kind == "truncated":
        photo_file()
        path.write_bytes(Path("me.jpg").read_bytes()[:-900])
    elif kind == "folder":
        path.mkdir()
    elif kind == "no face":
        Image.new("RGB", (60, 60), (90, 120, 90)).save(path)
    elif kind != "missing":
        path.write_bytes(b"" if kind == "0 bytes" else b"Dear diary, today I took no photo.")
    return path


@pytest.mark.parametrize("command", ["edit", "chat"])
@pytest.mark.parametrize(
    "kind, words",
    [
        ("not an image", "is not a picture"),
        ("truncated", "damaged, cut off"),
        ("0 bytes", "empty (0 bytes)"),
        ("folder", "is a folder"),
        ("missing", "There is no file bad.jpg"),
        ("no face", "No face was found"),
    ],
)
def test_a_photo_that_cannot_be_used(i2edit: I2Edit, quick: Editor, command: str, kind: str, words: str) -> None:
    path = bad_photo(kind)
    before = everything()
    more = ("--say", "smile") if command == "edit" else ()
    assert words in refusal(i2edit(command, path, *more)) and everything() == before


def test_a_face_that_is_too_small_and_one_that_is_not_there(i2edit: I2Edit, quick: Editor, faces: list[Face]) -> None:
    photo_file()
    before = everything()
    assert "There is no face number 3: 2 faces" in refusal(i2edit("edit", "me.jpg", "--say", "smile", "--face", 3))
    faces[0].landmarks[:] *= 0.2
    sentence = refusal(i2edit("edit", "me.jpg", "--say", "smile"))
    assert "The face is too small: its eyes are 13 pixels apart" in sentence and everything() == before


@pytest.mark.weights
def test_a_real_face_that_is_too_small(i2edit: I2Edit, quick: Editor) -> None:
    small = open_photo(FOLDER / "demo" / "portrait.jpg").image
    small.thumbnail((130, 130))
    small.save("small.png")
    before = everything()
    assert "The face is too small" in refusal(i2edit("edit", "small.png", "--say", "smile"))
    assert everything() == before


def one_bit_png(path: Path, side: int) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\xcc" * (side // 8)) * side, 1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


PEAK = """
import re, sys
from pathlib import Path
from i2edit import cli
from i2edit.chat import Editor
if sys.argv.pop() == "no networks":
    Editor.load = classmethod(lambda cls, **more: object.__new__(cls))
try:
    cli.main()
finally:
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 // 1_000_000)
"""


def peak(*arguments: str) -> Run:
    """The command line in a process of its own; the last line of its output is the most memory it took, in MB."""
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True)
    return Run(done.returncode, done.stdout, done.stderr)


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@linux
def test_400_megapixels_without_a_face(i2edit: I2Edit) -> None:
    one_bit_png(Path("vast.png"), 20_000)
    run = peak("edit", "vast.png", "--say", "smile", "no networks")
    assert "No face was found" in refusal(run) and os.listdir() == ["vast.png"]
    assert int(run.out.split()[-1]) < 1500


@linux
@pytest.mark.slow
@pytest.mark.weights
def test_400_megapixels_with_a_face_take_less_than_3_gb(i2edit: I2Edit) -> None:
    """They took 3.9 GB, and 9.1 GB where the face filled the photo: pasted at once, kept for every turn."""
    portrait = open_photo(FOLDER / "demo" / "portrait.jpg").image.convert("L")
    portrait.resize((20_000, 20_000)).save("vast.png", compress_level=1)
    run = peak(
        "edit", "vast.png", "--say", "give me bangs", "--say", "a smile please", "--say", "blond hair", "as it is"
    )
    assert run.code == 0 and "20000 × 20000 pixels; it was made smaller: 5000 × 5000." in run.err
    assert Image.open("i2edit-out/turn-3.png").size == (5000, 5000)
    assert int(run.out.split()[-1]) < 3000


# ------------------------------------------------------------------------------------------------ bad wishes and places


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--say", ""), "The message is empty"),
        (("--say", "smile", "--say", " \t"), "The message is empty"),
        (("--say", "a" * 10_000), f"has 10000 characters; {MESSAGE_LIMIT} are the limit"),
        ((), "Say at least one thing"),
        (("--say", "smile", "--out", "me.jpg"), "me.jpg is a file"),
        (("--say", "smile", "--out", "me.jpg/out"), "Nothing can be written into me.jpg/out"),
        (("--say", "smile", "--face-seed", "3"), "either a photo or --face-seed"),
    ],
)
def test_a_wish_or_a_place_that_cannot_be_used(
    i2edit: I2Edit, quick: Editor, arguments: tuple[str, ...], words: str
) -> None:
    photo_file()
    before = everything()
    assert words in refusal(i2edit("edit", "me.jpg", *arguments)) and everything() == before


def test_a_chat_has_nowhere_to_write(i2edit: I2Edit, quick: Editor) -> None:
    Path("i2edit-seed-6001").write_text("a file in place of the folder")
    assert "Nothing can be written into i2edit-seed-6001" in refusal(i2edit("chat"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is permitted to root")
def test_no_write_permission(i2edit: I2Edit, quick: Editor) -> None:
    Path("closed").mkdir(mode=0o555)
    for out in ("closed", "closed/out"):
        sentence = refusal(i2edit("edit", "--face-seed", 3, "--say", "smile", "--out", out))
        assert f"Nothing can be written into {out}: " in sentence and list(Path("closed").iterdir()) == []


def test_offline_with_an_empty_cache(i2edit: I2Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2EDIT_OFFLINE", "1")
    photo_file()
    before = everything()
    for arguments in (("edit", "me.jpg", "--say", "smile"), ("chat", "--face-seed", 3), ("weights", "fetch")):
        sentence = refusal(i2edit(*arguments))
        assert "Run `i2edit weights fetch` where there is a network" in sentence and "I2EDIT_OFFLINE" in sentence
    assert {name for name in everything() if not name.startswith("empty-home")} == set(before)


# ------------------------------------------------------------------------------------------------ what goes on


def test_emoji_control_characters_and_other_languages(i2edit: I2Edit, quick: Editor, untaught: Any) -> None:
    quick.dialogue = untaught
    odd = ("😀👍🏽", "\x07\x1b\u200b", "笑ってください", "улыбнись", "+bangs", "привет", "???")
    run = i2edit("edit", "--face-seed", 3, *(part for text in odd for part in ("--say", text)))
    assert run.code == 0 and run.err == ""
    turns = json.loads(Path("i2edit-out/transcript.json").read_text(encoding="utf-8"))
    assert [turn["user"] for turn in turns] == list(odd)
    assert [turn["belief"] for turn in turns] == [{}] * 4 + [{"hairstyle": ["bangs"]}] * 3
    for index in (2, 3, 5):
        assert "English" in turns[index]["system"]


def test_bytes_that_the_terminal_could_not_decode(i2edit: I2Edit, quick: Editor) -> None:
    """They ended in a UnicodeEncodeError."""
    assert i2edit("edit", "--face-seed", 3, "--say", os.fsdecode(b"sm\xffle")).code == 0
    assert json.loads(Path("i2edit-out/transcript.json").read_text(encoding="utf-8"))[0]["user"] == "sm?le"


def test_a_damaged_cache_is_fetched_again(
    i2edit: I2Edit, small_editor: Editor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blob = bytes(range(256))
    Path("net.bin").write_bytes(blob)
    file = weights.File("net.bin", hashlib.sha256(blob).hexdigest(), len(blob))
    row = weights.Entry("net", "a test", "CC0, as a test", (f"path:{tmp_path}/{{file}}",), (file,), "net.bin")
    monkeypatch.setattr(weights, "TABLE", (row,))
    run = i2edit("weights", "fetch")
    cached = Path(run.out.removeprefix("net: ").strip())
    assert cached.read_bytes() == blob and i2edit("weights", "verify") == (0, "net: good\n", "")
    assert "here         a test" in i2edit("weights", "list").out

    cached.write_bytes(blob[:-1])
    weights._good.clear()  # as a new process would find it
    run = i2edit("weights", "verify")
    assert run.code == 2 and "has 255 bytes instead of 256" in run.out

    def load(cls: type[Editor], **more: Any) -> Editor:
        assert weights.get("net").read_bytes() == blob
        return small_editor

    monkeypatch.setattr(Editor, "load", classmethod(load))
    run = i2edit("edit", "--face-seed", 3, "--say", "hello")
    assert run.code == 0 and "net is fetched again.\n" in run.err and "UserWarning" not in run.err
    assert i2edit("weights", "verify").code == 0 and Path("i2edit-out/sheet.png").exists()


# ------------------------------------------------------------------------------------------------ sessions, provenance


def test_small_talk_about_a_photo_is_not_an_edit(
    i2edit: I2Edit, tiny_editor: Editor, faces: list[Face], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`edit` marked pictures as edited in which nothing was; `chat` did not. Place and device only on request."""
    use(monkeypatch, tiny_editor)
    exif = Image.Exif()
    exif[0x010F] = "SomeCamera"
    with Image.open(photo_file()) as image:
        image.save("me.jpg", exif=exif)
    run = i2edit("edit", "me.jpg", "--face", 1, "--say", "hello", "--say", "+lipstick", "--keep-exif", "--out", "a")
    assert run.code == 0
    marks = [read_source_type(f"a/{name}.png") for name in ("original", "turn-1", "turn-2", "sheet")]
    assert marks == [None, None, AI_EDITED, AI_EDITED]
    with Image.open("a/turn-2.png") as result, Image.open("a/sheet.png") as strip:
        assert dict(result.getexif())[0x010F] == "SomeCamera" and dict(strip.getexif()) == {}

    run = i2edit("inspect", "a/turn-1.png", "a/turn-2.png")
    assert run.code == 0 and "says nothing about how it was made" in run.out and "Edits: lipstick." in run.out
    run = i2edit("inspect", "a/turn-2.png", "a/turn-1.png", "--json")
    told, plain = (json.loads(line) for line in run.out.splitlines())
    assert (told["manifest"], told["digital_source_type"]) == ("valid", AI_EDITED) and plain["manifest"] == "none"
    assert told["edits"] == [{"slot": "makeup", "value": "lipstick", "strength": 1.0}]
    assert "no file missing.png" in refusal(i2edit("inspect", "missing.png"))
    assert "takes both" in refusal(i2edit("--c2pa-cert", "a.pem", "inspect", "a/turn-1.png"))
    assert "b.pem cannot be read" in refusal(i2edit("--c2pa-cert", "b.pem", "--c2pa-key", "b.pem", "inspect", "a"))


def test_a_kept_text_cannot_steer_the_terminal(i2edit: I2Edit, quick: Editor) -> None:
    run = i2edit("chat", "--face-seed", 3, "--keep", "--data", "d", "--out", "one", typed=("+bangs",))
    id = re.findall(r"Stored as (\S+);", run.err)[0]
    odd = "a \x1b[31m\x9b\u202e 👩‍🎤"
    with closing(sqlite3.connect(next(Path("d").rglob("store.sqlite")))) as rows, rows:
        shown = json.loads(rows.execute("SELECT shown FROM i2edit_turns").fetchone()[0])
        rows.execute("UPDATE i2edit_turns SET shown = ?", (json.dumps({**shown, "text": odd}),))
        rows.execute("UPDATE i2edit_sessions SET name = ?", (odd,))
    for words in (("sessions", "list"), ("sessions", "show", id), ("chat", "--resume", id, "--out", "two")):
        told = i2edit(*words, "--data", "d", typed=("+smiling",)).out
        assert r"a \x1b[31m\x9b\u202e 👩‍🎤" in told and not set(told) & set("\x1b\x9b\u202e"), words


def test_a_conversation_that_is_kept_and_gone_on_with(i2edit: I2Edit, quick: Editor) -> None:
    run = i2edit("chat", "--face-seed", 3, "--keep", "--data", "d", "--out", "one", typed=("+bangs", "+lipstick"))
    assert run.code == 0
    id = re.findall(r"Stored as (\S+);", run.err)[0]
    line = i2edit("sessions", "list", "--data", "d").out
    assert line.startswith(f"{id}  ") and "2 turns" in line and "seed 3  [hairstyle: bangs; makeup: lipstick]" in line
    run = i2edit("chat", "--resume", id[:9], "--data", "d", "--out", "two", typed=("/undo", "+smiling"))
    assert run.code == 0 and "you: +lipstick\ni2edit: I see 2 wishes.\n" in run.out
    assert pixels("two/turn-1.png") == pixels("one/turn-1.png")
    assert "[expression: smiling; hairstyle: bangs]  two/turn-2.png" in run.out
    shown = i2edit("sessions", "show", id[:9], "--data", "d").out
    assert "you: (undo)\n" in shown and shown.endswith("[expression: smiling; hairstyle: bangs]\n")
    whole = json.loads(i2edit("sessions", "show", id, "--data", "d", "--json").out)
    assert [turn.get("user") for turn in whole["dialogue"]] == ["+bangs", "+lipstick", None, "+smiling"]

    assert i2edit("sessions", "export", id, "--out", "taken", "--data", "d").code == 0
    assert sorted(os.listdir("taken")) == [
        "crop.png",
        "dialogue.jsonl",
        "face.safetensors",
        "photo.png",
        "session.json",
    ]
    (dialogue,) = read_dialogues("taken/dialogue.jsonl")
    assert dialogue.image_id == "photo.png" and dialogue.turns[-1].belief == Belief.of("smiling", "bangs")
    assert pixels("taken/photo.png") == pixels("taken/crop.png")
    assert "is there already" in refusal(i2edit("sessions", "export", id, "--out", "taken", "--data", "d"))

    assert "MB freed" in i2edit("cache", "clear", "--data", "d").out
    assert "Say what to delete" in refusal(i2edit("sessions", "delete", "--data", "d"))
    assert "There is no session 'zz'" in refusal(i2edit("sessions", "delete", id, "zz", "--data", "d"))
    assert i2edit("sessions", "delete", "--older-than", 1, "--data", "d").out == "Deleted 0 sessions.\n"
    assert len(json.loads(i2edit("sessions", "list", "--json", "--data", "d").out)) == 1
    assert i2edit("sessions", "delete", id[:9], "--data", "d").out == "Deleted 1 session.\n"
    assert i2edit("sessions", "list", "--data", "d").out == "There are no stored sessions.\n"
    assert "There is no session" in refusal(i2edit("chat", "--resume", id, "--data", "d"))
    assert "leave out the photo" in refusal(i2edit("chat", "me.jpg", "--resume", id, "--data", "d"))
    assert "leave out --stack" in refusal(i2edit("chat", "--resume", id, "--data", "d", "--steps", "5"))
    assert "give the folder" in refusal(i2edit("sessions", "list", "--data", "sqlite:///x"))
