"""The page of sample dialogues, and the commands around a dataset."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from i2edit.cli import app
from i2edit.data.show import SIDE, draw_sample, show
from i2edit.data.simulate import BENCHMARK, simulate
from i2edit.errors import DataError
from i2edit.ontology import EditState
from i2edit.records import read_dialogues, write_dialogues


class Faces:
    """An editor whose pictures are plain colours: one for the face, another for each belief."""

    def open_seed(self, seed: int) -> Any:
        def picture(state: EditState) -> Any:
            colour = (min(255, 40 * len(state.belief)), seed % 256, 0)
            return SimpleNamespace(image=Image.new("RGB", (64, 64), colour))

        return SimpleNamespace(photo=Image.new("RGB", (64, 64), (255, 255, 255)), picture=picture)


def test_the_page_shows_every_turn_with_its_picture(tmp_path: Path) -> None:
    write_dialogues(simulate(8, 2, "test", BENCHMARK), tmp_path / "test.jsonl")
    chosen = show(tmp_path / "test.jsonl", tmp_path / "out", 3, editor=Faces())  # type: ignore[arg-type]
    assert len(chosen) == 3 and list(read_dialogues(tmp_path / "out" / "dialogues.jsonl")) == chosen
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for dialogue in chosen:
        with Image.open(tmp_path / "out" / "strips" / f"{dialogue.dialogue_id}.jpg") as strip:
            n = len(dialogue.turns) + 1
            assert strip.size == (n * SIDE + 2 * (n - 1), SIDE)
        assert all(turn.belief.text in text for turn in dialogue.turns)
    with pytest.raises(DataError, match="fewer than the 9"):
        draw_sample(tmp_path / "test.jsonl", 9)


def test_build_check_stats_export_from_the_command_line(tmp_path: Path) -> None:
    run = CliRunner().invoke
    built = run(app, ["data", "build", "--n", "24", "--out", str(tmp_path / "set")])
    assert built.exit_code == 0 and "20 dialogues" in built.output
    checked = run(app, ["data", "check", str(tmp_path / "set")])
    assert checked.exit_code == 0, checked.output
    assert "No problems" in checked.output
    assert "Table" not in checked.output
    stats = run(app, ["data", "stats", str(tmp_path / "set")])
    assert stats.exit_code == 0 and "Avg # turns per dialogue" in stats.output
    for name in ("hf", "pptod", "convlab"):
        out, back = tmp_path / name, tmp_path / f"{name}-back"
        assert run(app, ["data", "export", str(tmp_path / "set"), "--to", name, "--out", str(out)]).exit_code == 0
        assert run(app, ["data", "import", str(out), "--from", name, "--out", str(back)]).exit_code == 0
        assert (back / "test.jsonl").read_bytes() == (tmp_path / "set" / "test.jsonl").read_bytes()
    path = tmp_path / "set" / "test.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"user"', '"usr"', 1), encoding="utf-8")
    broken = run(app, ["data", "check", str(tmp_path / "set")])
    assert broken.exit_code == 2 and "test.jsonl:1" in broken.output
