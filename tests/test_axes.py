"""The axes of an inversion's steps: that they are the curvature's, and that a stopped run goes on to the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from i2edit.nets.lpips import LPIPS
from i2edit.nets.mobile import USED_SLOTS
from i2edit.train import axes, encoder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def networks(tiny_parts: dict[str, Any]) -> tuple[Any, ...]:
    return tiny_parts["generator"], LPIPS("alex"), tiny_parts["face"]


def test_the_leading_axes_are_those_of_the_largest_gradients() -> None:
    rng = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(512, 512, generator=rng))[0]
    strength = torch.cat([torch.tensor([9.0, 5.0, 2.0]), torch.full((509,), 0.02)])
    rows = (torch.randn(400, 512, generator=rng) * strength) @ basis.T
    found = axes.axes_of(torch.stack([rows, rows.flip(0)], 1), kept=8)
    assert found["common"].shape == (512, 8) and found["slots"].shape == (2, 512, 8)
    for one in found["slots"]:
        assert ((one.float()[:, :3].T @ basis[:, :3]).abs().diagonal() > 0.98).all()


def test_samples_are_of_their_face_and_no_two_passes_are_the_same(
    networks: tuple[Any, ...], mean_landmarks: np.ndarray
) -> None:
    points = torch.from_numpy(np.asarray(mean_landmarks)).float()
    once = axes.samples(*networks, points, 5)
    assert once.shape == (axes.PASSES, len(USED_SLOTS), 512) and once.isfinite().all() and once.abs().max() > 0
    assert torch.equal(once, axes.samples(*networks, points, 5))
    assert not torch.equal(once[0], once[1]) and not torch.equal(once, axes.samples(*networks, points, 6))


def test_a_run_that_was_stopped_goes_on(
    networks: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes.train(tmp_path / "whole", 3, 700_000, networks)
    axes.train(tmp_path / "part", 2, 700_000, networks)
    axes.train(tmp_path / "part", 3, 700_000, networks)
    whole, part = (load_file(tmp_path / name / "axes.safetensors") for name in ("whole", "part"))
    assert whole.keys() == part.keys() == {"common", "slots"}
    for name in whole:
        assert torch.equal(whole[name], part[name])
    assert whole["slots"].shape == (len(USED_SLOTS), 512, axes.KEPT)
    monkeypatch.setattr(axes, "samples", lambda *a: pytest.fail("nothing was missing"))
    axes.train(tmp_path / "part", 3, 700_000, networks)


def test_the_command_makes_both_parts_or_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, Path, int, int]] = []
    for name, (_, faces, seed) in list(encoder.PARTS.items()):
        monkeypatch.setitem(encoder.PARTS, name, (lambda *given, name=name: called.append((name, *given)), faces, seed))
    encoder.main(["--out", str(tmp_path)])
    assert called == [("regressor", tmp_path, 2600, 5000), ("axes", tmp_path, 600, 700_000)]
    encoder.main(["--out", str(tmp_path), "--only", "axes", "--faces", "3"])
    assert called[2:] == [("axes", tmp_path, 3, 700_000)]
