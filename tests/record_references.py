"""Runs the ORIGINAL code of the published networks on our synthetic weights and records what it answers, in tests/data/ffhq.

    python tests/record_references.py stylegan2 DIR    # a checkout of rosinality/stylegan2-pytorch, bef283a
    python tests/record_references.py e4e DIR DIR2     # omertov/encoder4editing, 99ea505, and rosinality's for the decoder's operators
    python tests/record_references.py styleclip DIR    # orpatashnik/StyleCLIP, f87a47f: ArcFace
    python tests/record_references.py clip DIR         # openai/CLIP, d05afc4
    python tests/record_references.py optimise DIR DIR2 DIR3   # StyleCLIP, openai/CLIP, rosinality: a whole optimisation

One reference in a process, because their packages share names. Only their uncompiled CPU operators run. Where a network is
narrower than the published one, only the widths are changed, after construction; the forward pass is theirs.
What is recorded are answers: inputs and weights come from seeds (`synthetic.py`). `test_ffhq_nets.py` checks ours against them.
"""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import synthetic
import torch
from torch import Tensor, nn

DATA = Path(__file__).parent / "data" / "ffhq"
TEXTS = ("a smiling person with bangs", "  A person, WEARING lipstick & 2 earrings: naïve!  ", "hair")


def keep(name: str, **arrays: Tensor | np.ndarray | list[Any]) -> None:
    """Writes one fixture."""
    DATA.mkdir(parents=True, exist_ok=True)
    plain = {key: value.detach().numpy() if isinstance(value, Tensor) else value for key, value in arrays.items()}
    np.savez_compressed(DATA / f"{name}.npz", **plain)
    print(name, {key: (np.shape(value), float(np.std(value))) for key, value in plain.items()})


def uncompiled() -> None:
    """The operators are compiled at import for CUDA; on a CPU they are never called."""
    import torch.utils.cpp_extension

    torch.utils.cpp_extension.load = lambda *args, **more: None  # type: ignore[assignment]


def narrowed(source: str, channels: tuple[int, ...]) -> str:
    """The generator's file with other numbers in its table of widths."""
    table = {4 * 2**i: c for i, c in enumerate(channels)}
    changed, count = re.subn(r"self\.channels = \{.*?\n        \}", f"self.channels = {table}", source, flags=re.DOTALL)
    assert count
    return changed


def rosinality(folder: str, channels: tuple[int, ...] = synthetic.CONFIG_F) -> Any:
    """Its module `model`."""
    uncompiled()
    sys.path.insert(0, folder)
    module = types.ModuleType("model")
    exec(compile(narrowed(Path(folder, "model.py").read_text(), channels), "model.py", "exec"), module.__dict__)
    return module


def latents(seed: int, count: int, slots: int, dim: int) -> Tensor:
    return synthetic.draw(seed, "w", (count, slots, dim), 0.8)


def record_stylegan2(folder: str) -> None:
    def run(checkpoint: dict[str, Any], channels: tuple[int, ...], dim: int, n_mlp: int, count: int) -> tuple[Any, ...]:
        size = 4 * 2 ** (len(channels) - 1)
        net = rosinality(folder, channels).Generator(size, dim, n_mlp).eval()
        net.load_state_dict(checkpoint["g_ema"], strict=True)
        z = synthetic.draw(11, "z", (3, dim))
        w = latents(12, count, net.n_latent, dim)
        with torch.no_grad():
            mapped = net.style(z)
            return mapped, net([w], input_is_latent=True, randomize_noise=False)[0]

    small = synthetic.stylegan2_checkpoint(21)
    mapped, pictures = run(small, synthetic.SMALL, 64, 2, 2)
    keep("stylegan2-small", mapped=mapped, pictures=pictures)
    full = synthetic.stylegan2_checkpoint(22, channels=synthetic.CONFIG_F, dim=512, n_mlp=8)
    mapped, pictures = run(full, synthetic.CONFIG_F, 512, 8, 1)
    keep("stylegan2-1024", mapped=mapped, pictures=pictures[..., 5::16, 3::16], deviation=pictures.std())


def narrow_body(net: Any, unit: Any, width: int) -> None:
    """Another width for an IR-SE50 of theirs."""
    net.input_layer = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width))
    modules, inputs = [], width
    for level, count in enumerate(synthetic.UNITS):
        for number in range(count):
            modules.append(unit(inputs, width * 2**level, 2 if number == 0 else 1))
            inputs = width * 2**level
    net.body = nn.Sequential(*modules)


