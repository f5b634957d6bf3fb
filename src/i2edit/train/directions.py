"""Learns the edit directions: labelled faces and their landmarks → `directions.safetensors`.

    i2edit train directions --out DIR [--landmark-faces 2600] [--seed 0]

Per attribute: a logistic regression on w (half-whitened, balanced) on the train split; its regularisation is chosen on
the validation split; the AUC is reported on the test split. Per face landmark: a ridge regression from w, on generated
faces measured with dlib, so that an edit can be told to leave the pose and the shape of the face alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from i2edit.data.faces import CONFOUNDERS, LabelledFace, read_labels, read_splits

Array = npt.NDArray[np.float32]
REGULARISATION = (0.001, 0.003, 0.01, 0.03, 0.1)
# Faces measured for the landmarks: seeds from here on.
FIRST_LANDMARK_SEED = 5000
# dlib's detector returns nearly this box on a face of the generator at 512² (its crop is aligned by construction).
FACE_BOX_512 = (95, 164, 405, 474)


def half_whitening(covariance: Array) -> Array:
    """[512, 512] B so that (w - mean) @ B has variances eigenvalue^(1/2), scaled to a mean square of one."""
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    basis = vectors * values**-0.25
    return (basis / np.sqrt(np.mean(values**0.5))).astype(np.float32)


def fit_attribute(
    key: str, faces: dict[int, LabelledFace], x: dict[int, Array], splits: dict[str, list[int]]
) -> tuple[Array, float, dict[str, Any]]:
    """Normal (in the coordinates of x), offset, and what was measured."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    def rows(split: str) -> tuple[Array, npt.NDArray[np.int64]]:
        seeds = [seed for seed in splits[split] if faces[seed].labels.get(key) is not None]
        return np.stack([x[seed] for seed in seeds]), np.array([faces[seed].labels[key] for seed in seeds])

    (xt, yt), (xv, yv), (xs, ys) = (rows(name) for name in ("train", "validation", "test"))
    fits = [LogisticRegression(C=c, class_weight="balanced", max_iter=3000).fit(xt, yt) for c in REGULARISATION]
    scores = [roc_auc_score(yv, fit.decision_function(xv)) for fit in fits]
    # Ties and noise on a small validation split: the most regularised of those within half a point of the best.
    best = next(i for i, score in enumerate(scores) if score >= max(scores) - 0.005)
    model = fits[best]
    logits = model.decision_function(xt)
    test = model.decision_function(xs)
    report = {
        "train": len(yt),
        "positive": int(yt.sum()),
        "test": len(ys),
        "test_positive": int(ys.sum()),
        "auc_test": round(float(roc_auc_score(ys, test)), 4),
        "auc_validation": round(scores[best], 4),
        "c": REGULARISATION[best],
        "positive_median": round(float(np.median(logits[yt == 1])), 4),
        "positive_high": round(float(np.quantile(logits[yt == 1], 0.8)), 4),
        "negative_median": round(float(np.median(logits[yt == 0])), 4),
    }
    return model.coef_[0].astype(np.float32), float(model.intercept_[0]), report


def measure_landmarks(count: int, log: Callable[..., None]) -> tuple[Array, Array]:
    """w [N, 512] and landmarks [N, 136] (x, y of 68 points, in parts of the picture's side) of fresh generated faces."""
    import dlib
    import torch

    from i2edit import weights
    from i2edit.nets.fast import FastSynthesis
    from i2edit.nets.mobile import Generator

    generator = Generator.published()
    picture = FastSynthesis(generator.synthesis)
    predictor = dlib.shape_predictor(str(weights.get("dlib-landmarks")))
    box = dlib.rectangle(*FACE_BOX_512)
    ws, points = [], []
    for number in range(count):
        w = generator.seed(FIRST_LANDMARK_SEED + number)
        small = torch.nn.functional.avg_pool2d(picture(w), 2)[0].permute(1, 2, 0)
        pixels = ((small + 1) * 127.5).clamp(0, 255).round().to(torch.uint8).numpy()
        found = predictor(pixels, box)
        ws.append(w[0].numpy())
        points.append(np.array([(p.x, p.y) for p in found.parts()], np.float32).ravel() / 512)
        if number % 200 == 199:
            log(landmarks=number + 1)
    return np.stack(ws), np.stack(points)


def measure_persons(count: int, log: Callable[..., None]) -> tuple[Array, Array]:
    """w [N, 512] and dlib's descriptors [N, 128] of fresh generated faces, seen as 256² previews whose chips are cut out where the
    linear landmarks say: a fifth of the cost of whole pictures."""
    import torch

    from i2edit.edit.directions import Directions
    from i2edit.nets.dlibface import DlibFace, face_chip
    from i2edit.nets.mobile import Generator

    generator, describe, directions = Generator.from_weights(), DlibFace.from_weights(), Directions.from_assets()
    ws, found = [], []
    with torch.no_grad():
        for number in range(count):
            w = generator.seed(FIRST_LANDMARK_SEED + number)
            chip = face_chip(generator.preview(w), (directions.landmarks(w) * 256).float())
            ws.append(w[0].numpy())
            found.append(describe(chip)[0].numpy())
            if number % 200 == 199:
                log(persons=number + 1)
    return np.stack(ws), np.stack(found)


