"""The generator's synthesis on OpenVINO: the same call, w per slot → picture, several times faster on a CPU.

    fast = FastSynthesis(generator.synthesis)
    picture = fast(w)            # [B, 512] or [B, 23, 512] → [B, 3, 1024, 1024], RGB about [-1, 1], not differentiable
    picture, features = fast.with_features(w, 4)               # and the 64² features that `Segmenter` reads

The torch module is converted as it is, once per process (seconds). On processors with bf16 instructions OpenVINO
computes in bf16 unless told otherwise; `precision="f32"` matches torch to 1e-3.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import torch
from torch import Tensor

from i2edit.nets.mobile import FEATURE_LAYERS, Synthesis


class FastSynthesis:
    """A compiled copy of a `Synthesis`; later changes of the torch module are not seen. ``layers``: those whose features can
    be had along with the picture."""

    def __init__(
        self, synthesis: Synthesis, precision: str = "f32", threads: int | None = None, layers: int = FEATURE_LAYERS
    ) -> None:
        openvino = _silent_openvino()
        self._slots = synthesis.slots
        self.layers = min(layers, len(synthesis.layers))
        w = torch.zeros(1, synthesis.num_slots, synthesis.config.dim)
        with warnings.catch_warnings():
            # Tracing is deprecated, but it is what OpenVINO reads; and the shape of w is fixed here.
            warnings.simplefilter("ignore")
            model = openvino.convert_model(_Both(synthesis, self.layers), example_input=w, input=[list(w.shape)])
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._run = openvino.Core().compile_model(model, "CPU", settings)

    def __call__(self, w: Tensor) -> Tensor:
        return torch.cat([self._one(one)[0] for one in self._slots(w.detach()).float()])

    def with_features(self, w: Tensor, layers: int) -> tuple[Tensor, Tensor]:
        """As `Synthesis.with_features`, for the ``layers`` that were compiled. Raises ValueError for others."""
        if layers != self.layers:
            raise ValueError(f"Features after {self.layers} layers were compiled, not after {layers}.")
        pictures, features = zip(*(self._one(one) for one in self._slots(w.detach()).float()), strict=True)
        return torch.cat(pictures), torch.cat(features)

    def _one(self, w: Tensor) -> list[Tensor]:
        found = self._run(w[None].numpy())
        return [torch.from_numpy(found[i].copy()) for i in (0, 1)]


def _silent_openvino() -> Any:
    """OpenVINO, which reports over the network that it was imported and used. No setting turns that off; that the package it
    does this with cannot be imported, does."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class _Both(torch.nn.Module):
    """`Synthesis.with_features` as a module, for the converter."""

    def __init__(self, synthesis: Synthesis, layers: int) -> None:
        super().__init__()
        self.synthesis, self.layers = synthesis, layers

    def forward(self, w: Tensor) -> tuple[Tensor, Tensor]:
        return self.synthesis.with_features(w, self.layers)