def styleclip_backbone(width: int) -> Any:
    from models.facial_recognition import model_irse

    net = model_irse.Backbone(input_size=112, num_layers=50, drop_ratio=0.6, mode="ir_se")
    narrow_body(net, model_irse.bottleneck_IR_SE, width)
    flat = 8 * width
    net.output_layer = nn.Sequential(
        nn.BatchNorm2d(flat), nn.Dropout(0.6), model_irse.Flatten(), nn.Linear(flat * 49, 512), nn.BatchNorm1d(512)
    )
    return net


def record_styleclip(folder: str) -> None:
    sys.path.insert(0, folder)
    from criteria.id_loss import IDLoss

    def run(state: dict[str, Tensor], width: int) -> dict[str, Tensor]:
        net = styleclip_backbone(width)
        net.load_state_dict(state, strict=True)
        loss = IDLoss.__new__(IDLoss)
        nn.Module.__init__(loss)
        loss.facenet, loss.pool = net.eval(), nn.AdaptiveAvgPool2d((256, 256))
        loss.face_pool = nn.AdaptiveAvgPool2d((112, 112))
        with torch.no_grad():
            faces = net(synthetic.picture(31, 112, 2))
            same, larger, smaller = (loss.extract_feats(synthetic.picture(32, size)) for size in (256, 512, 64))
            distance = loss(synthetic.picture(33, 512, 2), synthetic.picture(34, 512, 2))[0]
        return {"faces": faces, "same": same, "larger": larger, "smaller": smaller, "distance": distance}

    keep("arcface-small", **run(synthetic.arcface(35), 16))
    keep("arcface-50", **run(synthetic.arcface(36, 64), 64))


def record_e4e(folder: str, operators: str) -> None:
    uncompiled()
    native = rosinality(operators)
    sys.path.insert(0, folder)
    from models import psp
    from models.encoders import psp_encoders
    from models.stylegan2 import model as decoder

    for name in ("fused_leaky_relu", "upfirdn2d", "FusedLeakyReLU"):  # the older copy here has no CPU branch
        setattr(decoder, name, getattr(native, name))

    def run(checkpoint: dict[str, Any], channels: tuple[int, ...], width: int, n_mlp: int) -> dict[str, Tensor]:
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "checkpoint.pt"
            torch.save(checkpoint, path)
            options = types.SimpleNamespace(**checkpoint["opts"])
            options.checkpoint_path, options.device = str(path), "cpu"
            exec_narrow = narrowed(Path(folder, "models/stylegan2/model.py").read_text(), channels)
            exec(compile(exec_narrow, "model.py", "exec"), decoder.__dict__)
            for name in ("fused_leaky_relu", "upfirdn2d", "FusedLeakyReLU"):
                decoder.__dict__[name] = getattr(native, name)

            class Narrow(psp.pSp):
                def set_encoder(self) -> Any:
                    if width == 64:
                        return super().set_encoder()
                    net, dim = super().set_encoder(), 8 * width
                    net.styles = nn.ModuleList(
                        psp_encoders.GradualStyleBlock(dim, dim, style.spatial) for style in net.styles
                    )
                    narrow_body(net, psp_encoders.bottleneck_IR_SE, width)
                    net.latlayer1 = nn.Conv2d(4 * width, dim, 1)
                    net.latlayer2 = nn.Conv2d(2 * width, dim, 1)
                    return net

            psp.Generator = lambda size, dim, layers, channel_multiplier: decoder.Generator(size, 8 * width, n_mlp)
            torch_load = torch.load
            torch.load = lambda *args, **more: torch_load(*args, **{**more, "weights_only": False})
            net = Narrow(options).eval()
            torch.load = torch_load
        with torch.no_grad():
            pictures, codes = net(synthetic.picture(41, 256), resize=False, randomize_noise=False, return_latents=True)
        return {"codes": codes, "pictures": pictures}

    keep("e4e-small", **run(synthetic.e4e_checkpoint(42), synthetic.SMALL, 16, 2))
    separate = synthetic.e4e_checkpoint(43, encoder_type="GradualStyleEncoder", average="one")
    separate["latent_avg"] = separate["latent_avg"].repeat(10, 1)  # pSp's own code takes no other shape
    keep("psp-small", **run(separate, synthetic.SMALL, 16, 2))
    full = synthetic.e4e_checkpoint(44, 64, synthetic.CONFIG_F, 8)
    found = run(full, synthetic.CONFIG_F, 64, 8)
    keep("e4e-1024", codes=found["codes"], pictures=found["pictures"][..., 5::16, 3::16])


