"""The labelled faces and their split, and what is learned from them: directions and linear maps on data made up here."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from i2edit.data.faces import CONFOUNDERS, FACES, SPLITS, LabelledFace, make_splits, read_labels, read_splits
from i2edit.edit.directions import label_of
from i2edit.errors import DataError
from i2edit.ontology import SLOTS, VALUES
from i2edit.train.directions import REGULARISATION, fit_attribute, fit_linear, half_whitening, kept, table
from i2edit.train.regressor import fit

FIRST = FACES / "labels.jsonl"  # the 1600 that were split; the others were labelled later, for training


@pytest.fixture(scope="module")
def faces() -> list[LabelledFace]:
    return read_labels()


@pytest.fixture(scope="module")
def first(faces: list[LabelledFace]) -> list[LabelledFace]:
    return read_labels(FIRST)


# ------------------------------------------------------------------------------------------------ labels


def test_labels_are_of_the_ontology_and_its_confounders(first: list[LabelledFace], faces: list[LabelledFace]) -> None:
    assert len(first) == 1600 and len({face.seed for face in faces}) == len(faces) > 1600
    keys = {label_of(value) for value in VALUES} | set(CONFOUNDERS)
    assert all(set(face.labels) == keys for face in first)
    assert all(set(face.labels) <= keys | {"hand"} for face in faces)
    assert all(value in (0, 1, None) for face in faces for value in face.labels.values())
    assert all(face.why for face in faces)


def test_labels_do_not_contradict_themselves(faces: list[LabelledFace]) -> None:
    def both(a: str, b: str) -> int:
        return sum(face.labels.get(label_of(a)) == face.labels.get(label_of(b)) == 1 for face in faces)

    assert both("smiling", "no smiling") == 0 and both("straight hair", "wavy hair") == 0
    assert both("bangs", "receding hairline") <= 5 and both("no makeup", "heavy makeup") == 0
    assert all(both(a, b) <= 5 for a, b in combinations(SLOTS["hair color"], 2))


@pytest.mark.parametrize(
    "line, said",
    [("{", r"labels.jsonl, line 2 is not a labelled face"), ('{"seed": 4, "why": "x"}', r"line 2 is not a labelled face: 'labels'"),
     ('{"seed": "four", "why": "x", "labels": {}}', "line 2 is not a labelled face"),
     ('{"seed": 3, "why": "y", "labels": {}}', "line 2: seed 3 was labelled before")],
)  # fmt: skip
def test_bad_lines_are_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"seed": 3, "why": "x", "labels": {"smiling": 1}}\n' + line + "\n")
    with pytest.raises(DataError, match=said):
        read_labels(path)


# ------------------------------------------------------------------------------------------------ the split


def test_the_split_is_disjoint_and_complete(first: list[LabelledFace], faces: list[LabelledFace]) -> None:
    splits = read_splits()
    assert tuple(splits) == SPLITS
    for a, b in combinations(SPLITS, 2):
        assert not set(splits[a]) & set(splits[b])
    assert sorted(seed for seeds in splits.values() for seed in seeds) == sorted(face.seed for face in faces)
    later = {face.seed for face in faces} - {face.seed for face in first}
    assert later <= set(splits["train"])  # what was mined afterwards never judges


def test_the_shipped_split_is_that_of_seed_0(first: list[LabelledFace]) -> None:
    made, shipped = make_splits(first), read_splits()
    seeds = {face.seed for face in first}
    for name in SPLITS:
        assert made[name] == sorted(set(shipped[name]) & seeds), name


def test_every_label_has_its_share_in_every_split(first: list[LabelledFace]) -> None:
    splits = read_splits()
    labels = {face.seed: face.labels for face in first}
    for key in (label_of(value) for value in VALUES):
        count = {name: sum(labels[s][key] == 1 for s in seeds if s in labels) for name, seeds in splits.items()}
        total = sum(count.values())
        for name, share in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
            assert abs(count[name] - share * total) <= max(2.0, 0.15 * share * total), (key, name, count)


def test_splits_of_made_up_faces_are_stratified_and_reproducible() -> None:
    rng = np.random.default_rng(3)
    chances = {"common": 0.5, "seldom": 0.1, "rare": 0.03}
    faces = [
        LabelledFace(int(seed), "random", {key: int(rng.random() < p) for key, p in chances.items()})
        for seed in rng.choice(10_000, 500, replace=False)
    ]
    splits = make_splits(faces, seed=5)
    assert splits == make_splits(faces, seed=5) == make_splits(faces[::-1], seed=5)
    assert splits != make_splits(faces, seed=6)
    assert sorted(s for seeds in splits.values() for s in seeds) == sorted(face.seed for face in faces)
    assert [len(splits[name]) for name in SPLITS] == pytest.approx([350, 50, 100], abs=12)
    where = {seed: name for name, seeds in splits.items() for seed in seeds}
    for key in chances:
        count = Counter(where[face.seed] for face in faces if face.labels[key])
        for name, share in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
            assert abs(count[name] - share * count.total()) <= 2, key
    assert [len(s) for s in make_splits(faces, (0.5, 0.25, 0.25)).values()] == pytest.approx([250, 125, 125], abs=12)


# ------------------------------------------------------------------------------------------------ what is learned


@pytest.fixture(scope="module")
def made_up() -> tuple[dict[int, LabelledFace], dict[int, np.ndarray], dict[str, list[int]], np.ndarray]:
    """400 points of 12 numbers, labelled by a plane; every tenth label is hidden."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(12)
    normal /= np.linalg.norm(normal)
    x = {seed: rng.standard_normal(12).astype(np.float32) for seed in range(400)}
    faces = {
        seed: LabelledFace(seed, "random", {"smiling": None if seed % 10 == 0 else int(point @ normal > 0.3)})
        for seed, point in x.items()
    }
    return faces, x, make_splits(list(faces.values())), normal


