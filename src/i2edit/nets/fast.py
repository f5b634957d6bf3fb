"""The generator's synthesis on OpenVINO: the same call, w per slot → picture, several times faster on a CPU.

    fast = FastSynthesis(generator.synthesis)
    picture = fast(w)            # [B, 512] or [B, 23, 512] → [B, 3, 1024, 1024], RGB about [-1, 1], not differentiable

The torch module is converted as it is, once per process (seconds). On processors with bf16 instructions OpenVINO
computes in bf16 unless told otherwise; `precision="f32"` matches torch to 1e-3.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import torch
from torch import Tensor

from i2edit.nets.mobile import Synthesis


class FastSynthesis:
    """A compiled copy of a `Synthesis`; later changes of the torch module are not seen."""

    def __init__(self, synthesis: Synthesis, precision: str = "f32", threads: int | None = None) -> None:
        os.environ.setdefault("OPENVINO_TELEMETRY_DISABLE", "1")
        import openvino

        self._slots = synthesis.slots
        w = torch.zeros(1, synthesis.num_slots, synthesis.config.dim)
        with warnings.catch_warnings():
            # Tracing is deprecated, but it is what OpenVINO reads; and the shape of w is fixed here.
            warnings.simplefilter("ignore")
            model = openvino.convert_model(synthesis, example_input=w, input=[list(w.shape)])
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._run = openvino.Core().compile_model(model, "CPU", settings)

    def __call__(self, w: Tensor) -> Tensor:
        pictures = [torch.from_numpy(self._run(one[None].numpy())[0].copy()) for one in self._slots(w.detach()).float()]
        return torch.cat(pictures)
