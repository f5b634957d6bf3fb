"""StyleGAN2, e4e, ArcFace and CLIP against the original code's answers (tests/data/ffhq), and what the loaders refuse.

Weights and inputs come from seeds (`synthetic.py`), answers from `record_references.py`. The widths are small except in tests
marked ``slow``, which load files of the published sizes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic
import torch
from record_references import TEXTS, latents
from synthetic import picture
from torch import Tensor
from torch.nn import functional as F

from i2edit.errors import MessageError, WeightsError
from i2edit.nets import checkpoint, e4e, stylegan2
from i2edit.nets.arcface import ArcFace
from i2edit.nets.clip import CLIP, pooled
from i2edit.nets.e4e import Encoder
from i2edit.nets.stylegan2 import Generator

pytestmark = pytest.mark.usefixtures("one_thread")
CLOSE = 1e-4  # relative L2


def recorded(name: str) -> dict[str, Tensor]:
    """What the original code answered."""
    with np.load(Path(__file__).parent / "data" / "ffhq" / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def apart(ours: Tensor, theirs: Tensor) -> float:
    """Relative L2; infinite for answers that are flat or of another shape, which would prove nothing."""
    if ours.shape != theirs.shape or not ours.isfinite().all() or not 0.04 < float(theirs.std()) < 10:
        return float("inf")
    return float((ours - theirs).norm() / theirs.norm())


def saved(folder: Path, content: Any, name: str = "checkpoint.pt", **how: Any) -> Path:
    torch.save(content, folder / name, **how)
    return folder / name


# ------------------------------------------------------------------------------------------------ StyleGAN2


@torch.no_grad()
def test_stylegan2_draws_what_rosinalitys_code_draws(tmp_path: Path) -> None:
    generator = Generator.from_checkpoint(saved(tmp_path, synthetic.stylegan2_checkpoint(21)))
    assert (generator.size, generator.num_slots, generator.channels) == (64, 10, synthetic.SMALL)
    theirs = recorded("stylegan2-small")
    w = latents(12, 2, 10, 64)
    assert apart(generator.mapping(synthetic.draw(11, "z", (3, 64))), theirs["mapped"]) < CLOSE
    assert apart(generator.synthesis(w), theirs["pictures"]) < CLOSE
    assert apart(generator(w[1:]), theirs["pictures"][1:]) < CLOSE  # a batch is its pictures
    assert 0.1 < theirs["pictures"].std() < 10
    assert apart(generator(w.flip(1)), theirs["pictures"]) > 0.1  # slots are not interchangeable


@pytest.mark.slow
@torch.no_grad()
def test_stylegan2_at_1024_px(tmp_path: Path) -> None:
    """Every key and shape of stylegan2-ffhq-config-f.pt: 138 parameters, 16 kernels, 17 noises."""
    found = synthetic.stylegan2_checkpoint(22, channels=synthetic.CONFIG_F, dim=512, n_mlp=8)
    assert len(found["g_ema"]) == 171 and sum(v.numel() for v in found["g_ema"].values()) == pytest.approx(
        33.17e6, 0.001
    )
    generator = Generator.from_checkpoint(saved(tmp_path, found))
    assert (generator.size, generator.num_slots) == (1024, 18)
    theirs = recorded("stylegan2-1024")
    assert apart(generator.mapping(synthetic.draw(11, "z", (3, 512))), theirs["mapped"]) < CLOSE
    ours = generator(latents(12, 1, 18, 512))
    assert apart(ours[..., 5::16, 3::16], theirs["pictures"]) < CLOSE
    assert float(ours.std()) == pytest.approx(float(theirs["deviation"]), rel=CLOSE)


def test_every_slot_drives_its_resolution() -> None:
    """The wiring that Table 6 of the paper prints otherwise: the first upsampling takes slot 1, each head shares the next one's."""
    generator = stylegan2.from_dict(synthetic.stylegan2_checkpoint(3))
    driven: dict[int, set[str]] = {}
    for name, module in generator.named_modules():
        if isinstance(module, stylegan2.Modulated):
            module.modulation.register_forward_hook(
                lambda m, given, out, name=name: driven.setdefault(int(given[0][0, 0]), set()).add(name)
            )
    generator(torch.arange(10.0).view(1, 10, 1).expand(1, 10, 64).contiguous())
    expected = {0: {"conv1.conv"}, 1: {"to_rgb1.conv", "convs.0.conv"}, 9: {"to_rgbs.3.conv"}}
    expected |= {2 * j + 2: {f"convs.{2 * j + 1}.conv"} for j in range(4)}
    expected |= {2 * j + 1: {f"to_rgbs.{j - 1}.conv", f"convs.{2 * j}.conv"} for j in range(1, 4)}
    assert driven == expected


