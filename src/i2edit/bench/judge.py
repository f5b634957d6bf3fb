"""What the second judge scores on described faces that it never saw, and how far it agrees with the face–text encoder.

    python -m i2edit.bench.judge

In: the raters' descriptions of the test part (`train/judge.test_part`), drawn anew. Out: area under the ROC curve per attribute ("maybe" counts for
nothing), with 95 % intervals (bootstrap over the faces); the same for the face–text encoder, which never saw these faces either; and the rank
correlation of both models' probabilities.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from i2edit.bench.facetext import auc
from i2edit.ontology import VALUES

LEAST_POSITIVES = 8
ROUNDS = 1000


def measure(
    probabilities: np.ndarray,
    targets: np.ndarray,
    by_chance: Sequence[bool],
    others: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """probabilities [N, 23]; targets [N, 23] in 0..1 or NaN; which faces are random ones; another model's probabilities → per value and on
    average."""
    from scipy.stats import spearmanr

    rng = np.random.default_rng(seed)
    count = len(targets)
    draws = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(ROUNDS)])
    found: dict[str, Any] = {"faces": count, "random_faces": int(sum(by_chance)), "values": {}}
    models = {"judge": probabilities} | ({} if others is None else {"face_text": others})
    samples: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for index, value in enumerate(VALUES):
        clear = np.isin(targets[:, index], (0.0, 1.0))
        truth = targets[clear, index].astype(int)
        row: dict[str, Any] = {"positive": int(truth.sum()), "labelled": int(clear.sum())}
        for name, said in models.items():
            if 0 < truth.sum() < len(truth) and not np.isnan(said[:, index]).any():  # NaN: silent about it
                row[name] = round(float(auc(said[clear, index], truth)[0]), 4)
                if truth.sum() >= LEAST_POSITIVES:
                    samples[name].append(np.concatenate([[row[name]], auc(said[clear, index], truth, draws[:, clear])]))
        if others is not None and not np.isnan(probabilities[:, index]).any():
            row["agreement"] = round(float(spearmanr(probabilities[:, index], others[:, index]).statistic), 3)
        found["values"][value] = row
    for name, some in samples.items():
        mean = np.nanmean(np.stack(some), 0)
        low, high = np.nanquantile(mean[1:], (0.025, 0.975))
        found[name] = {
            "mean_auc": round(float(mean[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4), "values": len(some)
        }  # fmt: skip
    if others is not None:
        found["agreement"] = round(
            float(np.mean([row["agreement"] for row in found["values"].values() if "agreement" in row])), 3
        )
    return found


def rater_agreement(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of faces that two raters described: the share of (face, value) pairs with the same target, and Cohen's kappa of clear answers."""
    from i2edit.train.judge import target_of

    seen: dict[int, list[list[float]]] = {}
    for line in lines:
        seen.setdefault(line["seed"], []).append(target_of(line))
    pairs = np.array([found[:2] for found in seen.values() if len(found) > 1])  # [N, 2, 23]
    both = ~np.isnan(pairs).any(1)
    one, other = pairs[:, 0][both], pairs[:, 1][both]
    clear = np.isin(one, (0, 1)) & np.isin(other, (0, 1))
    a, b = one[clear], other[clear]
    expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    kappa = ((a == b).mean() - expected) / (1 - expected)
    return {
        "faces": len(pairs), "same": round(float((one == other).mean()), 4),
        "same_of_clear": round(float((a == b).mean()), 4), "kappa_of_clear": round(float(kappa), 4),
    }  # fmt: skip


def main() -> None:
    from i2edit.facetext import FaceText
    from i2edit.images import to_image, to_tensor
    from i2edit.judge import Judge
    from i2edit.nets.fast import FastSynthesis
    from i2edit.nets.mobile import Generator
    from i2edit.train.judge import DESCRIBED, read_described, test_part

    lines = [json.loads(text) for text in DESCRIBED.read_text(encoding="utf-8").splitlines()]
    print(json.dumps({"raters": rater_agreement(lines)}))
    faces = read_described()
    rows = test_part(faces)
    judge, model, generator = Judge.from_assets(), FaceText.from_assets(), Generator.published()
    picture = FastSynthesis(generator.synthesis)
    said, others = [], []
    with torch.inference_mode():
        for row in rows:
            crop = to_tensor(to_image(picture(generator.seed(faces.seeds[row]))))
            said.append(judge.probabilities(crop)[0])
            others.append(model.attributes(model.embed_images(crop))[0])
    by_chance = [faces.why[row] == "random" for row in rows]
    found = measure(torch.stack(said).numpy(), faces.targets[rows].numpy(), by_chance, torch.stack(others).numpy())
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