def openai_state(state: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """transformers' keys of a CLIP → OpenAI's."""
    found = {
        "logit_scale": state["logit_scale"],
        "text_projection": state["text_projection.weight"].T,
        "visual.proj": state["visual_projection.weight"].T,
        "token_embedding.weight": state["text_model.embeddings.token_embedding.weight"],
        "positional_embedding": state["text_model.embeddings.position_embedding.weight"],
        "visual.class_embedding": state["vision_model.embeddings.class_embedding"],
        "visual.conv1.weight": state["vision_model.embeddings.patch_embedding.weight"],
        "visual.positional_embedding": state["vision_model.embeddings.position_embedding.weight"],
    }
    for kind in ("weight", "bias"):
        found[f"ln_final.{kind}"] = state[f"text_model.final_layer_norm.{kind}"]
        found[f"visual.ln_pre.{kind}"] = state[f"vision_model.pre_layrnorm.{kind}"]
        found[f"visual.ln_post.{kind}"] = state[f"vision_model.post_layernorm.{kind}"]
        for theirs, ours in (("transformer", "text_model"), ("visual.transformer", "vision_model")):
            for i in range(layers):
                there, here = f"{theirs}.resblocks.{i}", f"{ours}.encoder.layers.{i}"
                found[f"{there}.attn.in_proj_{kind}"] = torch.cat(
                    [state[f"{here}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
                )
                found[f"{there}.attn.out_proj.{kind}"] = state[f"{here}.self_attn.out_proj.{kind}"]
                found[f"{there}.mlp.c_fc.{kind}"] = state[f"{here}.mlp.fc1.{kind}"]
                found[f"{there}.mlp.c_proj.{kind}"] = state[f"{here}.mlp.fc2.{kind}"]
                found[f"{there}.ln_1.{kind}"] = state[f"{here}.layer_norm1.{kind}"]
                found[f"{there}.ln_2.{kind}"] = state[f"{here}.layer_norm2.{kind}"]
    return found


def openai_clip(folder: str, seed: int, **sizes: int) -> tuple[Any, Any]:
    """The original network with our weights, and the original tokenizer with our merges: text → ids [1, 77]."""
    package = types.ModuleType("clip_original")
    package.__path__ = [str(Path(folder, "clip"))]  # type: ignore[attr-defined]
    sys.modules["clip_original"] = package
    sys.modules.setdefault("ftfy", types.SimpleNamespace(fix_text=lambda text: text))  # type: ignore[arg-type]
    from clip_original.model import CLIP
    from clip_original.simple_tokenizer import SimpleTokenizer

    with tempfile.TemporaryDirectory() as temporary:
        from safetensors.torch import load_file

        place = synthetic.clip_folder(Path(temporary), seed, **sizes)
        state = load_file(place / "model.safetensors")
        lines = (place / "merges.txt").read_text().strip()
        packed = Path(temporary) / "merges.gz"
        packed.write_bytes(gzip.compress(lines.encode()))
        tokenizer = SimpleTokenizer(str(packed))
    text, vision = state["text_model.final_layer_norm.weight"], state["vision_model.post_layernorm.weight"]
    layers = sizes.get("layers", 2)
    vocabulary = len(state["text_model.embeddings.token_embedding.weight"])
    net = CLIP(
        len(state["text_projection.weight"]), 224, layers, len(vision), 32,
        77, vocabulary, len(text), len(text) // 64, layers,
    )  # fmt: skip
    net.load_state_dict(openai_state(state, layers), strict=True)

    def tokenize(line: str) -> Tensor:
        start, end = vocabulary - 2, vocabulary - 1
        ids = [start, *tokenizer.encode(line), end]
        return torch.tensor([ids + [0] * (77 - len(ids))])

    return net.eval(), tokenize


def record_clip(folder: str) -> None:
    for name, sizes in (
        ("clip-small", {}),
        ("clip-vit-b-32", {"width": 768, "text_width": 512, "layers": 12, "embed": 512, "vocabulary": 49408}),
    ):
        net, tokenize = openai_clip(folder, 51, **sizes)
        raw = synthetic.picture(52, 224, 2)
        mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)
        deviation = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)
        with torch.no_grad():
            texts = torch.cat([net.encode_text(tokenize(text)) for text in TEXTS])
            found = {
                "normalised": net.encode_image(((raw + 1) / 2 - mean) / deviation),
                "legacy": net.encode_image(raw),
                "texts": texts,
            }
        keep(name, ids=torch.cat([tokenize(text) for text in TEXTS]), **found)


def record_optimise(styleclip: str, clip: str, generator: str) -> None:
    """StyleCLIP's own main(), from text and latents to the last picture, with small networks and every .cuda() left out."""
    model = rosinality(generator, synthetic.SMALL)
    net, tokenize = openai_clip(clip, 51)
    sys.path.insert(0, styleclip)
    sys.path.remove(generator)
    stub = types.ModuleType("clip")
    stub.load = lambda name, device: (net, None)  # type: ignore[attr-defined]
    stub.tokenize = tokenize  # type: ignore[attr-defined]
    sys.modules["clip"] = stub
    sys.modules["torchvision"] = types.ModuleType("torchvision")
    Tensor.cuda = lambda self, *args, **more: self  # type: ignore[method-assign,assignment]
    nn.Module.cuda = lambda self, *args, **more: self  # type: ignore[method-assign,assignment]
    for name in ("models.stylegan2", "models.stylegan2.op"):
        sys.modules[name] = types.ModuleType(name)
    operators = sys.modules["models.stylegan2.op"]
    for name in ("fused_leaky_relu", "upfirdn2d", "FusedLeakyReLU"):
        setattr(operators, name, getattr(model, name))
    theirs = types.ModuleType("models.stylegan2.model")
    source = narrowed(Path(styleclip, "models/stylegan2/model.py").read_text(), synthetic.SMALL)
    exec(compile(source, "model.py", "exec"), theirs.__dict__)
    sys.modules["models.stylegan2.model"] = theirs
    from criteria import id_loss
    from optimization import run_optimization

    id_loss.Backbone = lambda **more: styleclip_backbone(16)
    run_optimization.Generator = lambda size, dim, n_mlp: theirs.Generator(size, 64, 2)
    run_optimization.ensure_checkpoint_exists = lambda path: None
    seen: dict[str, Any] = {"losses": []}

    class Bar(list):  # type: ignore[type-arg]
        def set_description(self, text: str) -> None:
            seen["losses"].append(float(sys._getframe(1).f_locals["loss"]))

    run_optimization.tqdm = lambda steps: Bar(steps)
    adam = run_optimization.optim.Adam

    def remembered(parameters: list[Tensor], lr: float) -> Any:
        seen["latent"] = parameters[0]
        return adam(parameters, lr=lr)

    run_optimization.optim.Adam = remembered
    with tempfile.TemporaryDirectory() as temporary:
        files = {name: str(Path(temporary) / name) for name in ("g.pt", "w.pt", "arcface.pth")}
        torch.save(synthetic.stylegan2_checkpoint(21), files["g.pt"])
        torch.save(latents(61, 1, 10, 64), files["w.pt"])
        torch.save(synthetic.arcface(35), files["arcface.pth"])
        pictures = run_optimization.main(
            types.SimpleNamespace(
                ckpt=files["g.pt"], description=TEXTS[0], results_dir=temporary, stylegan_size=64,
                latent_path=files["w.pt"], mode="edit", truncation=0.7, work_in_stylespace=False, lr=0.02, step=12,
                l2_lambda=0.008, id_lambda=0.005, save_intermediate_image_every=0, ir_se50_weights=files["arcface.pth"],
            )
        )  # fmt: skip
    keep("optimise-small", losses=np.array(seen["losses"]), latent=seen["latent"], picture=pictures[1:])


if __name__ == "__main__":
    torch.manual_seed(0)
    {
        "stylegan2": record_stylegan2,
        "e4e": record_e4e,
        "styleclip": record_styleclip,
        "clip": record_clip,
        "optimise": record_optimise,
    }[sys.argv[1]](*sys.argv[2:])
