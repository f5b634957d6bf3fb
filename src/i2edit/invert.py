"""Aligned crop → w_raw: the point of the generator's W space that looks like the photo.

    crop [1, 3, 1024, 1024] RGB in [-1, 1]  →  w_raw [23, 512], and how good it is

Optimisation from the answer of a small regressor: LPIPS on the whole crop and on the inner face, pixels, identity
(dlib's descriptor) and a pull of all slots to one common w, because W+ far from W does not edit well. Steps look at the
256² preview of the generator, which costs a fraction of the picture; what it gets wrong is measured now and then at the
picture itself, and added. Adam steps along the `Axes`, learned directions of w whose changes the losses see apart from each
other: its step of one size in every coordinate fits there (Vyas et al. 2024, "SOAP", find such axes during training).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.nets.dlibface import DlibFace, face_chip
from i2edit.nets.lpips import LPIPS
from i2edit.nets.mobile import USED_SLOTS, Generator

INNER = (slice(60, 220), slice(48, 208))  # rows, columns of the inner face in a 256² aligned crop


@dataclass(frozen=True)
class Settings:
    """Steps, rates (units of w a step, at their highest) and weights of the optimisation; ``pull``: per squared departure of a slot from
    what all share, ``prior``: per squared distance of that from the mean w."""

    preview_steps: int = 36
    picture_steps: int = 0
    lr: float = 0.12
    picture_lr: float = 0.02
    inner: float = 1.0
    pixel: float = 0.5
    identity: float = 0.4
    pull: float = 0.02
    prior: float = 0.002
    regressor: bool = True
    axes: bool = True
    correct_every: int = 6  # steps: how often what the preview gets wrong is measured; 0: never


SLOW = Settings(preview_steps=0, picture_steps=100, picture_lr=0.06, identity=0.0, regressor=False, axes=False)
"""The recipe that everything faster is compared with: 100 steps on whole pictures from the mean w."""


class Regressor(nn.Module):
    """A first guess of w: one linear map of low rank from what the other networks see anyway.

    In: LPIPS feature maps of the 256² crop (taps 3 and 5, averaged to 3 × 3), dlib's descriptor [B, 128], landmarks
    [68, 2] in parts of the crop. Out: w [B, 512]. Learned by ridge regression on generated faces
    (`train/regressor.py`).
    """

    FEATURES = 9 * (384 + 256) + 128 + 136

    def __init__(self, rank: int = 96, dim: int = 512) -> None:
        super().__init__()
        self.down = nn.Linear(self.FEATURES, rank)
        self.up = nn.Linear(rank, dim)

    @classmethod
    def from_assets(cls) -> Regressor:
        """The shipped map."""
        from i2edit import assets

        regressor = cls()
        assets.load_into(regressor, "regressor.safetensors")
        return regressor.eval().requires_grad_(False)

    @staticmethod
    def inputs(maps: list[Tensor], descriptor: Tensor, landmarks: Tensor) -> Tensor:
        """[B, FEATURES]."""
        pooled = [F.adaptive_avg_pool2d(maps[i], 3).flatten(1) for i in (2, 4)]
        points = landmarks.reshape(-1, 136).to(descriptor.dtype).expand(len(descriptor), -1)
        return torch.cat([*pooled, descriptor, points], 1)

    def forward(self, maps: list[Tensor], descriptor: Tensor, landmarks: Tensor) -> Tensor:
        return self.up(self.down(self.inputs(maps, descriptor, landmarks)))


class Axes(nn.Module):
    """Orthonormal axes of w, for all slots together and for each of `USED_SLOTS`: the leading eigenvectors of the mean
    squared Jacobian of what the losses compare, and any others for the rest (`train/axes.py`).

    ``common``: [512, 512], an axis a column; ``slots``: [15, 512, 512].
    """

    common: Tensor
    slots: Tensor

    def __init__(self, common: Tensor, slots: Tensor) -> None:
        """common [512, k], slots [15, 512, k], for any k up to 512."""
        super().__init__()
        self.register_buffer("common", completed(common))
        self.register_buffer("slots", torch.stack([completed(one) for one in slots]))

    @classmethod
    def from_assets(cls) -> Axes:
        """Those that ship."""
        from i2edit import assets

        stored = assets.tensors("axes.safetensors")
        return cls(stored["common"], stored["slots"])


def completed(columns: Tensor) -> Tensor:
    """[dim, k] about orthonormal columns → [dim, dim], orthonormal, which begins with them (up to sign)."""
    basis: Tensor = torch.linalg.qr(torch.cat([columns, torch.eye(len(columns))], 1))[0]
    return basis


@dataclass(frozen=True)
class Inversion:
    """w_raw [slots, 512] and its distances to the photo: LPIPS (Alex, 256²), identity (dlib, 0.6 = somebody else)."""

    w_raw: Tensor
    lpips: float
    identity: float
    seconds: float
    trace: list[dict[str, float]] = field(default_factory=list)
    w_seen: Tensor | None = None  # the default generator's w, where w_raw is another generator's


class Inverter:
    """Holds the networks; knows no photo."""

    def __init__(
        self,
        generator: Generator,
        lpips: LPIPS,
        face: DlibFace,
        regressor: Regressor | None = None,
        settings: Settings | None = None,
        axes: Axes | None = None,
        picture: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """``picture``: a quicker way from w [1, slots, 512] to the generator's picture [1, 3, S, S] in [-1, 1], where no gradient is needed."""
        self.generator, self.lpips, self.face, self.regressor = generator, lpips, face, regressor
        self.settings = settings or Settings()
        self.axes, self.picture = axes, picture or generator.synthesis

    def __call__(
        self,
        crop: Tensor,
        landmarks: Tensor,
        progress: Callable[[float, str], None] | None = None,
        settings: Settings | None = None,
        steps_scale: float = 1.0,
    ) -> Inversion:
        """crop [1, 3, 1024, 1024] in [-1, 1]; landmarks [68, 2] in crop pixels (0..1024)."""
        began = time.perf_counter()
        s = settings or self.settings
        s = replace(
            s, preview_steps=round(s.preview_steps * steps_scale), picture_steps=round(s.picture_steps * steps_scale)
        )
        small = F.interpolate(crop, size=256, mode="area")
        points = landmarks / 4
        with torch.no_grad():
            whole = self.lpips.features(small)
            inner = self.lpips.features(small[..., INNER[0], INNER[1]])
            person = self.face(face_chip(small, points))
            start = self.generator.w_mean.clone()
            if s.regressor and self.regressor is not None:
                start = self.regressor(whole, person, landmarks / crop.shape[-1])
        axes = self.axes if s.axes else None
        shift = torch.zeros_like(start).requires_grad_(True)
        moved = torch.zeros(len(USED_SLOTS), start.shape[-1]).requires_grad_(True)
        used = torch.tensor(USED_SLOTS)
        nothing = torch.zeros(1, self.generator.num_slots, start.shape[-1])

        def place() -> tuple[Tensor, Tensor]:
            """What all slots share [1, 512], and how each departs from it [1, slots, 512]."""
            together = shift if axes is None else shift @ axes.common.T
            apart = moved if axes is None else torch.einsum("sij,sj->si", axes.slots, moved)
            return start + together, nothing.index_copy(1, used, apart[None])

        total = max(1, s.preview_steps + 4 * s.picture_steps)
        trace: list[dict[str, float]] = []

        def losses(view: Tensor, common: Tensor, spread: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            perceptual = self.lpips.distance(self.lpips.features(view), whole)
            if s.inner:
                part = self.lpips.distance(self.lpips.features(view[..., INNER[0], INNER[1]]), inner)
                loss = perceptual + s.inner * part
            else:
                loss = perceptual
            loss = loss + s.pixel * (view - small).square().mean()
            identity = torch.zeros(1)
            if s.identity:
                identity = (self.face(face_chip(view, points)) - person).square().sum(1).add(1e-6).sqrt()
                loss = loss + s.identity * identity
            loss = loss + s.pull * spread.square().mean((0, 2)).sum()
            loss = loss + s.prior * (common - self.generator.w_mean).square().sum()
            return loss.sum(), perceptual.detach(), identity.detach()

        def run(
            steps: int,
            lr: float,
            view: Callable[[Tensor], Tensor],
            name: str,
            cost: int,
            before: int,
            correct_every: int = 0,
        ) -> None:
            optimiser = torch.optim.Adam([shift, moved], lr=lr)
            correction: Tensor | float = 0.0
            for step in range(steps):
                t = step / max(1, steps)
                ramp = min(1.0, (step + 1) / 5) * (0.5 + 0.5 * float(torch.cos(torch.tensor(t * torch.pi))))
                for group in optimiser.param_groups:
                    group["lr"] = lr * ramp
                common, spread = place()
                w = common[:, None] + spread
                seen = view(w)
                if correct_every and step % correct_every == 0:
                    with torch.no_grad():
                        correction = self._small(w) - seen
                loss, perceptual, identity = losses(seen + correction, common, spread)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                trace.append({"loss": loss.item(), "lpips": perceptual.item(), "identity": identity.item()})
                if progress is not None:
                    progress((before + cost * (step + 1)) / total, name)

        run(s.preview_steps, s.lr, self.generator.preview, "finding the face", 1, 0, s.correct_every)
        run(s.picture_steps, s.picture_lr, self._picture, "refining", 4, s.preview_steps)
        with torch.no_grad():
            common, spread = place()
            w = common[:, None] + spread
            view = self._small(w)
            lpips = self.lpips.distance(self.lpips.features(view), whole).item()
            identity = (self.face(face_chip(view, points)) - person).norm().item()
        return Inversion(w[0], lpips, identity, time.perf_counter() - began, trace)

    def _picture(self, w: Tensor) -> Tensor:
        return F.avg_pool2d(self.generator.synthesis(w), 4)

    def _small(self, w: Tensor) -> Tensor:
        """As `_picture`, without a gradient."""
        return F.avg_pool2d(self.picture(w), 4)


class EncoderInverter:
    """e4e's answer, in one pass; and the default generator's w of the same photo, by which faces are segmented and described.

    ``encoder``: [1, 3, 256, 256] → [1, slots, 512]; ``draw``: w [1, slots, 512] → [1, 3, S, S].
    """

    def __init__(
        self, encoder: Callable[[Tensor], Tensor], draw: Callable[[Tensor], Tensor], default: Inverter
    ) -> None:
        self.encoder, self.draw, self.default = encoder, draw, default

    @torch.no_grad()
    def __call__(
        self, crop: Tensor, landmarks: Tensor, progress: Callable[[float, str], None] | None = None
    ) -> Inversion:
        """As `Inverter`."""
        began = time.perf_counter()
        small = F.interpolate(crop, size=256, mode="area")
        w = self.encoder(small)
        with torch.enable_grad():
            seen = self.default(crop, landmarks, progress, settings=replace(self.default.settings, correct_every=0))
        view = F.interpolate(self.draw(w), size=256, mode="area")
        lpips, face = self.default.lpips, self.default.face
        distance = lpips(view, small).item()
        identity = (face(face_chip(view, landmarks / 4)) - face(face_chip(small, landmarks / 4))).norm().item()
        return Inversion(w[0], distance, identity, time.perf_counter() - began, w_seen=seen.w_raw)