def test_gradients_reach_every_slot_and_blocks_drawn_again_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = stylegan2.from_dict(synthetic.stylegan2_checkpoint(3))
    found = []
    for first in (128, 8):
        monkeypatch.setattr(stylegan2, "RECOMPUTED_FROM", first)
        w = latents(4, 1, 10, 64).requires_grad_()
        generator(w).square().mean().backward()
        assert w.grad is not None and (w.grad.abs().amax(2) > 0).all()
        found.append(w.grad)
    assert torch.allclose(*found, rtol=1e-4, atol=1e-7)
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_seeds_are_the_faces_of_the_default_generator(tmp_path: Path) -> None:
    """Same z, same truncation about the same mean: only the synthesis differs."""
    from i2edit.nets.mobile import Generator as Mobile

    found = synthetic.stylegan2_checkpoint(5, dim=512, n_mlp=8)
    generator, mobile = stylegan2.from_dict(found), Mobile()
    for i, layer in enumerate(mobile.mapping.layers, 1):
        layer.weight.data = found["g_ema"][f"style.{i}.weight"] * 0.01 / 512**0.5
        layer.bias.data = found["g_ema"][f"style.{i}.bias"] * 0.01
    mobile.w_mean.copy_(found["latent_avg"][None])
    assert torch.allclose(generator.seed(6001), mobile.seed(6001), atol=1e-4)
    assert torch.equal(generator.seed(1, truncation=0.0), found["latent_avg"][None])


@pytest.mark.parametrize("how", ["g", "bare", "training", "e4e", "no kernels", "old format", "safetensors", "half"])
def test_each_published_layout_is_read(tmp_path: Path, how: str) -> None:
    found = synthetic.stylegan2_checkpoint(6)
    expected = stylegan2.from_dict(found)
    state, mean, path = found["g_ema"], found["latent_avg"], tmp_path / "x.pt"
    if how == "g":
        torch.save({"g": state, "latent_avg": mean}, path)
    elif how in ("bare", "no kernels"):
        torch.save({k: v for k, v in state.items() if how == "bare" or not k.endswith("kernel")}, path)
    elif how == "training":  # no latent_avg, an optimiser, a command line
        rest = {"g": {"junk": mean}, "d": {}, "g_optim": {"state": {}}, "args": argparse.Namespace(size=64)}
        torch.save({**rest, "g_ema": state}, path)
    elif how == "e4e":
        torch.save(
            {"state_dict": {f"decoder.{k}": v for k, v in state.items()}, "latent_avg": mean.repeat(10, 1)}, path
        )
    elif how == "old format":
        torch.save(found, path, _use_new_zipfile_serialization=False)
    elif how == "half":
        torch.save({"g_ema": {k: v.half() for k, v in state.items()}, "latent_avg": mean}, path)
    else:
        from safetensors.torch import save_file

        path = tmp_path / "x.safetensors"
        save_file({**state, "latent_avg": mean}, path)
    ours, w = Generator.from_checkpoint(path), latents(7, 1, 10, 64)
    assert torch.allclose(ours(w), expected(w), atol=0.05 if how == "half" else 1e-6)
    assert ours(w).dtype == torch.float32
    if how in ("bare", "no kernels", "training"):  # the mean of what the mapping gives
        z = torch.randn(20_000, 64, generator=torch.Generator().manual_seed(5))
        assert F.cosine_similarity(ours.w_mean, ours.mapping(z).mean(0, keepdim=True)) > 0.99
    else:
        assert torch.allclose(ours.w_mean, mean[None])


# ------------------------------------------------------------------------------------------------ ArcFace