def test_an_attribute_that_is_a_plane_is_found(
    made_up: tuple[dict[int, LabelledFace], dict[int, np.ndarray], dict[str, list[int]], np.ndarray],
) -> None:
    faces, x, splits, normal = made_up
    found, offset, report = fit_attribute("smiling", faces, x, splits)
    assert found.shape == (12,) and found.dtype == np.float32
    assert found @ normal / np.linalg.norm(found) > 0.97
    assert report["auc_test"] > 0.98 and report["auc_validation"] > 0.95 and report["c"] in REGULARISATION
    labelled = [s for s in splits["train"] if faces[s].labels["smiling"] is not None]
    assert report["train"] == len(labelled) < len(splits["train"])
    assert report["positive"] == sum(faces[s].labels["smiling"] == 1 for s in labelled)
    # The targets of an edit are what positives of the training faces show.
    logits = {s: float(x[s] @ found) + offset for s in labelled}
    positive = [logits[s] for s in labelled if faces[s].labels["smiling"] == 1]
    assert report["positive_median"] == pytest.approx(np.median(positive), abs=1e-3)
    assert report["positive_high"] == pytest.approx(np.quantile(positive, 0.8), abs=1e-3)
    assert report["negative_median"] < 0 < report["positive_median"] < report["positive_high"]


def test_only_train_decides_what_is_found(
    made_up: tuple[dict[int, LabelledFace], dict[int, np.ndarray], dict[str, list[int]], np.ndarray],
) -> None:
    faces, x, splits, _ = made_up
    found, offset, report = fit_attribute("smiling", faces, x, splits)
    turned = dict(faces)
    for seed in splits["test"]:
        label = faces[seed].labels["smiling"]
        turned[seed] = LabelledFace(seed, "random", {"smiling": None if label is None else 1 - label})
    again, same, other = fit_attribute("smiling", turned, x, splits)
    assert np.array_equal(found, again) and offset == same
    assert other["auc_test"] == pytest.approx(1 - report["auc_test"], abs=1e-3)


