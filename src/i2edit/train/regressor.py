"""Learns the first guess of an inversion: generated faces with known w → `regressor.safetensors`.

    i2edit train encoder --only regressor --out DIR

Ridge regression from LPIPS features, dlib's descriptor and the landmarks, cut to the 96 directions of w that the fit
uses most. The last 15 % of the faces are held out and reported.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from i2edit.invert import Regressor


def measure(count: int, first_seed: int) -> tuple[Tensor, Tensor]:
    """Inputs [N, FEATURES] and w [N, 512] of fresh generated faces."""
    import dlib
    import numpy as np

    from i2edit import weights
    from i2edit.nets.dlibface import DlibFace, face_chip
    from i2edit.nets.fast import FastSynthesis
    from i2edit.nets.lpips import LPIPS
    from i2edit.nets.mobile import Generator
    from i2edit.train.directions import FACE_BOX_512

    generator = Generator.published()
    picture, lpips, face = FastSynthesis(generator.synthesis), LPIPS("alex").from_weights(), DlibFace.from_weights()
    predictor = dlib.shape_predictor(str(weights.get("dlib-landmarks")))
    inputs, ws = [], []
    began = time.time()
    for number in range(count):
        w = generator.seed(first_seed + number)
        image = picture(w)
        middle, small = F.avg_pool2d(image, 2), F.avg_pool2d(image, 4)
        pixels = ((middle[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).numpy()
        found = predictor(pixels, dlib.rectangle(*FACE_BOX_512))
        points = torch.from_numpy(np.array([(p.x, p.y) for p in found.parts()], np.float32)) / 512
        with torch.no_grad():
            inputs.append(Regressor.inputs(lpips.features(small), face(face_chip(small, points * 256)), points)[0])
        ws.append(w[0])
        if number % 200 == 199:
            print(json.dumps({"faces": number + 1, "seconds": round(time.time() - began)}), flush=True)
    return torch.stack(inputs), torch.stack(ws)


def fit(x: Tensor, w: Tensor, penalty: float = 0.5, rank: int = 96) -> tuple[Regressor, float]:
    """The regressor and the share of the variance of w that it explains on the last 15 % of the rows."""
    hold = round(0.85 * len(x))
    sizes = (9 * (384 + 256), 128, 136)
    mean, deviation = x[:hold].mean(0), x[:hold].std(0, unbiased=False) + 1e-3
    # The three kinds of input count alike, whatever their number; LPIPS maps come first, then descriptor, landmarks.
    scale = torch.cat([torch.full((n,), n**-0.5) for n in sizes]) / deviation
    z = ((x - mean) * scale).double()
    centre = w[:hold].mean(0).double()
    y = w.double() - centre
    gram = z[:hold] @ z[:hold].T
    solution = z[:hold].T @ torch.linalg.solve(gram + penalty * torch.eye(hold, dtype=torch.float64), y[:hold])
    axes = torch.linalg.svd(z[:hold] @ solution, full_matrices=False)[2][:rank]  # [rank, 512]
    regressor = Regressor(rank, w.shape[1])
    with torch.no_grad():
        down = (solution @ axes.T).T * scale  # [rank, FEATURES]
        regressor.down.weight.copy_(down)
        regressor.down.bias.copy_(-(down @ mean.double()))
        regressor.up.weight.copy_(axes.T)
        regressor.up.bias.copy_(centre)
        guess = regressor.up(regressor.down(x[hold:]))
    error = (guess - w[hold:]).square().sum()
    return regressor, float(1 - error / (w[hold:] - w[:hold].mean(0)).square().sum())


def train(out: Path, faces: int = 2600, first_seed: int = 5000, measured: tuple[Tensor, Tensor] | None = None) -> float:
    """Writes `regressor.safetensors` into `out`; returns the share of variance explained on held-out faces."""
    from safetensors.torch import save_file

    x, w = measured if measured is not None else measure(faces, first_seed)
    regressor, explained = fit(x, w)
    out.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.half().contiguous() for key, value in regressor.state_dict().items()},
        str(out / "regressor.safetensors"),
    )
    print(json.dumps({"faces": len(x), "first_seed": first_seed, "explained_held_out": round(explained, 4)}))
    return explained