@pytest.mark.parametrize("name", ["arcface-small", pytest.param("arcface-50", marks=pytest.mark.slow)])
@torch.no_grad()
def test_arcface_sees_what_styleclips_code_sees(tmp_path: Path, name: str) -> None:
    state = synthetic.arcface(35) if name == "arcface-small" else synthetic.arcface(36, 64)
    if name == "arcface-50":  # every key of model_ir_se50.pth
        assert len(state) == 397 and sum(v.numel() for v in state.values()) == pytest.approx(43.8e6, 0.005)
    net, theirs = ArcFace.from_checkpoint(saved(tmp_path, state)), recorded(name)
    assert apart(net.descriptors(picture(31, 112, 2)), theirs["faces"]) < CLOSE
    for size, key in ((256, "same"), (512, "larger"), (64, "smaller")):
        assert apart(net(picture(32, size)), theirs[key]) < CLOSE
    edited, raw = net(picture(33, 512, 2)), net(picture(34, 512, 2))
    distance = (1 - (edited * raw).sum(1)).mean()
    assert float(distance) == pytest.approx(float(theirs["distance"]), rel=CLOSE) and distance > 1e-3
    assert torch.allclose(edited.norm(dim=1), torch.ones(2))


def test_arcface_without_training_counters(tmp_path: Path) -> None:
    whole = synthetic.arcface(35)
    path = saved(tmp_path, {k: v for k, v in whole.items() if not k.endswith("num_batches_tracked")})
    assert torch.equal(
        ArcFace.from_checkpoint(path)(picture(1, 64)), ArcFace.from_checkpoint(saved(tmp_path, whole))(picture(1, 64))
    )


# ------------------------------------------------------------------------------------------------ e4e and pSp


@torch.no_grad()
def test_e4e_inverts_as_the_original_does(tmp_path: Path) -> None:
    path = saved(tmp_path, synthetic.e4e_checkpoint(42))
    theirs = recorded("e4e-small")
    encoder, generator = Encoder.from_checkpoint(path), Generator.from_checkpoint(path)
    codes = encoder(picture(41, 256))
    assert apart(codes, theirs["codes"]) < CLOSE
    assert apart(generator(codes), theirs["pictures"]) < CLOSE
    assert torch.allclose(generator.w_mean.expand(10, -1), encoder.mean)
    one = e4e.from_dict(synthetic.e4e_checkpoint(42, average="one"))
    assert torch.equal(one(picture(41, 256)), codes)  # the mean is kept as [512] or as [18, 512]


@torch.no_grad()
def test_psps_heads_do_not_add_up(tmp_path: Path) -> None:
    """The same keys as e4e, other sums: told by `opts`."""
    found = synthetic.e4e_checkpoint(43, encoder_type="GradualStyleEncoder", average="one")
    assert apart(e4e.from_dict(found)(picture(41, 256)), recorded("psp-small")["codes"]) < CLOSE
    found["opts"] = argparse.Namespace(**found["opts"])
    assert (
        apart(Encoder.from_checkpoint(saved(tmp_path, found))(picture(41, 256)), recorded("psp-small")["codes"]) < CLOSE
    )
    del found["opts"]
    assert apart(e4e.from_dict(found)(picture(41, 256)), recorded("psp-small")["codes"]) > 0.1


@torch.no_grad()
def test_the_mean_w_is_added_only_where_the_encoder_was_trained_so() -> None:
    found = synthetic.e4e_checkpoint(42)
    plain = e4e.from_dict(found)(picture(41, 256)) - found["latent_avg"]
    found["opts"]["start_from_latent_avg"] = False
    assert torch.allclose(e4e.from_dict(found)(picture(41, 256)), plain, atol=1e-5)
    without = synthetic.e4e_checkpoint(42, average="none")  # then the decoder's own mean
    encoder = e4e.from_dict(without)
    assert torch.allclose(encoder.mean, stylegan2.from_dict(without).w_mean.expand(10, -1))
    assert (
        torch.allclose(encoder(picture(41, 256)) - encoder.mean, plain, atol=1e-5) and encoder.mean.abs().max() > 0.01
    )


@pytest.mark.slow
@torch.no_grad()
def test_e4e_at_full_size(tmp_path: Path) -> None:
    """Every key and shape of e4e_ffhq_encode.pt: 621 tensors of 267 M numbers, and the decoder; 1.2 GB."""
    found = synthetic.e4e_checkpoint(44, 64, synthetic.CONFIG_F, 8)
    encoder_keys = [k for k in found["state_dict"] if k.startswith("encoder.")]
    assert len(encoder_keys) == 621
    assert sum(found["state_dict"][k].numel() for k in encoder_keys) == pytest.approx(267.2e6, 0.001)
    path = saved(tmp_path, found)
    del found
    theirs = recorded("e4e-1024")
    codes = Encoder.from_checkpoint(path)(picture(41, 256))
    assert apart(codes, theirs["codes"]) < CLOSE
    assert apart(Generator.from_checkpoint(path)(codes)[..., 5::16, 3::16], theirs["pictures"]) < CLOSE