def test_half_whitening_takes_the_root_of_the_variances() -> None:
    rng = np.random.default_rng(1)
    mix = rng.standard_normal((16, 16)) * np.geomspace(3, 0.1, 16)
    covariance = (mix @ mix.T).astype(np.float32)
    basis = half_whitening(covariance).astype(np.float64)
    after = np.linalg.eigvalsh(basis.T @ covariance @ basis)
    before = np.sqrt(np.linalg.eigvalsh(covariance.astype(np.float64)))
    assert np.allclose(after / after.sum(), before / before.sum(), rtol=1e-3)
    assert np.trace(basis.T @ covariance @ basis) / 16 == pytest.approx(1.0, rel=1e-4)


def test_a_linear_map_is_recovered() -> None:
    rng = np.random.default_rng(2)
    mean = rng.standard_normal(10).astype(np.float32)
    spread = rng.standard_normal((10, 10))
    w = (mean + rng.standard_normal((800, 10)) @ spread).astype(np.float32)
    true, shift = rng.standard_normal((3, 10)), np.array([1.0, -2.0, 0.5])
    goals = ((w - mean) @ true.T + shift + 0.01 * rng.standard_normal((800, 3))).astype(np.float32)
    basis = half_whitening(np.cov(w.T).astype(np.float32))
    normals, offsets, report = fit_linear(w, goals, basis, mean, alpha=0.01)
    assert normals.shape == (3, 10) and np.allclose(normals, true, atol=0.02)
    assert np.allclose(offsets, shift, atol=0.02)
    assert report["faces"] == 800 and report["r2_held_out"] > 0.999 and report["rms"] == pytest.approx(0.01, rel=0.3)
    noise = rng.standard_normal((800, 3)).astype(np.float32)
    assert fit_linear(w, noise, basis, mean, alpha=0.01)[2]["r2_held_out"] < 0.05  # judged on faces that it never saw
    stiff = fit_linear(w, goals, basis, mean, alpha=1e6)[0]
    assert np.linalg.norm(stiff) < 0.1 * np.linalg.norm(normals)


def test_what_was_measured_is_measured_once(tmp_path: Path) -> None:
    calls = []

    def measure() -> tuple[np.ndarray, np.ndarray]:
        calls.append(1)
        return np.ones((2, 3), np.float32), np.zeros((2, 4), np.float32)

    for _ in range(2):
        w, values = kept(tmp_path / "landmark.npz", measure)
        assert w.shape == (2, 3) and values.shape == (2, 4)
    assert len(calls) == 1


def test_the_regressor_explains_what_is_linear() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(300, 9 * (384 + 256) + 128 + 136, generator=rng)
    w = torch.zeros(300, 512)
    w[:, :8] = x[:, -8:] * 3
    x[:, :-200] *= 0.1
    regressor, explained = fit(x, w, penalty=1e-3, rank=16)
    assert regressor.up.weight.shape == (512, 16) and explained > 0.3
    guess = regressor.up(regressor.down(x))
    assert (guess - w)[:255].square().sum() < 0.05 * w[:255].square().sum()


def test_the_shipped_report_is_of_the_shipped_split() -> None:
    report = json.loads((FACES.parent / "directions.json").read_text())
    labels, splits = {face.seed: face.labels for face in read_labels()}, read_splits()
    for key, measured in report["attributes"].items():
        if key == "hand":
            continue  # labelled in train only: held out within it
        for name, prefix in (("train", ""), ("test", "test_")):
            known = [labels[s][key] for s in splits[name] if labels[s].get(key) is not None]
            assert measured[name] == len(known) and measured[prefix + "positive"] == sum(v == 1 for v in known), key
        assert 0.6 < measured["auc_test"] <= 1
    lines = table(report).splitlines()
    assert len(lines) == 2 + len(report["attributes"]) and lines[2].count("|") == 5
