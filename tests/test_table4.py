"""Table 4 and the forgetting figure on tiny networks: the rows, going on after a kill, and a Ray cluster that says the same."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_bench import CELLS, DIALOGUES, SETTINGS, found_faces, make_kit, turn

from i2edit.bench import forgetting, photos, table4
from i2edit.bench.photos import Kit, Run, draw_dialogues, load_kit, losses_of
from i2edit.bench.table4 import Cell, cells_of, table4_text
from i2edit.edit.optimise import Optimise
from i2edit.edit.optimise import Settings as Optimising
from i2edit.errors import DataError, I2EditError, NoFaceFound, OutputError
from i2edit.images import read_source_type
from i2edit.invert import Settings
from i2edit.metrics.image import Measured, fid
from i2edit.modes import MODES
from i2edit.nets.mobile import USED_SLOTS
from i2edit.ontology import EXCLUDES
from i2edit.records import Dialogue
from i2edit.stacks import Choice

torch.set_num_threads(1)
HERE = Path(__file__).parent
UER = [cell for cell in CELLS if cell.input == "UER"]


@pytest.fixture(scope="module")
def kit() -> Kit:
    return make_kit(SETTINGS)


@pytest.fixture(autouse=True)
def faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2edit.align.find_faces", found_faces)


@pytest.fixture(scope="module")
def whole(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run from beginning to end."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("i2edit.align.find_faces", found_faces)
        return out, table4.run(out, SETTINGS, DIALOGUES, CELLS, make=lambda run: kit)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def figures(out: Path) -> list[dict[str, Any]]:
    """The rows without the seconds and the commit, which may change while tests run."""
    rows = rows_of(out)
    for row in rows:
        row["metrics"].pop("seconds", None)
        del row["commit"]
    return rows


# ------------------------------------------------------------------------------------------------ rows


def test_every_row_has_the_fields_of_the_contract(whole: tuple[Path, dict[str, Any]]) -> None:
    rows = rows_of(whole[0])
    assert len(rows) == 2 + 3 * 2 + 1  # no edit; modes × compositing; the tracker's belief
    for row in rows:
        assert list(row) == [
            "editor",
            "mode",
            "input",
            "compositing",
            "stack",
            "n",
            "metrics",
            "seed",
            "commit",
            "weights",
            "device",
        ]
        assert row["n"] == 3 and row["stack"] == "mobile"
        names = {"fid:pooled", "kid:pooled", "lpips:alex", "minrel", "avgrel", "id:dlib", "id-distance:dlib", "judge"}
        assert set(row["metrics"]) == names | ({"seconds"} if row["editor"] != "no edit" else set())
        assert all(set(v) == {"mean", "low", "high"} and v["low"] <= v["high"] for v in row["metrics"].values())
        assert row["weights"]["image_text"] == "tiny_bench:Words" and len(row["weights"]["directions"]) == 12


def test_no_edit_with_compositing_is_the_photo_itself(whole: tuple[Path, dict[str, Any]]) -> None:
    row = rows_of(whole[0])[0]
    assert (row["editor"], row["compositing"]) == ("no edit", True)
    assert row["metrics"]["lpips:alex"]["mean"] == 0 and row["metrics"]["fid:pooled"]["mean"] == pytest.approx(
        0, abs=1e-9
    )


def test_rows_are_made_of_the_photos_files(whole: tuple[Path, dict[str, Any]]) -> None:
    out = whole[0]
    cell = Cell("directions", "single-turn", "UER", True)
    kept = [
        Measured.from_json(json.loads((out / "photos" / d.dialogue_id / f"{cell.key}.json").read_text()))
        for d in DIALOGUES
    ]
    row = next(r for r in rows_of(out) if {k: r[k] for k in cell.to_json()} == cell.to_json())
    assert row["metrics"]["lpips:alex"]["mean"] == pytest.approx(np.mean([m.scores["lpips:alex"] for m in kept]))
    a, b = (np.stack([getattr(m, side) for m in kept]) for side in ("original", "edited"))
    assert row["metrics"]["fid:pooled"]["mean"] == pytest.approx(fid(a, b))


def test_the_input_changes_what_is_drawn_but_not_what_is_judged(whole: tuple[Path, dict[str, Any]]) -> None:
    """Dialogue two asks for pale skin, which the tracker misses; the scores are about the true wishes."""
    folder = whole[0] / "photos" / "two"
    by_input = [
        json.loads((folder / f"{Cell('directions', input=name).key}.json").read_text()) for name in ("UER", "predicted")
    ]
    assert [obj["belief"] for obj in by_input] == ["expression: angry; makeup: pale skin", "expression: angry"]
    assert by_input[0]["scores"]["lpips:alex"] != by_input[1]["scores"]["lpips:alex"]


def test_differences_are_of_the_same_photos(whole: tuple[Path, dict[str, Any]]) -> None:
    out = whole[0]
    lines = [json.loads(line) for line in (out / "differences.jsonl").read_text().splitlines()]
    found = next(x for x in lines if x["one"] == Cell("directions").to_json() and x["minus"]["mode"] == "single-turn")
    both = {row["mode"]: row["metrics"]["id:dlib"]["mean"] for row in rows_of(out) if row["input"] == "UER" and row["compositing"] and row["editor"] != "no edit"}  # fmt: skip
    assert found["metrics"]["id:dlib"]["mean"] == pytest.approx(both["multi-turn"] - both["single-turn"])
    pairs = {(x["one"]["mode"], x["one"]["input"], x["minus"]["mode"], x["minus"]["input"]) for x in lines}
    assert ("multi-turn", "UER", "multi-turn", "predicted") in pairs


def test_the_table_marks_losses_and_says_what_it_depends_on(whole: tuple[Path, dict[str, Any]]) -> None:
    text = (whole[0] / "table4.md").read_text()
    line = next(x for x in text.splitlines() if x.startswith("| directions | multi-turn | UER | yes | 3 |"))
    assert line.count("†") == 2  # dlib's descriptor, as cosine and distance: the directions hold it
    assert "| no edit | – | – | yes |" in text and "0.443" in text and "seed 0" in text
    found = dict(whole[1], unscored={"judge": "no second judge was given"}, left_out={"x": "No face."})
    assert "Not scored: judge (no second judge was given)." in table4_text(
        found
    ) and "Left out: x (No face.)" in table4_text(found)


def test_inversion_makes_its_losses_suspect_in_every_row() -> None:
    found = losses_of(Run(opening="inversion"), {"directions": None})  # type: ignore[dict-item]
    assert "lpips:alex" in found["directions"] and "lpips:alex" in found["no edit"]
    assert losses_of(Run(opening="seed"), {})["no edit"] == ()


def test_strips_show_the_photo_and_every_cell(whole: tuple[Path, dict[str, Any]]) -> None:
    path = whole[0] / "strips" / "one.jpg"
    with Image.open(path) as image:
        assert image.width > 5 * 240 and image.height > 2 * 240  # ten pictures in rows of five
    assert "algorithmic" in str(read_source_type(path)).lower()


def test_cells_are_all_combinations_and_dialogues_name_no_regions() -> None:
    cells = cells_of(["a", "b"], ["multi-turn"], ["UER", "Dial"], [True, False])
    assert len(cells) == 2 + 2 * (2 + 1) and not any(c.compositing for c in cells if c.input == "Dial")
    assert len({cell.key for cell in cells}) == len(cells)
    with pytest.raises(I2EditError, match="no mode called 'forever'"):
        cells_of(["a"], ["forever"])
    with pytest.raises(I2EditError, match="no input called 'Mind'"):
        cells_of(["a"], ["multi-turn"], ["Mind"])


def test_dial_needs_an_editor_that_reads(kit: Kit, tmp_path: Path) -> None:
    with pytest.raises(I2EditError, match="does not follow free text"):
        table4.run(
            tmp_path / "x", SETTINGS, DIALOGUES[:1], cells_of(["directions"], inputs=["Dial"]), make=lambda run: kit
        )


# ------------------------------------------------------------------------------------------------ photos


def test_a_photo_is_saved_inverted_and_opened_only_once(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inverting = Kit(Run(opening="inversion"), kit.editor, kit.methods, kit.scorer)
    given: list[Any] = []
    real = kit.editor.inverter.__class__.__call__

    def counted(self: Any, *args: Any, **more: Any) -> Any:
        given.append(args)
        return real(self, *args, **more)

    monkeypatch.setattr(kit.editor.inverter.__class__, "__call__", counted)
    full = kit.editor.generator.synthesis
    monkeypatch.setattr(kit.editor, "picture", lambda w: full(w).detach())  # 1024², as the crop of a photo is
    folder = tmp_path / "one"
    first = photos.open_photo_of(inverting, DIALOGUES[0], folder)
    again = photos.open_photo_of(inverting, DIALOGUES[0], folder)
    assert first is not None and again is not None and len(given) == 1
    assert torch.equal(first.view.w, again.view.w) and torch.equal(first.view.crop, again.view.crop)
    assert (folder / "photo.png").is_file() and first.crop.size == (1024, 1024)
    w = kit.editor.generator.seed(1)
    assert not torch.allclose(first.view.w[0], w[0], atol=1e-3)  # the seed's own w was not used


def test_fewer_steps_are_a_share_of_all_of_them() -> None:
    whole = Settings(preview_steps=70, picture_steps=10)
    part = photos.scaled(whole, 0.3)
    assert (part.preview_steps, part.picture_steps) == (21, 3) and part.lr == whole.lr
    assert photos.scaled(whole, 0.001).preview_steps == 1


def test_photos_without_a_face_and_of_children_are_left_out_and_named(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = photos._open

    def opening(kit: Kit, dialogue: Dialogue, folder: Path) -> Any:
        if dialogue.dialogue_id == "one":
            raise NoFaceFound("No face was found in the photo.")
        chat = real(kit, dialogue, folder)
        if dialogue.dialogue_id == "two":
            chat.blocked = frozenset({"lipstick"})
        return chat

    monkeypatch.setattr(photos, "_open", opening)
    found = table4.run(tmp_path / "x", SETTINGS, DIALOGUES, UER[:3], make=lambda run: kit)
    assert found["left_out"] == {"one": "No face was found in the photo.", "two": "The face looks like a child's."}
    assert {row["n"] for row in found["rows"]} == {1}
    assert "fid:pooled" not in found["rows"][0]["metrics"]  # of one picture


def test_pictures_that_are_files_need_their_folder(kit: Kit, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="say where such pictures are"):
        table4.run(tmp_path / "x", SETTINGS, [Dialogue("a", "me.jpg", (turn("x"),))], UER, make=lambda run: kit)


def test_the_released_test_split_is_drawn_from_and_grows() -> None:
    two, three = draw_dialogues(2), draw_dialogues(3)
    assert three[:2] == two and all(d.split == "test" and d.image_id.startswith("seed:") for d in three)
    assert draw_dialogues(2, seed=1) != two
    with pytest.raises(DataError, match="Between 1 and 1000"):
        draw_dialogues(1001)


def test_settings_that_make_no_sense_are_explained(tmp_path: Path) -> None:
    for wrong, said in (
        ({"opening": "magic"}, "by inversion or seed"), ({"editors": ()}, "at least one editor"),
        ({"editors": ("optimise",), "choice": Choice(stack="ffhq", encoder="a")}, "needs --arcface .*; --clip"),
        ({"steps_scale": 0.0}, "share of the inverter's steps"), ({"editors": ("a", "a")}, "each of them once"),
    ):  # fmt: skip
        with pytest.raises(I2EditError, match=said):
            Run(**wrong)
    with pytest.raises(I2EditError, match="no editor called 'paint'"):
        load_kit(Run(editors=("paint",)))
    with pytest.raises(I2EditError, match="cannot be found"):
        load_kit(Run(editors=("nowhere:Paint",)))


def test_losses_are_those_of_the_stack_and_of_the_model_that_measures() -> None:
    def marked(**more: Any) -> set[str]:
        return set(losses_of(Run(editors=("optimise",), opening="seed", **more), {"optimise": None})["optimise"])  # type: ignore[dict-item]

    relevance, dlib = {"avgrel", "minrel", "relevance:first"}, {"id:dlib", "id-distance:dlib"}
    assert marked() == relevance | dlib
    assert marked(image_text="mine:Model") == marked(choice=Choice(clip="folder")) == dlib
    assert marked(choice=Choice(clip="folder"), image_text="mine:Model:folder") == relevance | dlib
    ffhq = Choice(stack="ffhq", encoder="a", clip="folder")
    assert marked(choice=ffhq, arcface="b.pth") == {"id:arcface"}


def test_any_inverter_s_steps_are_scaled() -> None:
    @dataclass(frozen=True)
    class Other:
        refine_steps: int = 10
        steps: int = 0
        lr: float = 0.5

    whole = Settings(preview_steps=70, picture_steps=10)
    assert photos.scaled(whole, 0.1) == Settings(preview_steps=7, picture_steps=1)
    assert photos.scaled(Settings(preview_steps=3, picture_steps=2), 0.1) == Settings(preview_steps=1, picture_steps=0)
    assert photos.scaled(Other(), 0.5) == Other(refine_steps=5)  # type: ignore[arg-type, comparison-overlap]
    own, asked = SimpleNamespace(settings=Other()), SimpleNamespace(settings=whole)
    photos.scale_steps(SimpleNamespace(settings=own.settings, default=asked), 0.1)
    assert asked.settings == Settings(preview_steps=7, picture_steps=1)
    photos.scale_steps(own, 2)
    assert own.settings == Other(refine_steps=20)
    photos.scale_steps(object(), 0.5)  # an inverter without steps


def test_optimise_follows_beliefs_and_dialogues(kit: Kit, tiny_model: Any, tmp_path: Path) -> None:
    editor = kit.editor
    optimise = Optimise(
        editor.generator.preview, tiny_model, lambda picture, w: picture.mean((2, 3)), USED_SLOTS, Optimising(steps=4, pull=0.1)  # type: ignore[union-attr]
    )  # fmt: skip
    settings = replace(SETTINGS, editors=("optimise",))
    methods: dict[str, Any] = {"optimise": optimise}
    other = Kit(settings, editor, methods, kit.scorer, losses_of(settings, methods))
    cells = cells_of(["optimise"], MODES[:2], ["UER", "Dial"], [False])
    talk = Dialogue(
        "long", "seed:3", (turn("please give me bangs " * 5, "bangs"), turn("and lipstick", "bangs", "lipstick"))
    )
    found = table4.run(tmp_path / "x", settings, [talk], cells, make=lambda run: other)
    cut = found["prompt_cut"]
    assert cut["optimise, multi-turn, Dial, plain"] > cut["optimise, single-turn, Dial, plain"] > 0
    pictures = {(tmp_path / "x" / "photos" / "long" / f"{cell.key}.jpg").read_bytes() for cell in cells}
    assert len(pictures) == len(cells)
    assert "of the words did not fit the prompt" in table4_text(found)


def test_the_benches_measure_with_the_shipped_encoder_and_load_no_more_than_they_need(
    kit: Kit, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr("i2edit.facetext.FaceText.from_assets", lambda: tiny_model)
    monkeypatch.setattr("i2edit.metrics.image.VGGFeatures", lambda: made.append("vgg"))
    monkeypatch.setattr("i2edit.nets.lpips.LPIPS.from_weights", lambda self: self)
    monkeypatch.setattr("i2edit.nets.dlibface.DlibFace.from_weights", lambda: kit.editor.face)
    monkeypatch.setattr("i2edit.chat.Editor.load", lambda choice: kit.editor)
    assert load_kit(Run()).scorer.image_text is tiny_model and made == ["vgg"]
    weights = table4.weights_used(Run())
    assert weights["image_text"] == "facetext" and len(weights["facetext"]) == 12 and "lpips-vgg" in weights
    used: list[Kit] = []

    def make(run: Run) -> Kit:
        used.append(load_kit(run))
        return used[-1]

    modes = ["multi-turn"]
    found = forgetting.run(tmp_path / "f", Run(opening="seed"), DIALOGUES[:2], turns=1, modes=modes, make=make)
    assert made == ["vgg"] and used[0].scorer.features is None and "relevance:first" in found["rows"][0]["metrics"]
    assert "lpips-vgg" not in found["rows"][0]["weights"]


def test_another_run_or_other_files_are_not_touched(
    whole: tuple[Path, dict[str, Any]], kit: Kit, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="holds a run with seed 0, this one has 1"):
        table4.run(whole[0], Run(opening="seed", threads=1, seed=1, image_text=SETTINGS.image_text, judge=SETTINGS.judge), DIALOGUES, CELLS, make=lambda run: kit)  # fmt: skip
    with pytest.raises(OutputError, match="holds a run with benchmark 'table4'"):
        forgetting.run(whole[0], SETTINGS, DIALOGUES, make=lambda run: kit)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="no run of this benchmark"):
        table4.run(tmp_path, SETTINGS, DIALOGUES, CELLS, make=lambda run: kit)


# ------------------------------------------------------------------------------------------------ killed and spread


def test_a_finished_run_makes_nothing_again(
    whole: tuple[Path, dict[str, Any]], kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit.editor, "picture", None)  # would fail
    before = rows_of(whole[0])
    table4.run(whole[0], SETTINGS, DIALOGUES, CELLS, make=lambda run: kit)
    assert rows_of(whole[0]) == before


def test_a_run_killed_at_any_moment_goes_on_and_ends_the_same(
    whole: tuple[Path, dict[str, Any]], kit: Kit, tmp_path: Path
) -> None:
    """kill -9 in the middle of a cell; what is there then is kept, and the figures are those of a run in one go."""
    out = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    process = subprocess.Popen([sys.executable, str(HERE / "tiny_bench.py"), str(out), "0.3"], env=environment)
    try:
        deadline = time.monotonic() + 300
        while len(list(out.glob("photos/*/directions*.json"))) < 3:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("photos/*/*.json")}
    assert 3 <= len(kept) < len(DIALOGUES) * (len(CELLS) + 1) and not (out / "results.jsonl").exists()
    table4.run(out, SETTINGS, DIALOGUES, CELLS, make=lambda run: kit)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # none was made again
    assert figures(out) == figures(whole[0])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra `ray` is not installed")
def test_a_ray_cluster_gives_the_same_also_when_a_worker_dies(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *(p for p in sys.path if p)]))
    marker = tmp_path / "died"
    here = os.getpid()

    def make(settings: Run) -> Kit:
        from i2edit import align as aligning

        aligning.find_faces = found_faces
        import ray

        assert ray.util.get_node_ip_address() == "127.0.0.1"  # so that it listens there and nowhere else
        made = make_kit(settings)
        draw, count = made.editor.picture, [0]

        def picture(w: Any) -> Any:
            count[0] += 1
            if count[0] == 9 and os.getpid() != here and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return draw(w)

        made.editor.picture = picture  # type: ignore[assignment]
        return made

    out = tmp_path / "spread"
    monkeypatch.setattr(photos, "LOCAL_CPUS", 2)
    table4.run(out, SETTINGS, DIALOGUES, CELLS, make=make, ray="local")
    assert marker.exists() and figures(out) == figures(whole[0])


def test_without_ray_the_extra_is_named(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(I2EditError, match=r"i2edit\[ray\]"):
        table4.run(tmp_path / "x", SETTINGS, DIALOGUES, UER, make=lambda run: kit, ray="local")


# ------------------------------------------------------------------------------------------------ forgetting


def test_requests_never_exclude_each_other_or_repeat_what_is_there(kit: Kit) -> None:
    directions = kit.editor.directions
    for seed in range(6):
        w = kit.editor.generator.seed(seed)
        asked = forgetting.requests(directions, w, "a", seed)
        assert len(asked) == len(set(asked)) <= 8 and not set(asked) & directions.present(w)
        assert not any(b in EXCLUDES[a] for a in asked for b in asked)
        if directions.logits(w)["male"] < 0:
            assert not {"mustache", "goatee"} & set(asked)
        assert asked == forgetting.requests(directions, w, "a", seed)
    assert len(forgetting.requests(directions, w, "a", 0, turns=3)) == 3


def test_forgetting_is_measured_turn_by_turn(kit: Kit, tmp_path: Path) -> None:
    out = tmp_path / "f"
    found = forgetting.run(out, SETTINGS, DIALOGUES[:2], turns=3, make=lambda run: kit)
    rows = rows_of(out)
    assert len(rows) == 3 * 3 and {row["turn"] for row in rows} == {1, 2, 3}
    by = {(row["mode"], row["turn"]): row["metrics"] for row in rows}
    names = {"lpips:alex", "id:dlib", "id-distance:dlib", "relevance:first", "judge:first"}
    assert names <= set(by["multi-turn", 1]) and not any(name.startswith("fid") for name in by["multi-turn", 1])
    for mode in ("single-turn", "single-turn-w"):  # the first turn is the same in every mode
        assert by[mode, 1]["lpips:alex"] == by["multi-turn", 1]["lpips:alex"]
        assert by[mode, 3]["lpips:alex"] != by["multi-turn", 3]["lpips:alex"]
    assert (out / "forgetting.png").stat().st_size > 5000 and "<svg" in (out / "forgetting.svg").read_text()[:600]
    with Image.open(out / "strips" / "one.jpg") as strip:
        assert strip.height > 3 * 160
    assert len(found["differences"]) == 6 and found["unscored"] == {}
    before = (out / "results.jsonl").read_text()
    kit_again: Callable[[Run], Kit] = lambda run: kit  # noqa: E731
    forgetting.run(out, SETTINGS, DIALOGUES[:2], turns=3, make=kit_again)
    assert (out / "results.jsonl").read_text() == before


def test_forgetting_options_are_checked(kit: Kit, tmp_path: Path) -> None:
    for wrong, said in (({"turns": 9}, "1 to 8 turns"), ({"modes": ["x"]}, "no mode called")):
        with pytest.raises(I2EditError, match=said):
            forgetting.run(tmp_path / "x", SETTINGS, DIALOGUES, make=lambda run: kit, **wrong)  # type: ignore[arg-type]


def test_what_is_not_scored_has_no_panel() -> None:
    row = {"editor": "directions", "mode": "multi-turn", "turn": 1, "n": 2}
    row |= {"metrics": {"lpips:alex": {"mean": 0.1, "low": 0.0, "high": 0.2}}}
    figure = forgetting.draw({"rows": [row], "losses": {"directions": ["lpips:alex"]}})
    assert len(figure.axes) == 1 and "†" in figure.axes[0].get_title()


# ------------------------------------------------------------------------------------------------ the commands


def test_the_commands_say_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from i2edit.cli import main

    for arguments, said in (
        (["table4", "--editor", "paint"], "no editor called"), (["table4", "--compositing", "maybe"], "yes, no or both"),
        (["table4", "--mode", "x"], "no mode called"), (["forgetting", "--mode", "x"], "no mode called"),
    ):  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["i2edit", "bench", *arguments, "--out", str(tmp_path / "o"), "--n", "1"])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2, said


def test_the_command_runs_table_4(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from i2edit.cli import app

    monkeypatch.setattr("i2edit.bench.photos._kit", lambda make, run: kit)
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join(json.dumps(d.to_json()) for d in DIALOGUES))
    command = [
        "bench",
        "table4",
        "--n",
        "2",
        "--open",
        "seed",
        "--mode",
        "multi-turn",
        "--input",
        "UER",
        "--compositing",
        "yes",
    ]
    done = CliRunner().invoke(app, [*command, "--dialogues", str(path), "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    assert "| directions | multi-turn | UER | yes | 2 |" in done.stdout
    assert len(rows_of(tmp_path / "o")) == 2
