"""Trains the 256² readout: 128² features → the 256² area average of the generator's own 1024² picture.

    python -m i2edit.train.readout --out readout.safetensors --steps 600 --seed 0

Nothing but the generator is needed. Slots differ a little from each other in training, as they do after inversion.
Resumes from `OUT.state` if it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from i2edit.nets.fast import FastSynthesis
from i2edit.nets.mobile import Generator, Readout


def sample_slots(generator: Generator, batch: int, rng: torch.Generator, spread: float = 0.25) -> torch.Tensor:
    """Random w per slot, [B, 23, 512]: one face, and `spread` of another one blended in slot by slot."""
    w = generator.mapping(torch.randn(2 * batch, generator.config.dim, generator=rng))
    w = generator.w_mean + 0.9 * (w - generator.w_mean)
    a, b = w[:batch, None], w[batch:, None]
    t = spread * torch.rand(batch, generator.synthesis.num_slots, 1, generator=rng)
    return a + t * (b - a)


def train(
    generator: Generator, out: Path, steps: int = 600, faces: int = 240, batch: int = 4, lr: float = 2e-3, seed: int = 0
) -> float:
    """Returns the mean absolute error on 24 fresh faces, in units of the [-1, 1] range."""
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    state_file = out.with_suffix(out.suffix + ".state")
    picture = FastSynthesis(generator.synthesis)
    began = time.time()

    def log(**values: object) -> None:
        print(json.dumps({**values, "seconds": round(time.time() - began)}), flush=True)

    with torch.no_grad():
        w = sample_slots(generator, faces + 24, torch.Generator().manual_seed(seed))
        target = torch.cat([F.avg_pool2d(picture(one[None]), 4).half() for one in w])
    log(pictures=len(w))
    readout = Readout(generator.config.channels[Readout.LAYERS], generator.config.dim).to(  # type: ignore[call-overload]
        memory_format=torch.channels_last
    )
    with torch.no_grad():
        readout.style.weight.zero_()
        readout.style.bias.fill_(1.0)
        readout.detail.weight.mul_(0.1)
        start_from_least_squares(readout, generator.synthesis.features(w[:8], Readout.LAYERS), target[:8].float())
    optimiser = torch.optim.Adam(readout.parameters(), lr=lr)
    start = 0
    if state_file.exists():
        saved = torch.load(state_file, weights_only=True)
        readout.load_state_dict(saved["readout"])
        optimiser.load_state_dict(saved["optimiser"])
        start = int(saved["step"])
    total = 0.0
    for step in range(start, steps):
        chosen = torch.randperm(faces, generator=torch.Generator().manual_seed(seed + step))[:batch]
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / 20, (steps - step) / (0.6 * steps))
        with torch.no_grad():
            features = generator.synthesis.features(w[chosen], Readout.LAYERS)
        loss = (readout(features, w[chosen]) - target[chosen].float()).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item()
        if step % 25 == 24:
            log(step=step + 1, l1=round(total / 25, 4))
            total = 0.0
            torch.save(
                {"readout": readout.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}, state_file
            )
    with torch.no_grad():
        errors = [
            (readout(generator.synthesis.features(one[None], Readout.LAYERS), one[None]) - goal.float()).abs().mean()
            for one, goal in zip(w[faces:], target[faces:], strict=True)
        ]
    save_file({key: value.half().contiguous() for key, value in readout.state_dict().items()}, str(out))
    state_file.unlink(missing_ok=True)
    return float(torch.stack(errors).mean())


def start_from_least_squares(readout: Readout, features: torch.Tensor, picture: torch.Tensor) -> None:
    """Sets the linear map to the least-squares one: features [N, C, 128, 128], picture [N, 3, 256, 256]."""
    x = features.permute(0, 2, 3, 1).flatten(0, 2)
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    y = dwt(picture).permute(0, 2, 3, 1).flatten(0, 2)
    solution = torch.linalg.lstsq(x, y).solution
    readout.to_img.weight.copy_(solution[:-1].T[:, :, None, None])
    readout.to_img.bias.data.copy_(solution[-1])  # type: ignore[union-attr]


def dwt(x: torch.Tensor) -> torch.Tensor:
    """Haar wavelet transform, the inverse of `idwt`: [B, C, 2H, 2W] → [B, 4C, H, W]."""
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    high = torch.stack((a + b - c - d, a - b + c - d, a - b - c + d), 2).flatten(1, 2)
    return torch.cat((a + b + c + d, high), 1) / 2


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train the 256² readout of the generator.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    error = train(Generator.published(), options.out, options.steps, seed=options.seed)
    print(json.dumps({"fresh_l1": round(error, 4), "faces": 24, "steps": options.steps, "seed": options.seed}))


if __name__ == "__main__":
    main()
