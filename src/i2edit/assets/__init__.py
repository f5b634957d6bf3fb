"""The weights that ship with the package: ours, safetensors, each with its card in `docs/`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER = Path(__file__).parent


def tensors(name: str) -> dict[str, Tensor]:
    """The tensors of a shipped file, as float32."""
    from safetensors.torch import load_file

    return {key: value.float() for key, value in load_file(str(FOLDER / name)).items()}


def load_into(module: nn.Module, name: str) -> None:
    """Fills a module from a shipped file; every key must fit."""
    module.load_state_dict(tensors(name))
