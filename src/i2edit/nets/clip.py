"""How well a picture fits a text: OpenAI's CLIP (Radford et al. 2021, https://arxiv.org/abs/2103.00020) through transformers.

    clip = CLIP.from_pretrained("openai/clip-vit-base-patch32")      # or a folder in that layout
    clip.embed_images(picture) @ clip.embed_texts(["a smiling person"]).T    # [B, 1] cosines, differentiable in the picture

Pictures are [B, 3, S, S] RGB in [-1, 1]. They are brought to CLIP's own size as StyleCLIP does it (nearest upsampling, then
averaging: here as one matrix on each side, exactly the same numbers without the 7168² picture in between).

`input="legacy"` feeds [-1, 1] to CLIP as it is: what StyleCLIP's published code does. `"normalised"` brings it to the mean and
deviation that CLIP was trained with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.errors import MessageError, WeightsError

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training pictures, RGB in [0, 1]
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
INPUTS = ("normalised", "legacy")
LAYOUT = "config.json, model.safetensors (or pytorch_model.bin), vocab.json and merges.txt (or tokenizer.json)"


class ImageText(Protocol):
    """An image–text model: pictures [B, 3, H, W] RGB in [-1, 1] and texts to unit vectors [B, D] of one space.

    `embed_images` is differentiable in the pictures.
    """

    def embed_images(self, pictures: Tensor) -> Tensor: ...

    def embed_texts(self, texts: Sequence[str]) -> Tensor: ...


@lru_cache(maxsize=8)
def pooling(size: int, out: int) -> Tensor:
    """[out, size]: nearest upsampling by `out / g`, then averages over `size / g`, g their greatest common divisor, along one side.

    With size 1024 and out 224: 7 and 32, the two steps of StyleCLIP's CLIP loss.
    """
    shared = math.gcd(size, out)
    up, pool = out // shared, size // shared
    matrix = torch.zeros(out, size, dtype=torch.float64)
    rows = torch.arange(out)
    for t in range(pool):
        matrix[rows, (pool * rows + t) // up] += 1 / pool
    return matrix


def pooled(pictures: Tensor, out: int) -> Tensor:
    """[B, C, S, S] → [B, C, out, out], each pixel the mean of the square that it covers."""
    matrix = pooling(pictures.shape[-1], out).to(pictures)
    return matrix @ pictures @ matrix.T


class CLIP(nn.Module):
    """An `ImageText` model. Parameters are frozen; gradients flow to the pictures."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, model: CLIPModel, tokenizer: CLIPTokenizer, input: Literal["normalised", "legacy"] = "normalised"
    ) -> None:
        super().__init__()
        if input not in INPUTS:
            raise ValueError(f"CLIP takes its input {' or '.join(INPUTS)}, not {input!r}.")
        self.model = model.float().eval().requires_grad_(False)
        self.tokenizer, self.input = tokenizer, input
        self.size: int = model.config.vision_config.image_size
        self.limit: int = model.config.text_config.max_position_embeddings  # tokens, with the two that mark its ends
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def from_pretrained(cls, source: str | Path, input: Literal["normalised", "legacy"] = "normalised") -> CLIP:
        """A folder, or OWNER/NAME[@REVISION] on the model hub. Raises WeightsError."""
        from transformers import CLIPModel, CLIPTokenizer
        from transformers.utils.logging import disable_progress_bar

        from i2edit import weights

        disable_progress_bar()
        folder = Path(source).expanduser()
        if folder.is_dir():
            if not (folder / "config.json").is_file():
                found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
                raise WeightsError(f"{folder} is not a CLIP folder: it holds {found}; expected {LAYOUT}.")
            place, revision, local = str(folder), None, True
        elif str(source).count("/") == 1 and not str(source).startswith((".", "~", "/")):
            place, _, revision = str(source).partition("@")
            local = weights.offline()
        else:
            raise WeightsError(f"There is no folder {folder}. Give one with {LAYOUT}, or OWNER/NAME on the model hub.")
        try:
            model, loading = CLIPModel.from_pretrained(
                place,
                revision=revision or "main",
                local_files_only=local,
                output_loading_info=True,
                attn_implementation="sdpa",
            )
            tokenizer = CLIPTokenizer.from_pretrained(place, revision=revision or "main", local_files_only=local)
        except Exception as error:  # whatever is wrong with a folder or the hub, it shares no base class
            reason = str(error).strip().partition("\n")[0]
            raise WeightsError(f"CLIP could not be read from {source}; expected {LAYOUT}. ({reason})") from error
        missing = [key for key in loading["missing_keys"] if not key.endswith("position_ids")]
        if missing or loading["mismatched_keys"]:
            from i2edit.nets.checkpoint import listed

            raise WeightsError(
                f"The CLIP weights in {source} do not fit: {len(missing)} missing: {listed(missing)}; "
                f"not known: {listed(loading['unexpected_keys'])}; of another shape: {listed(loading['mismatched_keys'])}."
            )
        return cls(model, tokenizer, input)

    def embed_images(self, pictures: Tensor) -> Tensor:
        """[B, 3, S, S] RGB in [-1, 1] → unit vectors [B, D]."""
        x = pooled(pictures, self.size)
        if self.input == "normalised":
            x = ((x + 1) / 2 - self.mean) / self.deviation
        return F.normalize(self.model.get_image_features(pixel_values=x).pooler_output)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts → unit vectors [B, D]. Raises MessageError for one beyond CLIP's limit (77 tokens)."""
        for text in texts:
            count = len(self.tokenizer(text)["input_ids"])
            if count > self.limit:
                raise MessageError(
                    f"The text {text[:60]!r}… has {count} tokens; CLIP takes {self.limit}. Please say it more briefly."
                )
        tokens = self.tokenizer(list(texts), padding=True, return_tensors="pt")
        return F.normalize(self.model.get_text_features(**tokens).pooler_output)
