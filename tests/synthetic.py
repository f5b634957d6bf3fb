"""Checkpoints in the published layouts with weights from a seed: every key and shape as in the real files, any width.

The tables of keys are written out here from the published files' descriptions, not read off our networks. Each tensor is drawn by
numpy from (seed, its name), so it does not depend on order or on torch's version; scales keep outputs at a deviation of 0.1 to 10.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

CONFIG_F = (512, 512, 512, 512, 512, 256, 128, 64, 32)  # 4² to 1024²
SMALL = (32, 32, 24, 24, 16)  # 4² to 64²
UNITS = (3, 4, 14, 3)


def draw(seed: int, name: str, shape: tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Normal numbers of a deviation and a mean, float32."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = rng.standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(np.asarray(values * np.float32(scale) + np.float32(shift)))


def picture(seed: int, size: int, count: int = 1) -> Tensor:
    """[count, 3, size, size] in [-1, 1]: blocks of random colours with grain on them."""
    rng = np.random.default_rng(seed)
    blocks = rng.uniform(-0.8, 0.8, (count, 3, -(-size // 8), -(-size // 8))).repeat(8, 2).repeat(8, 3)
    grain = rng.uniform(-0.2, 0.2, (count, 3, size, size))
    return torch.from_numpy((blocks[..., :size, :size] + grain).astype(np.float32))


# ------------------------------------------------------------------------------------------------ StyleGAN2


def stylegan2(seed: int, channels: tuple[int, ...] = SMALL, dim: int = 64, n_mlp: int = 2) -> dict[str, Tensor]:
    """`g_ema` of rosinality's generator."""
    state: dict[str, Tensor] = {}
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(line, line) / 64 * 4

    def put(name: str, shape: tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> None:
        state[name] = draw(seed, name, shape, scale, shift)

    def modulated(name: str, outputs: int, inputs: int, size: int) -> None:
        put(f"{name}.weight", (1, outputs, inputs, size, size))
        put(f"{name}.modulation.weight", (inputs, dim))
        put(f"{name}.modulation.bias", (inputs,), 0.2, 1.0)

    def styled(name: str, outputs: int, inputs: int, up: bool) -> None:
        modulated(f"{name}.conv", outputs, inputs, 3)
        if up:
            state[f"{name}.conv.blur.kernel"] = kernel.clone()
        put(f"{name}.noise.weight", (1,), 0.3)
        put(f"{name}.activate.bias", (outputs,), 0.2)

    def to_rgb(name: str, inputs: int, up: bool) -> None:
        put(f"{name}.bias", (1, 3, 1, 1), 0.1)
        if up:
            state[f"{name}.upsample.kernel"] = kernel.clone()
        modulated(f"{name}.conv", 3, inputs, 1)

    for i in range(1, n_mlp + 1):
        put(f"style.{i}.weight", (dim, dim), 100.0)
        put(f"style.{i}.bias", (dim,), 10.0)
    put("input.input", (1, channels[0], 4, 4))
    styled("conv1", channels[0], channels[0], False)
    to_rgb("to_rgb1", channels[0], False)
    put("noises.noise_0", (1, 1, 4, 4))
    for j in range(len(channels) - 1):
        styled(f"convs.{2 * j}", channels[j + 1], channels[j], True)
        styled(f"convs.{2 * j + 1}", channels[j + 1], channels[j + 1], False)
        to_rgb(f"to_rgbs.{j}", channels[j + 1], True)
        for n in (2 * j + 1, 2 * j + 2):
            put(f"noises.noise_{n}", (1, 1, 8 * 2**j, 8 * 2**j))
    return state


def stylegan2_checkpoint(seed: int, **sizes: Any) -> dict[str, Any]:
    """What `convert_weight.py` writes."""
    state = stylegan2(seed, **sizes)
    dim = state["style.1.weight"].shape[0]
    return {"g_ema": state, "latent_avg": draw(seed, "latent_avg", (dim,), 0.2)}


# ------------------------------------------------------------------------------------------------ IR-SE50


def body(seed: int, width: int) -> dict[str, Tensor]:
    """`input_layer` and `body` of an IR-SE50."""
    state: dict[str, Tensor] = {}
    norm, conv, prelu = _layers(state, seed)
    conv("input_layer.0", (width, 3, 3, 3))
    norm("input_layer.1", width)
    prelu("input_layer.2", width)
    inputs, number = width, 0
    for level, count in enumerate(UNITS):
        outputs = width * 2**level
        for _ in range(count):
            name = f"body.{number}"
            if inputs != outputs:
                conv(f"{name}.shortcut_layer.0", (outputs, inputs, 1, 1))
                norm(f"{name}.shortcut_layer.1", outputs)
            norm(f"{name}.res_layer.0", inputs)
            conv(f"{name}.res_layer.1", (outputs, inputs, 3, 3))
            prelu(f"{name}.res_layer.2", outputs)
            conv(f"{name}.res_layer.3", (outputs, outputs, 3, 3))
            norm(f"{name}.res_layer.4", outputs)
            conv(f"{name}.res_layer.5.fc1", (outputs // 16, outputs, 1, 1))
            conv(f"{name}.res_layer.5.fc2", (outputs, outputs // 16, 1, 1))
            inputs, number = outputs, number + 1
    return state


def _layers(state: dict[str, Tensor], seed: int) -> tuple[Any, Any, Any]:
    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = draw(seed, f"{name}.weight", (channels,), 0.1, 0.9)
        state[f"{name}.bias"] = draw(seed, f"{name}.bias", (channels,), 0.1)
        state[f"{name}.running_mean"] = draw(seed, f"{name}.running_mean", (channels,), 0.1)
        state[f"{name}.running_var"] = draw(seed, f"{name}.running_var", (channels,), 0.1).abs() + 0.9
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def conv(name: str, shape: tuple[int, ...]) -> None:
        fan_in = shape[1] * shape[2] * shape[3]
        state[f"{name}.weight"] = draw(seed, f"{name}.weight", shape, (1.6 / fan_in) ** 0.5)

    def prelu(name: str, channels: int) -> None:
        state[f"{name}.weight"] = draw(seed, f"{name}.weight", (channels,), 0.05, 0.25)

    return norm, conv, prelu


def arcface(seed: int, width: int = 16, dim: int = 512) -> dict[str, Tensor]:
    """`model_ir_se50.pth` (width 64)."""
    state = body(seed, width)
    norm, _, _ = _layers(state, seed)
    norm("output_layer.0", 8 * width)
    flat = 8 * width * 49
    state["output_layer.3.weight"] = draw(seed, "output_layer.3.weight", (dim, flat), flat**-0.5)
    state["output_layer.3.bias"] = draw(seed, "output_layer.3.bias", (dim,), 0.1)
    norm("output_layer.4", dim)
    return state


def encoder(seed: int, slots: int, width: int = 16, out: int | None = None) -> dict[str, Tensor]:
    """The encoder of e4e and of pSp (width 64, 18 slots). ``out``: the dimension of w, by default that of the features."""
    state, dim = body(seed, width), 8 * width
    out = out or dim
    _, conv, _ = _layers(state, seed)

    def biased(name: str, shape: tuple[int, ...]) -> None:
        conv(name, shape)
        state[f"{name}.bias"] = draw(seed, f"{name}.bias", (shape[0],), 0.1)

    for i in range(slots):
        for step in range(4 if i < 3 else 5 if i < 7 else 6):
            biased(f"styles.{i}.convs.{2 * step}", (dim, dim, 3, 3))
        state[f"styles.{i}.linear.weight"] = draw(seed, f"styles.{i}.linear.weight", (out, dim), 0.15)
        state[f"styles.{i}.linear.bias"] = draw(seed, f"styles.{i}.linear.bias", (out,), 0.1)
    biased("latlayer1", (dim, 4 * width, 1, 1))
    biased("latlayer2", (dim, 2 * width, 1, 1))
    return state


def e4e_checkpoint(
    seed: int,
    width: int = 16,
    channels: tuple[int, ...] = SMALL,
    n_mlp: int = 2,
    encoder_type: str = "Encoder4Editing",
    average: str = "slots",
    dim: int | None = None,
) -> dict[str, Any]:
    """`e4e_ffhq_encode.pt` (width 64, CONFIG_F, n_mlp 8). ``average``: how `latent_avg` is kept, "slots", "one" or "none"."""
    slots, dim = 2 * len(channels), dim or 8 * width
    found: dict[str, Any] = {
        "state_dict": {f"encoder.{key}": value for key, value in encoder(seed, slots, width, dim).items()}
        | {f"decoder.{key}": value for key, value in stylegan2(seed, channels, dim, n_mlp).items()},
        "opts": {
            "encoder_type": encoder_type,
            "stylegan_size": 4 * 2 ** (len(channels) - 1),
            "start_from_latent_avg": True,
            "dataset_type": "ffhq_encode",
            "device": "cuda:0",
            "checkpoint_path": None,
            "learning_rate": 0.0001,
        },
    }
    if average != "none":
        mean = draw(seed, "latent_avg", (dim,), 0.2)
        found["latent_avg"] = mean.repeat(slots, 1) if average == "slots" else mean
    return found


# ------------------------------------------------------------------------------------------------ CLIP

WORDS = ("a", "person", "with", "hair", "smiling", "bangs", "and", "blond", "wearing", "lipstick")


def byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes of GPT-2's and CLIP's vocabularies, in CLIP's order."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(b) for b in plain] + [chr(256 + n) for n in range(256 - len(plain))]


def merges() -> list[tuple[str, str]]:
    """Byte pairs, merged from the left, that make each of WORDS one token."""
    found: list[tuple[str, str]] = []
    for word in WORDS:
        letters = [*word[:-1], f"{word[-1]}</w>"]
        whole = letters[0]
        for letter in letters[1:]:
            if (whole, letter) not in found:
                found.append((whole, letter))
            whole += letter
    return found


def clip_folder(
    folder: Path, seed: int, width: int = 128, layers: int = 2, embed: int = 64, size: int = 224, patch: int = 32,
    text_width: int = 128, vocabulary: int = 0,
) -> Path:  # fmt: skip
    """A folder as `openai/clip-vit-base-patch32` has it (there: width 768, text_width 512, 12 layers, embed 512, vocabulary 49408)."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    letters = byte_letters()
    tokens = [*letters, *(f"{c}</w>" for c in letters), *("".join(pair) for pair in merges())]
    tokens += [f"unused{n}" for n in range(vocabulary - len(tokens) - 2)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges()))
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    special["pad_token"] = "<|endoftext|>"
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**special, "model_max_length": 77, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"})
    )
    common = {"num_hidden_layers": layers, "hidden_act": "quick_gelu", "projection_dim": embed, "layer_norm_eps": 1e-5}
    config = {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": embed,
        "logit_scale_init_value": 2.6592,
        "text_config": common | {
            "model_type": "clip_text_model", "hidden_size": text_width, "intermediate_size": 4 * text_width,
            "num_attention_heads": text_width // 64, "vocab_size": len(tokens), "max_position_embeddings": 77,
            "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1,
        },
        "vision_config": common | {
            "model_type": "clip_vision_model", "hidden_size": width, "intermediate_size": 4 * width,
            "num_attention_heads": width // 64, "image_size": size, "patch_size": patch,
        },
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    save_file(
        clip_state(seed, len(tokens), width, text_width, layers, embed, size, patch), folder / "model.safetensors"
    )
    return folder


def clip_state(
    seed: int, vocabulary: int, width: int, text_width: int, layers: int, embed: int, size: int, patch: int
) -> dict[str, Tensor]:
    """transformers' keys of a CLIP."""
    state: dict[str, Tensor] = {}

    def put(name: str, shape: tuple[int, ...], scale: float, shift: float = 0.0) -> None:
        state[name] = draw(seed, name, shape, scale, shift)

    def linear(name: str, outputs: int, inputs: int) -> None:
        put(f"{name}.weight", (outputs, inputs), inputs**-0.5)
        put(f"{name}.bias", (outputs,), 0.1)

    def norm(name: str, n: int) -> None:
        put(f"{name}.weight", (n,), 0.1, 1.0)
        put(f"{name}.bias", (n,), 0.1)

    def transformer(name: str, n: int) -> None:
        for i in range(layers):
            here = f"{name}.encoder.layers.{i}"
            for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
                linear(f"{here}.self_attn.{projection}", n, n)
            norm(f"{here}.layer_norm1", n)
            linear(f"{here}.mlp.fc1", 4 * n, n)
            linear(f"{here}.mlp.fc2", n, 4 * n)
            norm(f"{here}.layer_norm2", n)

    state["logit_scale"] = torch.tensor(float(np.log(100)), dtype=torch.float32)
    text, vision = "text_model", "vision_model"
    state[f"{text}.embeddings.position_ids"] = torch.arange(77)[None]
    put(f"{text}.embeddings.token_embedding.weight", (vocabulary, text_width), 0.5)
    put(f"{text}.embeddings.position_embedding.weight", (77, text_width), 0.2)
    transformer(text, text_width)
    norm(f"{text}.final_layer_norm", text_width)
    places = (size // patch) ** 2 + 1
    state[f"{vision}.embeddings.position_ids"] = torch.arange(places)[None]
    put(f"{vision}.embeddings.class_embedding", (width,), 0.5)
    put(f"{vision}.embeddings.patch_embedding.weight", (width, 3, patch, patch), (3 * patch * patch) ** -0.5)
    put(f"{vision}.embeddings.position_embedding.weight", (places, width), 0.2)
    norm(f"{vision}.pre_layrnorm", width)
    transformer(vision, width)
    norm(f"{vision}.post_layernorm", width)
    put("visual_projection.weight", (embed, width), width**-0.5)
    put("text_projection.weight", (embed, text_width), text_width**-0.5)
    return state
