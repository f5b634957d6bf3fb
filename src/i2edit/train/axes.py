"""Learns the axes along which an inversion steps: generated faces → `axes.safetensors`.

    i2edit train encoder --only axes --out DIR

What the losses of an inversion compare (LPIPS maps of the crop and of the inner face, pixels, the descriptor) is a long vector φ(w),
and near its minimum their curvature is JᵀJ, with J the Jacobian of φ. For a random v of unit variance, E[(Jᵀv)(Jᵀv)ᵀ] = JᵀJ: a few
backward passes a face give its mean over faces. The axes are its eigenvectors, for all slots together and for each slot.
`OUT/samples-SEED.safetensors` keeps the passes: a run that was stopped goes on.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2edit.errors import DataError
from i2edit.invert import INNER, Settings
from i2edit.nets.dlibface import DlibFace, face_chip
from i2edit.nets.lpips import LPIPS
from i2edit.nets.mobile import USED_SLOTS, Generator

PASSES = 2  # a face
KEPT = 256  # axes a slot that are stored
DISTANCE = 0.3  # typical descriptor distance: c·d is replaced by c·d² / (2 · DISTANCE), which has the same slope there
APART = 0.076  # standard deviation of a slot about the common w, a fifth of that of w


def samples(
    generator: Generator, lpips: LPIPS, face: DlibFace, landmarks: Tensor, seed: int, settings: Settings | None = None
) -> Tensor:
    """Jᵀv of one face [PASSES, 15, 512], as float16; landmarks [68, 2] in parts of the crop.

    The face: between the mean and a seed's, each slot a little apart from the others, as in the middle of an inversion.
    """
    s = settings or Settings(identity=0.6)  # that which the shipped axes were learned with
    rng = torch.Generator().manual_seed(seed)
    share = torch.rand(1, generator=rng)
    middle = generator.w_mean + share * (generator.seed(seed) - generator.w_mean)
    w = middle[:, None].expand(-1, generator.num_slots, -1)
    w = (w + APART * torch.randn(w.shape, generator=rng)).requires_grad_(True)
    view = generator.preview(w)
    maps = [lpips.features(view), lpips.features(view[..., INNER[0], INNER[1]])]
    descriptor = face(face_chip(view, landmarks * view.shape[-1]))
    found = []
    for turn in range(PASSES):
        total = torch.zeros(())
        for weight, seen in zip((1.0, s.inner), maps, strict=True):
            for one, head in zip(seen, lpips.heads, strict=True):
                scale = weight * head.clamp_min(0).view(1, -1, 1, 1) / (one.shape[2] * one.shape[3])
                total = total + (torch.randn(one.shape, generator=rng) * one * scale.sqrt()).sum()
        total = total + (torch.randn(view.shape, generator=rng) * view).sum() * (s.pixel / view.numel()) ** 0.5
        noise = torch.randn(descriptor.shape, generator=rng)
        total = total + (noise * descriptor).sum() * (s.identity / (2 * DISTANCE)) ** 0.5
        (gradient,) = torch.autograd.grad(total, w, retain_graph=turn + 1 < PASSES)
        found.append(gradient[0, list(USED_SLOTS)])
    return torch.stack(found).half()


def axes_of(gradients: Tensor, kept: int = KEPT) -> dict[str, Tensor]:
    """Samples [N, 15, 512] → `common` [512, kept] and `slots` [15, 512, kept], leading axis first, float16."""

    def leading(rows: Tensor) -> Tensor:
        rows = rows.float()
        return torch.linalg.eigh(rows.T @ rows)[1].flip(1)[:, :kept].half().contiguous()

    return {
        "common": leading(gradients.float().sum(1)),
        "slots": torch.stack([leading(gradients[:, i]) for i in range(gradients.shape[1])]),
    }


def train(out: Path, faces: int = 600, first_seed: int = 700_000, networks: tuple[Any, ...] | None = None) -> None:
    """Writes `axes.safetensors` (`axes_of`) into ``out``; goes on with the samples that are there.

    ``networks``: generator, LPIPS and face descriptor (default: the published ones). Raises DataError for no faces.
    """
    from safetensors.torch import load_file, save_file

    from i2edit.edit.directions import Directions

    if faces < 1:
        raise DataError(f"Axes are learned from at least one face, not {faces}.")
    if networks is None:
        networks = (Generator.from_weights(), LPIPS("alex").from_weights(), DlibFace.from_weights())
    generator, lpips, face = networks
    directions = Directions.from_assets()
    out.mkdir(parents=True, exist_ok=True)
    stored = out / f"samples-{first_seed}.safetensors"
    done = torch.zeros(0, len(USED_SLOTS), generator.config.dim).half()
    if stored.is_file():
        done = load_file(stored)["samples"]
    began, fresh = time.time(), [done]
    for number in range(len(done) // PASSES, faces):
        seed = first_seed + number
        points = torch.as_tensor(directions.landmarks(generator.seed(seed))).float()
        fresh.append(samples(generator, lpips, face, points, seed))
        if number % 50 == 49 or number + 1 == faces:
            done = torch.cat(fresh)
            fresh = [done]
            part = stored.with_suffix(".part")
            save_file({"samples": done}, part)
            os.replace(part, stored)
            print(json.dumps({"faces": number + 1, "seconds": round(time.time() - began)}), flush=True)
    save_file(axes_of(done[: PASSES * faces]), str(out / "axes.safetensors"))
