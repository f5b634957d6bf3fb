"""Faces and texts in one space: the image–text model of the `mobile` stack (what CLIP is to the `ffhq` stack).

    model = FaceText.from_assets()
    v = model.embed_images(crops)                  # [B, 3, H, W] aligned crops, RGB in [-1, 1] → unit vectors [B, 128]
    t = model.embed_texts(["a face with bangs", "no beard"])                              # → unit vectors [N, 128]
    model.logits(v, t)                       # [B, N]: above 0 = the picture is more like the text than not
    model.attributes(v)                      # [B, 23]: calibrated probabilities of the ontology's values

Pictures are read from their pixels alone (no w): the frozen AlexNet of LPIPS, the only part that does not ship, sees the
crop at 160², and a small head reads its feature maps on a 6×6 grid. Texts: the first layers of the MiniLM sentence encoder,
trained further. A text that names several attributes lies between them; one that denies an attribute lies
opposite to it; one about none of the 23 is far from all. English only. How it was trained and what it scores: the card beside its weights
(`assets/facetext/README.md`); `train/facetext.py` trains it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit.dialogue.seq2seq import pack, pad, unpack
from i2edit.errors import MessageError, WeightsError
from i2edit.nets.lpips import LPIPS, TAPS
from i2edit.ontology import VALUES

FILES = ("config.json", "model.safetensors", "tokenizer.json")
BEGIN, END = "[CLS]", "[SEP]"


@dataclass(frozen=True)
class Size:
    """Shape of both towers; the defaults are the shipped one."""

    dim: int = 128
    # pictures: pixels the trunk sees, cells of the grid, channels kept of each of its five maps, hidden units
    side: int = 160
    grid: int = 6
    kept: tuple[int, ...] = (8, 16, 32, 48, 48)
    hidden: int = 192
    # texts
    vocabulary: int = 12000
    width: int = 384
    inner: int = 1536
    heads: int = 12
    layers: int = 3
    tokens: int = 64  # with the two that mark a text's ends


class ImageTower(nn.Module):
    """Five feature maps of the trunk on a grid → unit vectors [B, dim]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels = TAPS["alex"]
        self.squeeze = nn.ModuleList(nn.Conv2d(c, k, 1) for c, k in zip(channels, size.kept, strict=True))
        self.hidden = nn.Linear(sum(size.kept) * size.grid**2, size.hidden)
        self.out = nn.Linear(size.hidden, size.dim)

    def forward(self, cells: Sequence[Tensor], drop: float = 0.0) -> Tensor:
        x = torch.cat([F.gelu(s(c)).flatten(1) for s, c in zip(self.squeeze, cells, strict=True)], 1)
        x = F.dropout(F.gelu(self.hidden(F.dropout(x, drop, self.training))), drop, self.training)
        return F.normalize(self.out(x), dim=1)


