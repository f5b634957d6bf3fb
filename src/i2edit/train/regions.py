"""Finds the clusters that tell hair from skin: generator features → `regions.safetensors`.

    i2edit train regions --out DIR [--faces 40] [--seed 5]

Unit-length 64² features of generated faces, 40 principal components, 16 k-means clusters. Clusters have no names; the
script writes them in their own order together with a picture of each on held-out faces (`clusters.png`), and names come
from `--names`, one group per cluster, as a person reads them off that picture.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch.nn import functional as F

from i2edit.nets.mobile import FEATURE_LAYERS
from i2edit.regions import GROUPS

CLUSTERS, COMPONENTS, SHARPNESS = 16, 40, 40.0


def train(out: Path, faces: int = 40, seed: int = 5, names: list[str] | None = None) -> None:
    """Writes the clusters into `out`; without `names` every cluster counts as background until it is named."""
    from safetensors.torch import save_file
    from sklearn.cluster import KMeans

    from i2edit.nets.mobile import Generator

    generator = Generator.published()
    seeds = torch.randperm(5000, generator=torch.Generator().manual_seed(seed))[:faces].tolist()
    rows = []
    for number in seeds:
        features = generator.synthesis.features(generator.seed(number), FEATURE_LAYERS)[0]
        rows.append(F.normalize(features.flatten(1).T, dim=1))
    points = torch.cat(rows)
    mean = points.mean(0)
    _, vectors = torch.linalg.eigh((points - mean).T @ (points - mean) / len(points))
    axes = vectors[:, -COMPONENTS:]
    found = KMeans(CLUSTERS, n_init=4, random_state=0).fit(((points - mean) @ axes).numpy()[::3])
    named = names or ["background"] * CLUSTERS
    members = torch.zeros(CLUSTERS, len(GROUPS))
    for cluster, name in enumerate(named):
        members[cluster, GROUPS.index(name)] = 1.0
    out.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "mean": mean,
            "axes": axes.contiguous(),
            "centres": torch.from_numpy(found.cluster_centers_).float(),
            "members": members,
            "sharpness": torch.tensor(SHARPNESS),
        },
        str(out / "regions.safetensors"),
    )
    draw(generator, out)
    print(json.dumps({"faces": faces, "seed": seed, "clusters": CLUSTERS, "named": names is not None}))


def draw(generator: object, out: Path, seeds: tuple[int, ...] = (5100, 5101, 5102, 5103)) -> None:
    """clusters.png: for each held-out face, the picture and every cluster's own mask, numbered."""
    from PIL import Image

    from i2edit.assets import tensors
    from i2edit.images import sheet, to_image
    from i2edit.nets.fast import FastSynthesis
    from i2edit.nets.mobile import Generator

    assert isinstance(generator, Generator)
    picture = FastSynthesis(generator.synthesis)
    saved = tensors(str((out / "regions.safetensors").resolve()))
    panels = []
    for number in seeds:
        w = generator.seed(number)
        features = generator.synthesis.features(w, FEATURE_LAYERS)[0]
        points = (F.normalize(features.flatten(1).T, dim=1) - saved["mean"]) @ saved["axes"]
        nearest = torch.cdist(points, saved["centres"]).argmin(1).reshape(features.shape[1:])
        small = to_image(F.avg_pool2d(picture(w), 4))
        panels.append((small, f"seed {number}"))
        for cluster in range(CLUSTERS):
            mask = Image.fromarray(((nearest == cluster).numpy() * 255).astype("uint8")).resize(
                small.size, Image.Resampling.NEAREST
            )
            panels.append((Image.composite(small, Image.new("RGB", small.size), mask), f"cluster {cluster}"))
    sheet(panels, width=160).save(out / "clusters.png")


@torch.no_grad()
def palette(faces: int = 30) -> dict[str, list[float]]:
    """The colour of hair by kind (`render.PALETTE`): RGB in [-1, 1], median over labelled faces of the train split."""
    from i2edit.data.faces import read_labels, read_splits
    from i2edit.nets.mobile import Generator
    from i2edit.regions import Segmenter, enlarge

    generator, train = Generator.from_weights(), set(read_splits()["train"])
    segmenter = Segmenter.from_assets(generator)
    found = {}
    for key in ("brown_hair", "blond_hair", "black_hair", "gray_hair"):
        labelled = [f for f in read_labels() if f.seed in train and f.labels.get(key) == 1 and not f.labels.get("hat")]
        means = []
        for face in labelled[:faces]:
            w = generator.synthesis.slots(generator.seed(face.seed))[0].contiguous()
            hair = (enlarge(segmenter(w)["hair"]) > 0.7).float()
            if hair.sum() > 1500:  # of 256²: enough to have a colour
                means.append((generator.preview(w[None])[0] * hair).sum((1, 2)) / hair.sum())
        found[key] = torch.stack(means).median(0).values.tolist()
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="i2edit train regions", description="Find the clusters that tell hair from skin."
    )
    parser.add_argument("--out", type=Path, default=Path("runs/regions"))
    parser.add_argument("--faces", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--names", nargs=CLUSTERS, choices=GROUPS, help="the group of each cluster, in order")
    options = parser.parse_args(argv)
    train(options.out, options.faces, options.seed, options.names)


if __name__ == "__main__":
    main()
