"""The second judge: a tiny real network, and what the raters' words become."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from i2edit.bench.judge import measure, rater_agreement
from i2edit.errors import DataError, WeightsError
from i2edit.judge import Judge, Size
from i2edit.nets.lpips import LPIPS
from i2edit.ontology import VALUES
from i2edit.train.judge import (
    DESCRIBED,
    FIRST_SEED,
    Settings,
    read_described,
    read_off,
    target_of,
    test_part,
    train_heads,
)

test_part.__test__ = False  # type: ignore[attr-defined]
SMALL = Size(side=64, grid=4, kept=(4, 4, 4), places=2, heads=2)


@pytest.fixture(scope="module")
def judge() -> Judge:
    torch.manual_seed(0)
    return Judge(LPIPS("vgg"), SMALL)


def test_probabilities_of_crops_of_any_size(judge: Judge) -> None:
    judge.eval()
    found = judge.probabilities(torch.rand(2, 3, 96, 96) * 2 - 1)
    assert found.shape == (2, len(VALUES))
    assert ((found > 0) & (found < 1)).all()
    with pytest.raises(ValueError, match=r"\[B, 3, H, W\]"):
        judge.probabilities(torch.rand(3, 96, 96))


def test_saved_and_read_again(judge: Judge, tmp_path: Path) -> None:
    judge.save(tmp_path)
    again = Judge.from_folder(tmp_path, judge.trunk)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    assert torch.allclose(again.probabilities(x), judge.eval().probabilities(x), atol=2e-3)
    (tmp_path / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"lacks config\.json"):
        Judge.from_folder(tmp_path, judge.trunk)


def test_learns_a_colour_and_leaves_out_what_is_hidden() -> None:
    torch.manual_seed(1)
    judge = Judge(LPIPS("vgg"), SMALL)
    pictures = torch.rand(64, 3, 64, 64) * 0.4 - 0.8
    targets = torch.zeros(64, len(VALUES))
    targets[::2, 0] = 1.0
    pictures[::2, 0, 30:, :] += 1.2  # red below
    targets[:, 1] = float("nan")
    with torch.no_grad():
        cells = torch.cat([c.flatten(1) for c in judge.cells(pictures)], 1)[:, None].half()
    train_heads(judge, Settings(epochs=60, batch=16, views=1, lr=2e-2, drop=0.0), cells, targets)
    said = read_off(judge, cells[:, 0])[:, 0]
    assert said[::2].min() > 0.6 and said[1::2].max() < 0.4
    assert not said.isnan().any()


def test_raters_words_become_targets() -> None:
    line = {"seed": 1, "why": "random", "hair": "brown/blond", "cut": "between", "yes": ["grins"], "maybe": ["rouge"]}
    found = dict(zip(VALUES, target_of(line), strict=True))
    assert found["smiling"] == 1 and found["rosy cheeks"] == 0.5 and found["sad"] == 0
    assert found["brown hair"] == found["blond hair"] == 0.5 and found["black hair"] == 0
    assert found["straight hair"] == found["wavy hair"] == 0.5
    hidden = dict(zip(VALUES, target_of(line | {"hair": "hidden", "cut": "hidden"}), strict=True))
    assert np.isnan(hidden["gray hair"]) and np.isnan(hidden["wavy hair"])
    with pytest.raises(DataError, match="'winks'"):
        target_of(line | {"yes": ["winks"]})
    with pytest.raises(DataError, match="is no cut"):
        target_of(line | {"cut": "bob"})


def test_the_described_faces_are_fresh_and_split_once() -> None:
    faces = read_described()
    assert len(faces.seeds) >= 600 and min(faces.seeds) >= FIRST_SEED
    rows = test_part(faces)
    assert rows == test_part(faces) and 0.18 < len(rows) / len(faces.seeds) < 0.22
    assert faces.targets.shape == (len(faces.seeds), len(VALUES))


def test_raters_agree_with_themselves() -> None:
    lines = list({line["seed"]: line for line in map(json.loads, DESCRIBED.read_text().splitlines())}.values())[:40]
    found = rater_agreement([*lines, *lines])
    assert found["same"] == 1.0 and found["kappa_of_clear"] == 1.0


def test_a_perfect_judge_scores_one_and_a_blind_one_half() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((200, len(VALUES))) < 0.3).astype(float)
    found = measure(truth, truth, [True] * 200, rng.random(truth.shape))
    assert found["judge"]["mean_auc"] == 1.0
    assert abs(found["face_text"]["mean_auc"] - 0.5) < 0.05
    assert abs(found["agreement"]) < 0.1
