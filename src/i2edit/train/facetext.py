"""Trains the face–text encoder: generated faces and the phrase bank → `assets/facetext`.

    i2edit train facetext --out DIR [--faces 4000] [--seed 0]

1. The text tower learns which attributes a text affirms or denies (`data/descriptions.py`).
2. Pictures: the labelled faces, and fresh ones (seeds from 200000, used by nothing else), half as the generator makes them,
   a quarter moved along an attribute, a quarter edited. Labels: the raters' on the train split; elsewhere, as
   probabilities, the linear maps of w, which learned from the same split. What the image tower reads of them is kept, and
   of the same pictures shifted, mirrored, tinted or blurred.
3. The image tower learns, with a vector per attribute; the text tower then says what it has understood in sums of those vectors.
4. Calibration on the validation split, and the card, with the test split's figures.

Everything made is kept in `DIR`, so that a run that was stopped goes on from there. Several processes may draw pictures
at once. Pictures take a quarter of a second of one core each, the rest is a matter of minutes.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2edit import weights
from i2edit.data.descriptions import Description, describe, short, unseen_wordings
from i2edit.data.faces import LabelledFace, read_labels, read_splits
from i2edit.edit.directions import Directions, label_of
from i2edit.errors import WeightsError
from i2edit.facetext import BEGIN, END, FILES, FaceText, Size, TextTower
from i2edit.nets.lpips import LPIPS, TAPS, uncelled
from i2edit.nets.mobile import Generator
from i2edit.ontology import VALUES, Belief, EditState
from i2edit.train.dialogue import commit_hash, save_checkpoint

FIRST_SEED = 200_000
SIDE = 256  # of the pictures kept
CHUNK = 50  # pictures a file
BLOCK = 16  # batches of texts that are made at once
KEYS = tuple(label_of(value) for value in VALUES)
BESIDE = ("male", "glasses", "hat", "child", "old")  # learned along, so that the attributes are told apart from them


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights, besides `Size`."""

    faces: int = 2100
    seed: int = 0
    image_epochs: int = 14
    image_batch: int = 128
    image_lr: float = 1e-3
    image_decay: float = 0.05
    drop: float = 0.3
    rated: float = 4.0  # weight of a rater's label; 1 is that of a soft one
    text_steps: int = 800
    name_steps: int = 240  # after those: on names alone, of which there are many more than sentences show
    text_batch: int = 64
    text_lr: float = 3e-4
    text_head_lr: float = 2e-3
    name_rate: float = 0.6  # of the learning rates, at the beginning of that second part


def log(**values: object) -> None:
    print(json.dumps({**values, "at": time.strftime("%H:%M:%S")}), flush=True)


# ------------------------------------------------------------------------------------------------ pictures


@dataclass(frozen=True)
class Faces:
    """Pictures [N, 3, 256, 256] uint8, the linear maps' logits [N, K] of what they show, and their seeds [N]."""

    images: np.ndarray
    logits: np.ndarray
    seeds: np.ndarray


def shifts(directions: Directions) -> Tensor:
    """Per label the step of w [K, 512] that raises its logit by 1 as faces with and without it differ on average."""
    from i2edit import assets

    tensors, covariance = assets.tensors("directions.safetensors"), assets.tensors("w_stats.safetensors")["cov"]
    normals = torch.stack([tensors[f"normal.{key}"] for key in directions.keys])
    spread = normals @ covariance
    return spread / (spread * normals).sum(1, keepdim=True)