class TextTower(nn.Module):
    """Word pieces [N, T] (0 = none) → unit vectors [N, dim]: BERT layers, mean over the words, one linear map."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=size.vocabulary, hidden_size=size.width, intermediate_size=size.inner,
            num_attention_heads=size.heads, num_hidden_layers=size.layers, max_position_embeddings=size.tokens,
        )  # fmt: skip
        self.bert = BertModel(config, add_pooling_layer=False)
        self.out = nn.Linear(size.width, size.dim)

    def forward(self, ids: Tensor) -> Tensor:
        return F.normalize(self.out(self.mean(ids)), dim=1)

    def mean(self, ids: Tensor) -> Tensor:
        """The mean of the words as the layers see them, [N, width]."""
        mask = (ids != 0).long()
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        return ((hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)).float()


class FaceText(nn.Module):
    """Both towers, the scale and offset of their dot product, and the calibration of the 23 attributes."""

    calibration: Tensor

    def __init__(self, tokenizer: Any, trunk: LPIPS, size: Size | None = None) -> None:
        super().__init__()
        self.size = size or Size()
        self.tokenizer = tokenizer
        self.trunk = trunk
        self.image, self.text = ImageTower(self.size), TextTower(self.size)
        self.scale, self.offset = nn.Parameter(torch.tensor(12.0)), nn.Parameter(torch.tensor(0.0))
        # probability = sigmoid(a · logit + b) of the value's own name, a and b [23]
        self.register_buffer("calibration", torch.tensor([[1.0], [0.0]]).repeat(1, len(VALUES)))

    @classmethod
    def from_assets(cls) -> FaceText:
        """The shipped model; the trunk comes from the cache and is fetched if need be. Raises WeightsError."""
        from i2edit import assets

        return cls.from_folder(assets.FOLDER / "facetext")

    @classmethod
    def from_folder(cls, folder: Path, trunk: LPIPS | None = None) -> FaceText:
        """The model that `save` wrote into a folder; frozen, in evaluation mode. Raises WeightsError."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        for name in FILES:
            if not (folder / name).is_file():
                raise WeightsError(
                    f"The face–text model in {folder} lacks {name}. Train one with `i2edit train facetext`."
                )
        try:
            config: dict[str, Any] = json.loads((folder / "config.json").read_text())
            size = Size(**config | {"kept": tuple(config["kept"])})
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            model = cls(tokenizer, trunk or LPIPS("alex").from_weights(), size)
            missing, unexpected = model.load_state_dict(unpack(load_file(folder / "model.safetensors")), strict=False)
            missing = [name for name in missing if not name.startswith("trunk.")]
            if missing or unexpected:
                raise ValueError(f"its weights do not fit its config ({[*missing, *unexpected][0]} and others)")
        except (TypeError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise WeightsError(f"The face–text model in {folder} cannot be read: {error}") from error
        return model.eval().requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Writes the three files; the trunk is not among them."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {key: value.detach() for key, value in self.state_dict().items() if not key.startswith("trunk.")}
        save_file(pack(state), str(folder / "model.safetensors"))
        (folder / "config.json").write_text(json.dumps(asdict(self.size), indent=1) + "\n")
        self.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)

    def cells(self, crops: Tensor) -> list[Tensor]:
        """What the image tower reads of aligned crops [B, 3, H, W], RGB in [-1, 1]."""
        return self.trunk.cells(crops, self.size.side, self.size.grid)

    def embed_images(self, crops: Tensor) -> Tensor:
        """Aligned crops [B, 3, H, W], RGB in [-1, 1], of any size → unit vectors [B, dim]. Differentiable."""
        return self.image(self.cells(crops))

    def ids(self, texts: Sequence[str], *, cut: bool = False) -> Tensor:
        """Word pieces [N, T] of texts. Raises MessageError for a text without words, and for one beyond `Size.tokens`; with ``cut``,
        that one loses its first words instead."""
        begin, end = self.tokenizer.token_to_id(BEGIN), self.tokenizer.token_to_id(END)
        rows = [encoded.ids for encoded in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        most = self.size.tokens - 2
        for text, row in zip(texts, rows, strict=True):
            if not row:
                raise MessageError(f"A text that a face is compared with needs words; this one has none: {text!r}.")
            if len(row) > most and not cut:
                raise MessageError(
                    f"The text {text[:60]!r}… has {len(row)} word pieces; the face–text model takes {most}. Please say it more briefly."
                )
        return pad([[begin, *row[-most:], end] for row in rows])

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts → unit vectors [N, dim]. Raises MessageError for a text without words or beyond the limit of 62 word pieces."""
        return self.text(self.ids(texts))

    def logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """How well pictures [B, dim] and texts [N, dim] fit: logits [B, N]."""
        return self.scale * images @ texts.T + self.offset

    def attributes(self, images: Tensor) -> Tensor:
        """Probability of each of the 23 values in pictures [B, dim] → [B, 23], calibrated on faces held out from training."""
        a, b = self.calibration
        return torch.sigmoid(a * self.logits(images, self.names) + b)

    @property
    def names(self) -> Tensor:
        """The embeddings [23, dim] of the values' own names, in ontology order."""
        if not hasattr(self, "_names"):
            with torch.no_grad():
                self._names = self.embed_texts(VALUES)
        return self._names


def read_photo(model: FaceText, path: Path, face: int | None = None) -> dict[str, float]:
    """The 23 attributes of the face in a photo: value → probability, in ontology order. Raises PhotoError, NoFaceFound."""
    from i2edit.align import align, find_faces, pick_face
    from i2edit.images import open_photo, to_tensor

    photo = open_photo(path)
    aligned = align(photo.image, pick_face(find_faces(photo.image), face, photo=photo.image))
    with torch.inference_mode():
        found = model.attributes(model.embed_images(to_tensor(aligned.crop)))[0]
    return {value: round(float(p), 4) for value, p in zip(VALUES, found, strict=True)}