# ------------------------------------------------------------------------------------------------ CLIP


@pytest.fixture(scope="module")
def clip_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.clip_folder(tmp_path_factory.mktemp("clip"), 51)


FULL_CLIP = {"width": 768, "text_width": 512, "layers": 12, "embed": 512, "vocabulary": 49408}


@pytest.mark.parametrize("name", ["clip-small", pytest.param("clip-vit-b-32", marks=pytest.mark.slow)])
@torch.no_grad()
def test_clip_embeds_as_openais_code(clip_place: Path, tmp_path: Path, name: str) -> None:
    place = clip_place if name == "clip-small" else synthetic.clip_folder(tmp_path, 51, **FULL_CLIP)
    theirs = recorded(name)
    for how in ("normalised", "legacy"):
        clip = CLIP.from_pretrained(place, how)  # type: ignore[arg-type]
        assert apart(clip.embed_images(picture(52, 224, 2)), F.normalize(theirs[how])) < CLOSE
    assert apart(clip.embed_texts(TEXTS), F.normalize(theirs["texts"])) < CLOSE
    ids = theirs["ids"]
    for text, row in zip(TEXTS, ids, strict=True):
        assert clip.tokenizer(text)["input_ids"] == row[: int(row.argmax()) + 1].tolist()
    alone = torch.cat([clip.embed_texts([text]) for text in TEXTS])
    assert torch.allclose(alone, clip.embed_texts(TEXTS), atol=1e-5)  # padding does not leak in


