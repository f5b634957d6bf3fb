"""The two stacks and the two editors, chosen by name: what is asked for, and conversations from end to end on small checkpoints.

The default stack's networks are the tiny ones of `conftest`; those of the ffhq stack come from files, as a person's would.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic
import torch
from PIL import Image
from torch.nn import functional as F

from i2edit import cli
from i2edit.captions import caption, listed
from i2edit.chat import Editor
from i2edit.edit.optimise import Found, Optimise
from i2edit.errors import DataError, I2EditError, WeightsError
from i2edit.facetext import FaceText
from i2edit.nets.clip import CLIP
from i2edit.nets.e4e import Encoder
from i2edit.nets.mobile import NUM_SLOTS
from i2edit.nets.slots import carried
from i2edit.ontology import Belief, EditState
from i2edit.stacks import Choice, named, wording

pytestmark = pytest.mark.usefixtures("one_thread")
SIZES = (16, 16, 12, 8, 8)  # channels from 4² to 64²


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checkpoints of the ffhq stack, narrow, with a W of 512 numbers and pictures of 64 px."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.save(synthetic.e4e_checkpoint(1, channels=SIZES, dim=512), folder / "e4e.pt")
    torch.save(synthetic.stylegan2_checkpoint(2, channels=SIZES, dim=512), folder / "generator.pt")
    torch.save(synthetic.arcface(3), folder / "arcface.pth", _use_new_zipfile_serialization=False)
    synthetic.clip_folder(folder / "clip", 51, layers=1)
    names = {"encoder": "e4e.pt", "generator": "generator.pt", "arcface": "arcface.pth", "clip": "clip"}
    return {name: str(folder / file) for name, file in names.items()}


@pytest.fixture
def default_parts(
    tiny_parts: dict[str, Any], mean_landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What every editor loads from the cache: here the tiny networks, and one face wherever one is looked for."""
    from i2edit import align, invert
    from i2edit.nets.dlibface import DlibFace
    from i2edit.nets.lpips import LPIPS
    from i2edit.nets.mobile import Generator
    from i2edit.regions import Segmenter

    generator = copy.deepcopy(tiny_parts["generator"])
    segmenter = copy.copy(tiny_parts["segmenter"])
    segmenter.generator = generator
    monkeypatch.setattr(Generator, "from_weights", lambda: generator)
    monkeypatch.setattr(DlibFace, "from_weights", lambda: tiny_parts["face"])
    monkeypatch.setattr(LPIPS, "from_weights", lambda self: self)
    monkeypatch.setattr(Segmenter, "from_assets", lambda generator: segmenter)
    monkeypatch.setattr("i2edit.nets.fast.FastSynthesis", lambda synthesis: synthesis)
    short = invert.Settings(preview_steps=1, picture_steps=1)
    monkeypatch.setattr(invert, "Settings", lambda: short)

    def one_face(image: Image.Image) -> list[align.Face]:
        points = mean_landmarks * 0.8 * min(image.size) + 0.1 * min(image.size)
        return [align.Face((*points.min(0), *points.max(0)), points, 1.0)]

    monkeypatch.setattr(align, "find_faces", one_face)
    return {**tiny_parts, "generator": generator, "segmenter": segmenter}


