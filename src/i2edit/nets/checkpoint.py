"""Published checkpoints → state dicts → networks. Tensors only: nothing in a file is executed.

    state = read("e4e_ffhq_encode.pt")           # a path, or OWNER/NAME/FILE[@REVISION] on the model hub
    fit(network, part(state, "encoder"), "…")    # every key and shape, or one sentence on what does not fit

What a file is, is told by its keys (`kind`), never by its name. Both formats of `torch.save` and safetensors are read.
"""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from i2edit.errors import WeightsError

Checkpoint = Mapping[str, Any]
SHOWN = 6  # keys that an error names


def find(source: str | Path) -> Path:
    """A checkpoint's file: an existing path, else `OWNER/NAME/FILE[@REVISION]` on the model hub. Raises WeightsError."""
    from i2edit import weights

    path = Path(source).expanduser()
    if path.is_file():
        return path
    name = str(source).removeprefix("hub:")
    if path.is_absolute() or name.startswith((".", "~")) or len(name.split("/")) < 3:
        raise WeightsError(
            f"There is no checkpoint at {path}. Give a file, or OWNER/NAME/FILE for one on the model hub."
        )
    return weights.get(f"hub:{name}")


def read(source: str | Path) -> dict[str, Any]:
    """The dictionary of a checkpoint, its tensors on the CPU. Raises WeightsError for anything that is not tensors and plain values."""
    path = find(source)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        # rosinality's training checkpoints carry their command line; a namespace of plain values is harmless.
        with torch.serialization.safe_globals([argparse.Namespace]):
            # Mapped, a gigabyte of weights is read as it is used; the older format has to be read at once.
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"{path} holds more than tensors and plain values, or is damaged; it was not read further ({reason})."
        ) from error
    except Exception as error:  # the readers of three formats share no base class; all of them mean: not a checkpoint
        raise WeightsError(f"{path} cannot be read as a checkpoint ({type(error).__name__}: {error}).") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise WeightsError(f"{path} holds a {type(found).__name__}, not a dictionary of tensors.")
    return found


def part(state: Checkpoint, name: str) -> dict[str, Tensor]:
    """The keys under `name.`, without it: `encoder.body.0…` → `body.0…`."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def kind(checkpoint: Checkpoint) -> str:
    """What a checkpoint is: "StyleGAN2", "e4e", "ArcFace", or "" when its keys tell nothing."""
    flat = checkpoint.get("state_dict", checkpoint)
    if "encoder.input_layer.0.weight" in flat:
        return "e4e"
    if "output_layer.3.weight" in flat:
        return "ArcFace"
    generator = next((checkpoint[name] for name in ("g_ema", "g") if name in checkpoint), flat)
    if isinstance(generator, Mapping) and ("conv1.conv.weight" in generator or "decoder.conv1.conv.weight" in flat):
        return "StyleGAN2"
    return ""


def expect(checkpoint: Checkpoint, wanted: tuple[str, ...], source: str | Path, layout: str) -> str:
    """The checkpoint's kind, if it is one of those `wanted`; else a WeightsError that says what was found and expected."""
    found = kind(checkpoint)
    if found not in wanted:
        what = f"looks like a checkpoint of {found}" if found else f"has the keys {listed(checkpoint)}"
        raise WeightsError(f"{source} {what}; expected {' or '.join(wanted)}: {layout}.")
    return found


def listed(keys: Any) -> str:
    """The first few keys, and how many more there are."""
    names = list(map(str, keys))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


def fit(
    network: nn.Module,
    state: Mapping[str, Tensor],
    what: str,
    optional: Callable[[str], bool] = lambda key: False,
    ignored: Callable[[str], bool] = lambda key: False,
) -> None:
    """Puts a state dict into a network, as float32, frozen, in eval mode. Every key must be there with its shape, save `optional`
    ones (which keep their values) and surplus `ignored` ones; else WeightsError lists what was found against what was expected."""
    expected = network.state_dict()
    missing = [key for key in expected if key not in state and not optional(key)]
    surplus = [key for key in state if key not in expected and not ignored(key)]
    wrong = [
        f"{key} {list(state[key].shape)} instead of {list(value.shape)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    if missing or surplus or wrong:
        parts = [
            f"{len(found)} {title}: {listed(found)}"
            for title, found in (("missing", missing), ("not known", surplus), ("of another shape", wrong))
            if found
        ]
        matching = sum(key in state for key in expected)
        raise WeightsError(
            f"{what} does not fit: of {len(expected)} keys expected, {matching} were found. {'; '.join(parts)}."
        )
    # Networks are laid out without memory (`unfilled`): where an optional key has none to keep, it becomes zeros.
    full = {
        key: state[key].to(value.dtype) if key in state
        else torch.zeros_like(value, device="cpu") if value.is_meta else value
        for key, value in expected.items()
    }  # fmt: skip
    network.load_state_dict(full, assign=True)
    network.eval().requires_grad_(False)


def unfilled() -> torch.device:
    """A context in which networks are made without memory and without drawing random weights; `fit` brings both."""
    return torch.device("meta")


def trained_counter(key: str) -> bool:
    """Batch normalisation's counters of training steps, which some files lack and nothing here reads."""
    return key.endswith("num_batches_tracked")