def fresh(generator: Generator, directions: Directions, moves: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """(w [23, 512] that is drawn, w [512] that says what it shows) of a fresh seed: half as they come, a quarter moved along
    one or two labels, a quarter edited as the editor does."""
    rng = np.random.default_rng([seed, 1])
    w = generator.seed(seed)[0]
    kind = rng.choice(["plain", "moved", "edited"], p=[0.5, 0.25, 0.25])
    if kind == "plain":
        return generator.synthesis.slots(w[None])[0], w
    if kind == "moved":
        for key in rng.choice(len(moves), size=rng.integers(1, 3), replace=False):
            now = directions.logits(w)[directions.keys[key]]
            w = w + float(np.clip(rng.normal(1.0, 2.0) - now, -4, 4)) * moves[key]
        return generator.synthesis.slots(w[None])[0], w
    drawn, shown = generator.synthesis.slots(w[None])[0].clone(), w
    for value in Belief.of(*(VALUES[i] for i in rng.choice(len(VALUES), size=rng.integers(1, 3), replace=False))):
        state = EditState.of(value).with_strength(value, float(rng.uniform(0.5, 1.3)))
        delta = directions.step(generator.synthesis.slots(shown[None])[0], state)
        drawn, shown = drawn + delta, shown + delta[delta.norm(dim=1).argmax()]
    return drawn, shown


def make_pictures(folder: Path, name: str, seeds: list[int], labelled: bool) -> None:
    """Draws what is missing of `folder/NAME-FIRST.npz`; several processes may do so at once."""
    from filelock import FileLock, Timeout

    from i2edit.nets.fast import FastSynthesis

    folder.mkdir(parents=True, exist_ok=True)
    tools: tuple[Any, ...] | None = None
    for first in range(0, len(seeds), CHUNK):
        path = folder / f"{name}-{first:06d}.npz"
        try:
            with FileLock(f"{path}.lock", timeout=0):
                if path.is_file():
                    continue
                if tools is None:
                    generator, directions = Generator.published(), Directions.from_assets()
                    tools = generator, FastSynthesis(generator.synthesis, "bf16", 1), directions, shifts(directions)
                generator, picture, directions, moves = tools
                images, logits, part = [], [], seeds[first : first + CHUNK]
                for seed in part:
                    if labelled:
                        w = generator.seed(seed)[0]
                        drawn = generator.synthesis.slots(w[None])[0]
                    else:
                        drawn, w = fresh(generator, directions, moves, seed)
                    small = F.avg_pool2d(picture(drawn[None].contiguous()), 1024 // SIDE)[0]
                    images.append(small.add(1).mul(127.5).round().clamp(0, 255).byte().numpy())
                    logits.append(list(directions.logits(w).values()))
                scratch = path.with_suffix(".part.npz")
                np.savez(scratch, images=np.stack(images), logits=np.array(logits, np.float32), seeds=np.array(part))
                scratch.replace(path)
                log(pictures=path.name)
        except Timeout:
            continue


def read_pictures(folder: Path, name: str) -> Faces:
    """All pictures made so far under a name."""
    parts = [dict(np.load(path)) for path in sorted(folder.glob(f"{name}-*.npz"))]
    return Faces(*(np.concatenate([part[key] for part in parts]) for key in ("images", "logits", "seeds")))


def augmented(images: Tensor, rng: torch.Generator) -> Tensor:
    """The same pictures [B, 3, H, W] in [-1, 1], each mirrored or not, shifted and scaled a little, tinted, some blurred and noisy."""
    count = len(images)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=rng)

    turn, scale = uniform(-0.06, 0.06), uniform(0.92, 1.06)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * turn.cos() * flip, -scale * turn.sin()
    theta[:, 1, 0], theta[:, 1, 1] = scale * turn.sin() * flip, scale * turn.cos()
    theta[:, :, 2] = uniform(-0.05, 0.05, 2)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    x = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    x = x * uniform(0.8, 1.15, 1, 1, 1) + uniform(-0.15, 0.15, 1, 1, 1) + uniform(-0.05, 0.05, 3, 1, 1)
    small = F.interpolate(F.avg_pool2d(x, 3), size=x.shape[2:], mode="bilinear", align_corners=False)
    x = torch.where(uniform(0, 1, 1, 1, 1) < 0.25, small, x)
    x = x + uniform(0, 0.05, 1, 1, 1) * torch.randn(x.shape, generator=rng)
    return x.clamp(-1, 1)


# ------------------------------------------------------------------------------------------------ image tower


def make_cells(model: FaceText, folder: Path, names: tuple[str, ...]) -> None:
    """`cells-NAME-FIRST.npy` [N, 2 or 1, cells] float16 beside every file of pictures: as it is and, unless held out, augmented."""
    for name in names:
        for path in sorted(folder.glob(f"{name}-*.npz")):
            target = folder / f"cells-{path.stem}.npy"
            if target.is_file():
                continue
            with np.load(path) as part:
                images = torch.from_numpy(part["images"]).float() / 127.5 - 1
                rng = torch.Generator().manual_seed(int(part["seeds"][0]))
            views = [images] if name in ("validation", "test") else [images, augmented(images, rng)]
            with torch.inference_mode():
                read = [torch.cat([c.flatten(1) for c in model.cells(view)], 1).half() for view in views]
            scratch = target.with_suffix(".part.npy")
            np.save(scratch, torch.stack(read, 1).numpy())
            scratch.replace(target)
        log(cells=name)


def read_cells(folder: Path, name: str) -> np.ndarray:
    """All cells under a name, [N, views, cells] float16."""
    return np.concatenate([np.load(path) for path in sorted(folder.glob(f"cells-{name}-*.npy"))])


@dataclass(frozen=True)
class Lesson:
    """What a picture teaches: targets [N, K] in 0..1 and their weights [N, K]."""

    target: Tensor
    weight: Tensor


def lesson(
    logits: np.ndarray,
    columns: list[int],
    keys: tuple[str, ...],
    labels: Sequence[Mapping[str, int | None]],
    rated: float,
) -> Lesson:
    """Soft targets from w everywhere, the raters' where there are some; these are weighted so that a label's yes and no
    count alike, as in the linear maps."""
    target = torch.sigmoid(torch.from_numpy(logits[:, columns]).float())
    weight = torch.ones_like(target)
    if labels:
        for k, key in enumerate(keys):
            seen = [i for i, found in enumerate(labels) if found.get(key) is not None]
            positive = sum(labels[i][key] or 0 for i in seen)
            for i in seen:
                target[i, k] = float(labels[i][key] or 0)
                weight[i, k] = rated * len(seen) / (2 * max(1, positive if labels[i][key] else len(seen) - positive))
    return Lesson(target, weight)


class Prototypes(nn.Module):
    """Training only: a unit vector per attribute, which the text tower learns to say."""

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(count, dim))

    def forward(self) -> Tensor:
        return F.normalize(self.vectors, dim=1)