def kept(path: Path, measure: Callable[[], tuple[Array, Array]]) -> tuple[Array, Array]:
    """What `measure` gives, from `path` if it was measured before."""
    if not path.is_file():
        w, values = measure()
        np.savez(path, w=w, values=values)
    found = np.load(path)
    return found["w"], found["values"]


def fit_linear(
    w: Array, goals: Array, basis: Array, mean: Array, alpha: float
) -> tuple[Array, Array, dict[str, float]]:
    """Ridge regression w → goals [N, K]. Returns normals [K, 512] in w's own coordinates, offsets [K], and what a fifth of the
    faces, held out, says: R² and root mean square error."""
    from sklearn.linear_model import Ridge

    x = (w - mean) @ basis
    hold = len(x) // 5
    model = Ridge(alpha=alpha).fit(x[hold:], goals[hold:])
    error = goals[:hold] - model.predict(x[:hold])
    r2 = 1 - (error**2).sum() / ((goals[:hold] - goals[hold:].mean(0)) ** 2).sum()
    normals = (basis @ model.coef_.T).T
    report = {
        "faces": len(x),
        "r2_held_out": round(float(r2), 4),
        "rms": round(float(np.sqrt((error**2).mean())), 5),
    }
    return normals.astype(np.float32), model.intercept_.astype(np.float32), report


def train(out: Path, landmark_faces: int = 2600, person_faces: int = 1400, seed: int = 0) -> dict[str, Any]:
    """Writes `directions.safetensors` and `directions.json` (what was measured) into `out`, and returns the latter."""
    import torch
    from safetensors.numpy import save_file

    from i2edit import assets
    from i2edit.nets.mobile import Generator

    began = time.time()

    def log(**values: object) -> None:
        print(json.dumps({**values, "seconds": round(time.time() - began)}), flush=True)

    torch.manual_seed(seed)
    generator = Generator.published()
    stats = assets.tensors("w_stats.safetensors")
    mean, covariance = stats["mean"].numpy(), stats["cov"].numpy()
    basis = half_whitening(covariance)
    faces = {face.seed: face for face in read_labels()}
    splits = read_splits()
    x = {number: (generator.seed(number)[0].numpy() - mean) @ basis for number in faces}
    keys = sorted({key for face in faces.values() for key in face.labels} - {"artefact"})
    tensors: dict[str, Array] = {}
    report: dict[str, Any] = {"seed": seed, "attributes": {}}
    for key in keys:
        usable = dict(splits)
        if not any(faces[s].labels.get(key) is not None for s in splits["test"]):
            # Labelled in the mined train faces only ("hand"): held out by seed, because there is no other split.
            own = [s for s in splits["train"] if faces[s].labels.get(key) is not None]
            usable = {
                "train": own[: len(own) * 3 // 5],
                "validation": own[len(own) * 3 // 5 : len(own) * 4 // 5],
                "test": own[len(own) * 4 // 5 :],
            }
        normal, offset, measured = fit_attribute(key, faces, x, usable)
        tensors[f"normal.{key}"] = basis @ normal
        tensors[f"offset.{key}"] = np.array([offset], np.float32)
        report["attributes"][key] = measured
    log(
        attributes=len(keys),
        mean_auc_test=round(float(np.mean([m["auc_test"] for m in report["attributes"].values()])), 4),
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, alpha, measure in (
        ("landmark", 30.0, lambda: measure_landmarks(landmark_faces, log)),
        ("person", 1000.0, lambda: measure_persons(person_faces, log)),
    ):
        w, values = kept(out / f"{name}.npz", measure)
        tensors[f"{name}.normal"], tensors[f"{name}.offset"], report[f"{name}s"] = fit_linear(
            w, values, basis, mean, alpha
        )
    save_file(
        {key: np.ascontiguousarray(value, np.float32) for key, value in tensors.items()},
        str(out / "directions.safetensors"),
    )
    (out / "directions.json").write_text(json.dumps(report, indent=1) + "\n")
    log(landmarks=report["landmarks"], persons=report["persons"])
    return report


def table(report: dict[str, Any]) -> str:
    """The AUC table as Markdown."""
    lines = ["| attribute | train (positive) | test (positive) | AUC test |", "|---|---|---|---|"]
    for key, m in report["attributes"].items():
        kind = " (held steady)" if key in (*CONFOUNDERS, "hand") else ""
        lines.append(
            f"| {key}{kind} | {m['train']} ({m['positive']}) | {m['test']} ({m['test_positive']}) | {m['auc_test']:.3f} |"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="i2edit train directions", description="Learn the edit directions from the labelled faces."
    )
    parser.add_argument("--out", type=Path, default=Path("runs/directions"))
    parser.add_argument("--landmark-faces", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    print(table(train(options.out, options.landmark_faces, options.seed)))


if __name__ == "__main__":
    main()