@pytest.mark.parametrize("size", [1024, 512, 256, 64, 32, 224])
def test_pooling_is_styleclips_upsample_and_average(size: int) -> None:
    """`Upsample(scale_factor=7)`, then `AvgPool2d(size // 32)`, without the picture in between."""
    x = picture(1, size)[:, : 3 if size <= 256 else 1].double()
    if size == 224:
        naive = x
    else:
        naive = F.avg_pool2d(F.interpolate(x, scale_factor=7, mode="nearest"), size // 32)
    ours = pooled(x, 224)
    assert ours.shape == naive.shape and (ours - naive).abs().max() < 1e-12
    assert ours.std() > 0.1 and (pooled(x.float(), 224) - naive).abs().max() < 1e-5


def test_clip_gives_gradients_to_pictures_only(clip_place: Path) -> None:
    clip = CLIP.from_pretrained(clip_place)
    x = picture(2, 64).requires_grad_()
    (clip.embed_images(x) @ clip.embed_texts(["hair"]).T).sum().backward()
    assert x.grad is not None and (x.grad != 0).float().mean() > 0.9
    assert all(parameter.grad is None for parameter in clip.parameters())


def test_texts_beyond_clips_limit_are_refused(clip_place: Path) -> None:
    clip = CLIP.from_pretrained(clip_place)
    assert clip.embed_texts(["hair " * 75]).shape == (1, 64)
    with pytest.raises(MessageError, match="has 78 tokens; CLIP takes 77"):
        clip.embed_texts(["hair", "hair " * 76])


def test_what_is_not_a_clip_folder_is_told(clip_place: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="There is no folder"):
        CLIP.from_pretrained(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(WeightsError, match=r"is not a CLIP folder: it holds a\.txt; expected config\.json"):
        CLIP.from_pretrained(tmp_path)
    from safetensors.torch import load_file, save_file

    for name in ("config.json", "vocab.json", "merges.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((clip_place / name).read_bytes())
    state = load_file(clip_place / "model.safetensors")
    del state["text_projection.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"do not fit: 1 missing: text_projection\.weight"):
        CLIP.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="could not be read"):
        CLIP.from_pretrained(tmp_path)


# ------------------------------------------------------------------------------------------------ what is refused


class Tool:
    """What no checkpoint needs: reading a pickle with it would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/i2edit-was-here"),))


def test_a_file_is_told_by_its_keys_not_by_its_name(tmp_path: Path) -> None:
    assert checkpoint.kind(synthetic.stylegan2_checkpoint(1)) == checkpoint.kind(synthetic.stylegan2(1)) == "StyleGAN2"
    assert checkpoint.kind(synthetic.e4e_checkpoint(1)) == "e4e"
    assert checkpoint.kind(synthetic.arcface(1)) == "ArcFace" and checkpoint.kind({"a": 1}) == ""
    path = saved(tmp_path, synthetic.arcface(1), "e4e_ffhq_encode.pt")
    with pytest.raises(WeightsError, match=r"looks like a checkpoint of ArcFace; expected e4e: `state_dict` with enc"):
        Encoder.from_checkpoint(path)
    with pytest.raises(WeightsError, match="looks like a checkpoint of ArcFace; expected StyleGAN2 or e4e"):
        Generator.from_checkpoint(path)
    with pytest.raises(WeightsError, match=r"has the keys opts; expected ArcFace: a flat state dict"):
        ArcFace.from_checkpoint(saved(tmp_path, {"opts": {}}))


def test_missing_surplus_and_misshapen_keys_are_listed(tmp_path: Path) -> None:
    found = synthetic.stylegan2_checkpoint(1)
    state = found["g_ema"]
    del state["convs.1.noise.weight"]
    state["something.else"] = torch.zeros(1)
    state["to_rgbs.0.bias"] = torch.zeros(3)
    with pytest.raises(WeightsError) as error:
        Generator.from_checkpoint(saved(tmp_path, found))
    text = str(error.value)
    assert (
        "StyleGAN2 generator of 64 px" in text
        and f"of {len(state) - 1} keys expected, {len(state) - 2} were" not in text
    )
    assert "1 missing: convs.1.noise.weight" in text and "1 not known: something.else" in text
    assert "1 of another shape: to_rgbs.0.bias [3] instead of [1, 3, 1, 1]" in text
    body = synthetic.e4e_checkpoint(1)
    for key in [k for k in body["state_dict"] if k.startswith("encoder.body.2")]:
        del body["state_dict"][key]
    with pytest.raises(WeightsError, match=r"missing: body\.2\.res_layer\.0\.weight, .* and \d+ more"):
        e4e.from_dict(body)
    del state["conv1.conv.weight"]
    with pytest.raises(WeightsError, match="has the keys g_ema, latent_avg; expected StyleGAN2"):
        stylegan2.from_dict(found)


def test_encoders_that_are_not_known_are_named() -> None:
    found = synthetic.e4e_checkpoint(1, encoder_type="SingleStyleCodeEncoder")
    with pytest.raises(WeightsError, match="is a SingleStyleCodeEncoder with heads for 10 slots"):
        e4e.from_dict(found)
    found = synthetic.e4e_checkpoint(1)
    found["latent_avg"] = torch.zeros(9, 128)
    with pytest.raises(WeightsError, match=r"`latent_avg` in .* is \[9, 128\]; expected \[128\] or \[10, 128\]"):
        e4e.from_dict(found)
    found = synthetic.e4e_checkpoint(1, average="none")
    found["state_dict"] = {k: v for k, v in found["state_dict"].items() if k.startswith("encoder.")}
    with pytest.raises(WeightsError, match="neither `latent_avg` nor a decoder"):
        e4e.from_dict(found)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    """Some projects save whole pickled modules."""
    for kept in ({"g_ema": Tool()}, torch.nn.Linear(2, 2)):
        with pytest.raises(WeightsError, match="more than tensors and plain values"):
            checkpoint.read(saved(tmp_path, kept))
    assert not Path("/tmp/i2edit-was-here").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_damaged_files_are_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("x.pt", "x.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=f"{name} (cannot be read|holds more)"):
            checkpoint.read(tmp_path / name)
    with pytest.raises(WeightsError, match="holds a list"):
        checkpoint.read(saved(tmp_path, [torch.zeros(1)]))


def test_where_checkpoints_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("i2edit.weights._from_hub", lambda spec: asked.append(spec) or tmp_path / "x.pt")
    assert checkpoint.find("someone/faces/e4e.pt@main") == tmp_path / "x.pt" == checkpoint.find("hub:a/b/c.pt")
    assert asked == ["hub:someone/faces/e4e.pt@main", "hub:a/b/c.pt"]
    for name in ("e4e.pt", "folder/e4e.pt", str(tmp_path / "a" / "b" / "c.pt"), "./a/b/c.pt"):
        with pytest.raises(WeightsError, match=r"There is no checkpoint at .* OWNER/NAME/FILE"):
            checkpoint.find(name)
    assert len(asked) == 2