def train_image(
    model: FaceText, settings: Settings, cells: Tensor, taught: Lesson, state: Path | None = None, validate: Any = None
) -> Tensor:
    """Trains the image tower on cells [N, views, cells] → prototypes [K, dim]. Resumes from `state`."""
    torch.manual_seed(settings.seed)
    prototypes = Prototypes(taught.target.shape[1], model.size.dim)
    image = model.image.train()
    parameters = [*image.parameters(), *prototypes.parameters(), model.scale, model.offset]
    optimiser = torch.optim.AdamW(parameters, lr=settings.image_lr, weight_decay=settings.image_decay)
    count, views = len(cells), cells.shape[1]
    steps = settings.image_epochs * (count // settings.image_batch)
    step, first = 0, 0
    trained: dict[str, Any] = {"image": image, "prototypes": prototypes, "optimiser": optimiser}
    if state is not None and state.is_file():
        saved = torch.load(state, weights_only=True)
        for name, part in trained.items():
            part.load_state_dict(saved[name])
        step, first = saved["step"], saved["epoch"]
        with torch.no_grad():
            model.scale.copy_(saved["scale"])
            model.offset.copy_(saved["offset"])
    for epoch in range(first, settings.image_epochs):
        torch.manual_seed(settings.seed + epoch)
        order = torch.randperm(count)
        total = 0.0
        for rows in order.split(settings.image_batch):
            if len(rows) < settings.image_batch:
                continue
            for group in optimiser.param_groups:
                group["lr"] = settings.image_lr * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
            view = cells[rows, torch.randint(views, (len(rows),))].float()
            v = image(uncelled(view, TAPS["alex"], model.size.grid), settings.drop)
            loss = F.binary_cross_entropy_with_logits(
                model.logits(v, prototypes()), taught.target[rows], weight=taught.weight[rows]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step, total = step + 1, total + loss.item()
        image.eval()
        with torch.no_grad():
            said = validate(prototypes()) if validate is not None else None
        image.train()
        log(epoch=epoch + 1, loss=round(total / max(1, count // settings.image_batch), 4), validation=said)
        if state is not None:
            saved = {name: part.state_dict() for name, part in trained.items()}
            saved |= {"step": step, "epoch": epoch + 1, "scale": model.scale.detach(), "offset": model.offset.detach()}
            save_checkpoint(state, saved)
    image.eval()
    return prototypes().detach()


@torch.no_grad()
def embed(model: FaceText, cells: Tensor, batch: int = 256) -> Tensor:
    """Cells as kept [N, cells] → unit vectors [N, dim]."""
    return torch.cat([model.image(uncelled(part, TAPS["alex"], model.size.grid)) for part in cells.split(batch)])


# ------------------------------------------------------------------------------------------------ text tower


def new_tokenizer(folder: Path, vocabulary: int, seed: int = 0, texts: int = 5000) -> Any:
    """MiniLM's word pieces, fewer of them: those that the training texts use, those whose
    vectors are closest to the attributes' words, and the most frequent."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    everything = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    row_of = {piece: row for row, piece in enumerate(everything)}

    def tokenizer(pieces: list[str]) -> Any:
        made = Tokenizer(
            models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]", max_input_chars_per_word=60)
        )
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return made

    whole = tokenizer(everything)
    rng = random.Random(seed)

    def pieces(text: str) -> list[str]:
        return list(whole.encode(text, add_special_tokens=False).tokens)

    from i2edit.data.phrases import WORDING, families

    bank = " ".join(frame for frames in families("train").values() for frame in frames)
    used = {piece for text in (bank, *(describe(rng).text for _ in range(texts))) for piece in pieces(text)}
    names = {
        piece for wording in WORDING.values() for kind in wording.values() for text in kind for piece in pieces(text)
    }
    weights_ = load_file(folder / "model.safetensors")
    table = F.normalize(
        weights_["embeddings.word_embeddings.weight"] - weights_["embeddings.word_embeddings.weight"].mean(0), dim=1
    )
    likeness = (table @ table[[row_of[name] for name in sorted(names)]].T).amax(1)
    kept = ["[PAD]", "[UNK]", BEGIN, END]
    kept += [piece for piece in everything if piece.isascii() and len(piece.removeprefix("##")) == 1]
    plain = [piece for piece in everything if piece.removeprefix("##").isascii() and piece.removeprefix("##").isalpha()]
    kept += sorted((used | names) - set(kept))
    close = sorted(plain, key=lambda piece: -float(likeness[row_of[piece]]))
    for ranked, share in ((close, 0.5), (plain, 1.0)):  # half of what is left by likeness, the rest by frequency
        have, room = set(kept), len(kept) + round(share * (vocabulary - len(kept)))
        kept += [piece for piece in ranked if piece not in have][: max(0, room - len(kept))]
    return tokenizer(kept[:vocabulary])


def start_from_minilm(tower: TextTower, folder: Path, tokenizer: Any) -> None:
    """MiniLM's vectors of the tokenizer's word pieces, its positions and its first layers into the tower."""
    from safetensors.torch import load_file

    source = {name.removeprefix("bert."): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    row_of = {piece: row for row, piece in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    rows = [row_of[piece] for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    state = {name: tensor for name, tensor in source.items() if name.startswith("embeddings.")}
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][rows]
    positions = tower.bert.config.max_position_embeddings
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:positions]
    state.pop("embeddings.position_ids", None)
    for layer in range(tower.bert.config.num_hidden_layers):
        state |= {name: tensor for name, tensor in source.items() if name.startswith(f"encoder.layer.{layer}.")}
    missing, unexpected = tower.bert.load_state_dict(state, strict=False)
    if set(missing) - {"embeddings.position_ids"} or unexpected:
        raise WeightsError(f"MiniLM's weights do not fit the text tower: {[*missing, *unexpected][:3]}.")


def code(says: Mapping[str, int]) -> Tensor:
    """What a text says as numbers [24], of unit length: 1 or -1 per value, and a last one for nothing at all."""
    out = torch.zeros(len(VALUES) + 1)
    for value, sign in says.items():
        out[VALUES.index(value)] = sign
    if not says:
        out[-1] = 1.0
    return F.normalize(out, dim=0)


def batches(
    settings: Settings, block: int, make: Callable[[random.Random], Description]
) -> Iterator[list[Description]]:
    """Endless batches of texts of like length, deterministic in (seed, block)."""
    while True:
        rng = random.Random(f"{settings.seed}|{block}")
        pool = [make(rng) for _ in range(BLOCK * settings.text_batch)]
        pool.sort(key=lambda d: len(d.text) + rng.random() * 8)
        groups = [pool[i : i + settings.text_batch] for i in range(0, len(pool), settings.text_batch)]
        rng.shuffle(groups)
        yield from groups
        block += 1


def train_text(model: FaceText, settings: Settings, state: Path | None = None, validate: Any = None) -> nn.Linear:
    """Trains the text tower to tell what a text says → the map from its mean to `code`. The word vectors stay MiniLM's: words
    that no training text has then still mean something. Resumes from `state`. `validate(map)` is logged."""
    torch.manual_seed(settings.seed)
    tower, reads = model.text.train(), nn.Linear(model.size.width, len(VALUES) + 1)
    tower.bert.embeddings.requires_grad_(False)
    groups = [(tower.bert, settings.text_lr), (reads, settings.text_head_lr)]
    optimiser = torch.optim.AdamW(
        [{"params": [p for p in part.parameters() if p.requires_grad], "rate": rate} for part, rate in groups],
        weight_decay=0.01,
    )
    trained: dict[str, Any] = {"bert": tower.bert, "reads": reads, "optimiser": optimiser}
    step, total = 0, 0.0
    if state is not None and state.is_file():
        saved = torch.load(state, weights_only=True)
        for key, part in trained.items():
            part.load_state_dict(saved[key])
        step = saved["step"]
    block = step // BLOCK + bool(step)  # a resumed run reads new texts
    sentences, names = batches(settings, block, describe), batches(settings, block, short)
    steps = settings.text_steps + settings.name_steps
    while step < steps:
        batch = next(sentences if step < settings.text_steps else names)
        if step < settings.text_steps:
            rate = min(1.0, (step + 1) / 50) * max(0.02, 1 - step / settings.text_steps)
        else:
            rate = settings.name_rate * max(0.02, (steps - step) / settings.name_steps)
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mean = tower.mean(model.ids([description.text for description in batch], cut=True))
        said = F.normalize(reads(mean), dim=1)
        loss = (1 - (said * torch.stack([code(description.says) for description in batch])).sum(1)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step, total = step + 1, total + loss.item()
        if step % 50 == 0 or step == steps:
            tower.eval()
            log(step=step, loss=round(total / 50, 4), validation=validate(reads) if validate is not None else None)
            tower.train()
            total = 0.0
            if state is not None:
                save_checkpoint(state, {key: part.state_dict() for key, part in trained.items()} | {"step": step})
    tower.eval()
    return reads


@torch.no_grad()
def join(model: FaceText, reads: nn.Linear, prototypes: Tensor, embedded: Tensor) -> None:
    """Sets the last map of the text tower: what a text says, said in the attributes' vectors [23, dim]. Texts about nothing go where the pictures
    [N, dim] have least."""
    nothing = torch.linalg.eigh(embedded.T @ embedded)[1][:, 0]
    vectors = torch.cat([prototypes, nothing[None]])  # [24, dim]
    model.text.out.weight.copy_(vectors.T @ reads.weight)
    model.text.out.bias.copy_(vectors.T @ reads.bias)


# ------------------------------------------------------------------------------------------------ calibration, card


def calibrate(logits: np.ndarray, faces: list[LabelledFace]) -> Tensor:
    """Platt scaling per value on logits [N, 23] of labelled faces: a and b, [2, 23]. Rises with the logit whatever the faces say."""
    from sklearn.linear_model import LogisticRegression

    out = torch.tensor([[1.0], [0.0]]).repeat(1, len(VALUES))
    for k, key in enumerate(KEYS):
        seen = [i for i, face in enumerate(faces) if face.labels.get(key) is not None]
        truth = np.array([faces[i].labels[key] for i in seen])
        if 0 < truth.sum() < len(truth):
            fit = LogisticRegression(C=1.0).fit(logits[seen, k : k + 1], truth)
            out[0, k], out[1, k] = max(float(fit.coef_[0, 0]), 0.1), float(fit.intercept_[0])
    return out


def card(
    report: Mapping[str, Any],
    validation: Mapping[str, Any],
    settings: Settings,
    size: Size,
    megabytes: float,
    drawn: int,
) -> str:
    """The model card."""
    from i2edit.bench.facetext import text

    check = validation["macro"]
    return f"""# The face–text encoder of i2edit

Pictures of faces and English texts as unit vectors of {size.dim} numbers, so that their dot product says whether the text is true of the face: what
CLIP is to other editors, for the 23 attributes of the ontology, their paraphrases and their negation. {megabytes:.1f} MB, 8 bits.

- **Image tower:** AlexNet's features as LPIPS publishes them (frozen, not shipped: `i2edit weights list` has source and licence) of the aligned crop at
  {size.side}², read on a {size.grid}×{size.grid} grid by a small network that was trained here. It sees pixels, no w.
- **Text tower:** {size.layers} layers of all-MiniLM-L6-v2 (sentence-transformers; Apache-2.0), trained further, its word vectors untouched, {size.vocabulary} of its
  word pieces. Texts beyond {size.tokens - 2} word pieces are refused (in training they lost their beginning).
- **Data:** {drawn} pictures of generated faces (none of these people exist): the train split of the labelled faces, and seeds from {FIRST_SEED}; half of those
  as they come, a quarter moved along one or two attributes, a quarter edited. Soft labels are the linear maps of w (`directions.safetensors`), which learned from the same train split;
  the train split's own labels (made by a vision-language model, not by people) count {settings.rated:g}-fold. Every picture was also seen mirrored,
  shifted, tinted or blurred. Texts: endless, from the phrase bank's train families, its wordings and the patterns of `looks.txt`.
- **Training:** `i2edit train facetext --faces {settings.faces} --seed {settings.seed}`, commit {commit_hash()}, CPU. The text tower of the shipped weights
  was stopped once, after 700 steps, when the second half of each line of `looks.txt` was added for what the validation names had got wrong; the command repeats
  the recipe, not the bits.
- **Licence:** see `WEIGHTS-LICENSE` (research, non-commercial): the pictures come from the generator.

## On labelled faces that took no part ({report["split"]} split, {report["faces"]} faces; measured once, at the end)

Area under the ROC curve, 95 % intervals by bootstrap over the faces ({report["rounds"]} rounds). "Unseen names": mean over five paraphrases that no training text has; "denied":
"a face without …" with the same, ranked the other way round. The linear map of w sees no pixel.

{text(report)}

Settings were chosen on the validation split ({validation["faces"]} faces): {check["auc"]["value"]:.3f}, unseen names (others than the test's) {check["unseen"]["value"]:.3f}. The probabilities of `i2edit attributes` are
Platt-scaled there; many of those faces were mined for rare attributes, so the shares of the labels are not those of people.

**Limits.** Its idea of an attribute is that of the labels, which one vision-language model made; the linear maps that the default editor steps along learned
from the same labels, so both can be wrong in the same way: an independent judge is needed to compare editors. Angry, sad, brown hair and bushy eyebrows
are soft in the labels already. The faces are FFHQ-like: frontal, lit, mostly adult. The unseen names were written before any
training by the hand that wrote `looks.txt`. The validation half guided `looks.txt` (words of it are in there, no whole name); the test half's telling words were
kept out, and nothing about it was seen before the end. Denials count unfairly for "no smiling" and "no makeup", whose names are denials already. It is weaker on
denied than on affirmed texts, most with names of hair colours and styles.
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="i2edit train facetext", description="Train the face–text encoder.")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/facetext"), help="folder of the run; an interrupted run there is resumed"
    )
    parser.add_argument("--faces", type=int, default=Settings.faces, help="fresh faces to draw")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--until", choices=("text", "pictures", "image", "end"), default="end", help="stop after")
    options = parser.parse_args(argv)
    train(options.out, Settings(faces=options.faces, seed=options.seed), Size(), options.until)


def train(out: Path, settings: Settings, size: Size, until: str = "end") -> None:
    """Trains (or resumes) in `out`; the model and its card are then in `out/model`."""
    from tokenizers import Tokenizer

    out.mkdir(parents=True, exist_ok=True)
    minilm = weights.get("minilm")
    if not (out / "tokenizer.json").is_file():  # kept: its pieces depend on the texts, and those may have changed since
        new_tokenizer(minilm, size.vocabulary, settings.seed).save(str(out / "tokenizer.json"))
    torch.manual_seed(settings.seed)
    model = FaceText(Tokenizer.from_file(str(out / "tokenizer.json")), LPIPS("alex").from_weights(), size)
    start_from_minilm(model.text, minilm, model.tokenizer)
    reads = train_text(model, settings, out / "text.pt", lambda found: unseen_right(model, found))
    if until == "text":
        return
    pictures, splits = out / "pictures", read_splits()
    for split in splits:
        make_pictures(pictures, split, splits[split], labelled=True)
    make_pictures(pictures, "fresh", list(range(FIRST_SEED, FIRST_SEED + settings.faces)), labelled=False)
    make_cells(model, pictures, ("train", "validation", "fresh"))
    if until == "pictures":
        return
    cells, taught = lessons(pictures, settings)
    held, faces, _ = held_out(pictures)
    prototypes = train_image(
        model, settings, cells, taught, out / "image.pt", lambda p: mean_auc((embed(model, held) @ p.T).numpy(), faces)
    )[: len(VALUES)]
    join(model, reads, prototypes, embed(model, cells[:, 0]))
    if until == "image":
        return
    finish(model, out, settings, len(cells))


def lessons(pictures: Path, settings: Settings) -> tuple[Tensor, Lesson]:
    """Cells [N, 2, cells] and targets of all training pictures."""
    keys = (*KEYS, *BESIDE)
    columns = [Directions.from_assets().keys.index(key) for key in keys]
    labels = {face.seed: face.labels for face in read_labels()}
    rated, plain = read_pictures(pictures, "train"), read_pictures(pictures, "fresh")
    own = [labels[int(seed)] for seed in rated.seeds]
    parts = [lesson(rated.logits, columns, keys, own, settings.rated), lesson(plain.logits, columns, keys, [], 1.0)]
    cells = torch.cat([torch.from_numpy(read_cells(pictures, name)) for name in ("train", "fresh")])
    return cells, Lesson(torch.cat([p.target for p in parts]), torch.cat([p.weight for p in parts]))


@torch.no_grad()
def unseen_right(model: FaceText, reads: nn.Linear) -> dict[str, float]:
    """Shares of the validation split's unseen names whose value comes out first, and last when they are denied."""
    names = unseen_wordings("validation")
    own = torch.tensor([k for k, value in enumerate(VALUES) for _ in names[value]])
    flat = [name for value in VALUES for name in names[value]]
    said = reads(model.text.mean(model.ids(flat)))[:, : len(VALUES)]
    denied = reads(model.text.mean(model.ids([f"a face without {name}" for name in flat])))[:, : len(VALUES)]
    found = {"right": said.argmax(1) == own, "denied": denied.argmin(1) == own}
    return {name: round(float(hit.float().mean()), 3) for name, hit in found.items()}


def finish(model: FaceText, out: Path, settings: Settings, drawn: int) -> None:
    """Stores the weights in 8 bits; calibrates and measures what was stored; writes the card and scores.json."""
    from i2edit.bench.facetext import measure

    model.eval()
    model.save(out / "model")
    stored = FaceText.from_folder(out / "model", model.trunk)
    make_cells(stored, out / "pictures", ("validation", "test"))
    held: dict[str, tuple[Tensor, np.ndarray, list[LabelledFace]]] = {}
    for split in ("validation", "test"):
        cells, faces, w_logits = held_out(out / "pictures", split)
        held[split] = embed(stored, cells), w_logits, faces
    with torch.no_grad():
        seen, _, faces = held["validation"]
        stored.calibration.copy_(calibrate(stored.logits(seen, stored.names).numpy(), faces))
    stored.save(out / "model")
    validation = measure(stored, *held["validation"], "validation", rounds=0)
    log(validation=validation["macro"])
    report = measure(stored, *held["test"], "test")
    megabytes = sum((out / "model" / name).stat().st_size for name in FILES) / 1e6
    (out / "model" / "scores.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "model" / "README.md").write_text(
        card(report, validation, settings, stored.size, megabytes, drawn), encoding="utf-8"
    )
    log(macro=report["macro"], megabytes=round(megabytes, 2))


def held_out(pictures: Path, split: str = "validation") -> tuple[Tensor, list[LabelledFace], np.ndarray]:
    """Cells [N, cells], labels and linear maps' logits [N, 23] of a split that nothing is learned from."""
    labels = {face.seed: face for face in read_labels()}
    found = read_pictures(pictures, split)
    columns = [Directions.from_assets().keys.index(key) for key in KEYS]
    cells = torch.from_numpy(read_cells(pictures, split)[:, 0])
    return cells, [labels[int(seed)] for seed in found.seeds], found.logits[:, columns]


def mean_auc(scores: np.ndarray, faces: list[LabelledFace], least: int = 5) -> float:
    """Mean AUC over the values with enough positives: scores [N, 23]."""
    from i2edit.bench.facetext import auc

    found = []
    for k, key in enumerate(KEYS):
        seen = [i for i, face in enumerate(faces) if face.labels.get(key) is not None]
        truth = np.array([faces[i].labels[key] for i in seen])
        if least <= truth.sum() <= len(truth) - least:
            found.append(auc(scores[seen, k], truth))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