def run(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The console script; its exit code."""
    monkeypatch.setattr(sys, "argv", ["i2edit", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


# ------------------------------------------------------------------------------------------------ what is asked for


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stack": "ffhq"}, "--stack ffhq --editor directions needs --encoder "),
        ({"stack": "ffhq", "editor": "optimise", "encoder": "a"}, "needs --arcface .*; --clip "),
        ({"stack": "ffhq", "editor": "optimise", "encoder": "a", "arcface": "b"}, "--editor optimise needs --clip "),
        ({"encoder": "a", "arcface": "b"}, "--encoder, --arcface are for --stack ffhq"),
        ({"stack": "stylegan3"}, "stack is mobile or ffhq, not 'stylegan3'"),
        ({"l2": "l1"}, "l2 is squared or norm, not 'l1'"),
        ({"steps": 0}, "at least one step, not 0"),
    ],
)
def test_a_choice_that_cannot_work_is_told_before_anything_is_loaded(options: dict[str, Any], said: str) -> None:
    with pytest.raises(I2EditError, match=said):
        Choice(**options)


def test_the_command_line_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("chat", "--stack", "ffhq", monkeypatch=monkeypatch) == 2
    assert "needs --encoder" in capsys.readouterr().err
    assert (
        run(
            "edit",
            "--face-seed",
            "1",
            "--say",
            "smile",
            "--stack",
            "ffhq",
            "--encoder",
            "none.pt",
            monkeypatch=monkeypatch,
        )
        == 2
    )
    assert "There is no checkpoint at none.pt" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_encoder_and_a_generator_that_do_not_belong_together(
    default_parts: dict[str, Any], files: dict[str, str], tmp_path: Path
) -> None:
    torch.save(synthetic.stylegan2_checkpoint(2, channels=SIZES[:3], dim=512), tmp_path / "small.pt")
    with pytest.raises(
        WeightsError, match=r"answers with \[10, 512\] numbers, the generator of 16 px takes \[6, 512\]"
    ):
        Editor.load(Choice(stack="ffhq", encoder=files["encoder"], generator=str(tmp_path / "small.pt")))
    torch.save(synthetic.e4e_checkpoint(1, channels=SIZES[:3]), tmp_path / "narrow.pt")
    with pytest.raises(WeightsError, match="w has 128 numbers"):
        Editor.load(Choice(stack="ffhq", encoder=str(tmp_path / "narrow.pt")))
    with pytest.raises(WeightsError, match="looks like a checkpoint of ArcFace; expected e4e"):
        Editor.load(Choice(stack="ffhq", encoder=files["arcface"]))


# ------------------------------------------------------------------------------------------------ from end to end


def test_chat_on_the_ffhq_stack(
    default_parts: dict[str, Any], files: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """`i2edit chat --stack ffhq`: a conversation in the terminal, with the shipped partner."""
    monkeypatch.chdir(tmp_path)
    lines = iter(["give me bangs", "/undo", "/belief", "/quit"])
    monkeypatch.setattr(cli, "read_line", lambda: next(lines, None))
    code = run(
        "chat",
        "--face-seed",
        "7",
        "--stack",
        "ffhq",
        "--encoder",
        files["encoder"],
        "--out",
        "out",
        monkeypatch=monkeypatch,
    )
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "hairstyle: bangs" in said.out and said.out.count("i2edit: ") == 2 and "\nnone\n" in said.out
    first, second = (np.asarray(Image.open(tmp_path / "out" / f"turn-{n}.png")) for n in (1, 2))
    assert first.shape == second.shape == (1024, 1024, 3) and first.std() > 5
    assert 0.001 < (first != second).any(2).mean() < 0.9  # the fringe, not the whole picture


def test_edit_a_photo_as_in_the_paper(
    default_parts: dict[str, Any], files: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """e4e, StyleGAN2, ArcFace and CLIP, all from files."""
    Image.effect_noise((420, 360), 60).convert("RGB").save(tmp_path / "me.png")
    words = ["edit", str(tmp_path / "me.png"), "--say", "blond hair please", "--say", "undo", "--stack", "ffhq"]
    words += [
        "--editor",
        "optimise",
        "--steps",
        "3",
        "--l2",
        "norm",
        "--clip-input",
        "legacy",
        "--out",
        str(tmp_path / "out"),
    ]
    words += [word for name, file in files.items() for word in (f"--{name}", file)]
    assert run(*words, monkeypatch=monkeypatch) == 0, capsys.readouterr().err
    assert "Editing: optimising" in capsys.readouterr().err
    turns = json.loads((tmp_path / "out" / "transcript.json").read_text())
    assert [turn["belief"] for turn in turns] == [{"hair color": ["blond hair"]}, {}]
    original, edited, back = (
        np.asarray(Image.open(tmp_path / "out" / name)) for name in ("original.png", "turn-1.png", "turn-2.png")
    )
    assert original.shape == (360, 420, 3) and np.array_equal(original, back) and not np.array_equal(original, edited)


@pytest.fixture
def ffhq(default_parts: dict[str, Any], files: dict[str, str], scripted: Any) -> Callable[..., Editor]:
    def make(**more: Any) -> Editor:
        editor = Editor.load(Choice(stack="ffhq", **{"encoder": files["encoder"], **more}))
        editor.dialogue = scripted
        return editor

    return make


def test_e4e_gives_w_and_the_default_generator_tells_where_things_are(
    ffhq: Callable[..., Editor], files: dict[str, str], default_parts: dict[str, Any]
) -> None:
    editor = ffhq()
    chat = editor.open(Image.effect_noise((300, 300), 60))
    small = F.interpolate(chat.crop, size=256, mode="area")
    with torch.no_grad():
        assert torch.allclose(chat.w_raw, Encoder.from_checkpoint(files["encoder"])(small)[0], atol=1e-5)
    assert chat.w_raw.shape == (10, 512) and chat.w_seen is not None and chat.w_seen.shape == (NUM_SLOTS, 512)
    assert chat.raw.shape == chat.crop.shape == (1, 3, 1024, 1024)
    seen = default_parts["segmenter"](chat.w_seen)
    assert all(
        torch.equal(mask, seen[name]) for name, mask in editor.segment(chat.w_raw, chat.w_raw, chat.w_seen).items()
    )
    bangs = editor.edits.layers(chat.w_raw, EditState.of("bangs"))[0].w
    edited = editor.segment(bangs, chat.w_raw, chat.w_seen)
    assert any(not torch.equal(mask, seen[name]) for name, mask in edited.items())
    assert chat.opening["lpips"] > 0 and chat.present == editor.directions.present(chat.w_seen)


@pytest.mark.parametrize("how", ["directions", "optimise"])
def test_a_picture_is_a_function_of_photo_and_state(
    ffhq: Callable[..., Editor], files: dict[str, str], how: str
) -> None:
    more = {"editor": how, "steps": 2, "arcface": files["arcface"], "clip": files["clip"]} if how == "optimise" else {}
    chat = ffhq(**more).open_seed(3)
    first = chat.say("+bangs, +pale skin")
    assert first.image.size == (1024, 1024) and first.image.tobytes() != chat.photo.tobytes()
    assert set(first.outcome.made) | set(first.outcome.failed) == {"bangs", "pale skin"}
    chat.say("+smiling") if how == "directions" else chat.reset()
    chat.forget_pictures()
    assert chat.undo().image.tobytes() == first.image.tobytes()
    assert chat.reset().image.tobytes() == chat.photo.tobytes()


def test_a_w_of_either_stack_opens_in_both(
    ffhq: Callable[..., Editor], default_parts: dict[str, Any], sample_w: Callable[[int], torch.Tensor], tmp_path: Path
) -> None:
    w = sample_w(1) + torch.linspace(-0.1, 0.1, NUM_SLOTS)[:, None]
    torch.save(w[None], tmp_path / "w.pt")
    stylegan2, mobile = ffhq().open_w(tmp_path / "w.pt"), Editor.load().open_w(w)
    assert torch.equal(mobile.w_raw, w) and torch.equal(stylegan2.w_raw, carried(w, 10))
    assert stylegan2.crop.shape == mobile.crop.shape and not torch.equal(stylegan2.crop, mobile.crop)
    with pytest.raises(DataError, match=r"found \[7, 512\]"):
        mobile.editor.open_w(torch.zeros(7, 512))


def test_seeds_are_of_the_generator_that_was_given(ffhq: Callable[..., Editor], files: dict[str, str]) -> None:
    own, other = ffhq(), ffhq(generator=files["generator"])
    assert not torch.equal(own.generator.seed(1), other.generator.seed(1))
    chat = other.open_seed(1)
    assert torch.equal(chat.w_raw, other.generator.seed(1).expand(10, -1))
    assert chat.w_seen is not None and torch.allclose(chat.w_seen, chat.w_raw[:1].expand(NUM_SLOTS, -1), atol=1e-6)


@pytest.fixture
def facetext(tiny_model: FaceText, monkeypatch: pytest.MonkeyPatch) -> FaceText:
    """The tiny face–text encoder in the place of the shipped one."""
    monkeypatch.setattr(FaceText, "from_assets", lambda: tiny_model)
    return tiny_model


@pytest.mark.parametrize("given", [True, False])
def test_the_papers_editor_on_the_default_stack(
    default_parts: dict[str, Any], files: dict[str, str], facetext: FaceText, scripted: Any, given: bool
) -> None:
    """It follows the face–text encoder, or the CLIP that is given."""
    editor = Editor.load(Choice(editor="optimise", clip=files["clip"] if given else None, steps=2))
    assert isinstance(editor.edits, Optimise)
    assert isinstance(editor.edits.image_text, CLIP) if given else editor.edits.image_text is facetext
    editor.dialogue = scripted
    chat = editor.open_seed(5)
    assert chat.w_raw.shape == (NUM_SLOTS, 512)
    reply = chat.say("+blond hair, +smiling")
    assert reply.image.tobytes() != chat.photo.tobytes() and reply.parts["edit"] > 0
    plain = Editor.load()
    assert plain.edits is plain.directions


def test_chat_with_the_papers_editor_needs_nothing_more(
    default_parts: dict[str, Any], facetext: FaceText, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """`i2edit chat --editor optimise --steps N` on what ships."""
    monkeypatch.chdir(tmp_path)
    lines = iter(["give me bangs", "/quit"])
    monkeypatch.setattr(cli, "read_line", lambda: next(lines, None))
    words = ["chat", "--face-seed", "7", "--editor", "optimise", "--steps", "2", "--out", "out"]
    code = run(*words, monkeypatch=monkeypatch)
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "hairstyle: bangs" in said.out and "Editing: optimising" in said.err
    assert (tmp_path / "out" / "turn-1.png").is_file()


def test_the_face_text_encoder_is_told_a_list_unless_it_is_too_long(facetext: FaceText, files: dict[str, str]) -> None:
    two, many = Belief.of("angry", "bangs"), Belief.of("angry", "bangs", "goatee", "lipstick", "pale skin")
    assert wording(facetext)(two) == listed(two) and wording(facetext)(many) == caption(many) != listed(many)
    assert wording(CLIP.from_pretrained(files["clip"]))(two) == caption(two)


def test_table_4_on_the_ffhq_stack(
    default_parts: dict[str, Any],
    files: dict[str, str],
    facetext: FaceText,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """`i2edit bench table4 --stack ffhq`, both editors, the photo inverted by e4e, and again by a single-turn step."""
    from i2edit.metrics.image import VGGFeatures

    followed: list[tuple[str, Found]] = []
    find = Optimise.find

    def heard(self: Optimise, w: torch.Tensor, text: str) -> Found:
        followed.append((text, find(self, w, text)))
        return followed[-1][1]

    monkeypatch.setattr(Optimise, "find", heard)
    monkeypatch.setattr(VGGFeatures, "__init__", lambda self: None)
    monkeypatch.setattr(VGGFeatures, "__call__", lambda self, x: F.adaptive_avg_pool2d(x, 4).flatten(1))
    said = [{"user": user, "system": "Done.", "belief": belief} for user, belief in (
        ("bangs please", {"hairstyle": ["bangs"]}),
        ("and pale", {"hairstyle": ["bangs"], "makeup": ["pale skin"]}),
    )]  # fmt: skip
    lines = [json.dumps({"dialogue_id": f"d{n}", "image_id": f"seed:{n}", "turns": said}) for n in (1, 2)]
    (tmp_path / "d.jsonl").write_text("\n".join(lines))
    out = tmp_path / "out"
    words = ["bench", "table4", "--n", "2", "--dialogues", str(tmp_path / "d.jsonl"), "--out", str(out)]
    words += [
        "--editor",
        "directions,optimise",
        "--mode",
        "multi-turn,single-turn",
        "--input",
        "UER,Dial",
        "--compositing",
        "no",
    ]
    words += [
        "--stack",
        "ffhq",
        "--steps",
        "4",
        *(word for name, file in files.items() for word in (f"--{name}", file)),
    ]
    with pytest.raises(I2EditError, match="does not follow free text"):
        run_app(words)
    words[words.index("directions,optimise")] = "optimise"
    found = run_app(words)
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {(r["editor"], r["mode"], r["input"]) for r in rows if r["editor"] != "no edit"} == {
        ("optimise", mode, said) for mode in ("multi-turn", "single-turn") for said in ("UER", "Dial")
    }
    assert all(r["stack"] == "ffhq" and r["n"] == 2 and r["weights"]["clip"] == files["clip"] for r in rows)
    assert {"id:arcface", "minrel", "avgrel"} <= set(rows[1]["metrics"])
    line = next(x for x in found.splitlines() if x.startswith("| optimise | multi-turn | UER |"))
    assert line.count("†") == 4  # ArcFace; what opened the face; not relevance: another model measures
    texts = [text for text, _ in followed]
    assert (
        "a person with bangs and pale skin" in texts and "a person with pale skin" in texts
    )  # the belief, and a turn's change of it
    assert "bangs please Done. and pale Done." in texts and "and pale Done." in texts  # the dialogue, and a turn of it
    assert all(found.w.shape == (10, 512) and found.trace[-1]["l2"] > 0.01 for _, found in followed)


def run_app(words: list[str]) -> str:
    """What a command prints; its errors are raised."""
    from typer.testing import CliRunner

    done = CliRunner().invoke(cli.app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_is_named_by_module_and_callable() -> None:
    found, arguments = named("pathlib:Path.home")
    assert found() == Path.home() and arguments == ()
    assert named("pathlib:Path:a/b:c") == (Path, ("a/b:c",))
    for wrong, said in (
        ("paint", "The editor is named as"),
        (":x", "named as"),
        ("os:paint", "editor os:paint cannot be found"),
    ):
        with pytest.raises(I2EditError, match=said):
            named(wrong, "editor")
