"""What the face–text encoder scores on labelled faces: area under the ROC curve, per attribute and on average.

    python -m i2edit.bench.facetext [--split test] [--pictures DIR]

In: the raters' labels of a split (`data/faces.py`) and the pictures of its seeds. Each attribute is named as the ontology
does ("auc"), by names that no training text has ("unseen", mean over five), and denied in those names ("denied": "no …",
ranked the other way round). Beside them the linear map of w ("w"), which sees no pixel. Intervals: 95 %, bootstrap
over the faces. Attributes with fewer than 20 positives are left out of the averages and listed apart.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from i2edit.data.descriptions import unseen_wordings
from i2edit.data.faces import LabelledFace, read_labels, read_splits
from i2edit.edit.directions import label_of
from i2edit.facetext import FaceText
from i2edit.ontology import VALUES

LEAST_POSITIVES = 20
MEASURES = ("auc", "unseen", "denied", "w")


def auc(scores: np.ndarray, truth: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve; a tie counts half. NaN with one class only.

    scores [N], truth [N] of 0 and 1, counts [R, N]: how often each face is in each of R samples (default: one sample, every face
    once) → [R].
    """
    counts = np.ones((1, len(truth))) if counts is None else counts
    positive = truth == 1
    margin = scores[positive][:, None] - scores[~positive][None]
    won = (margin > 0) + 0.5 * (margin == 0)  # [P, N]
    p, n = counts[:, positive].astype(float), counts[:, ~positive].astype(float)
    with np.errstate(invalid="ignore"):
        return np.asarray(((p @ won) * n).sum(1) / (p.sum(1) * n.sum(1)))


def scores_of(
    model: FaceText, embedded: Tensor, w_logits: np.ndarray, unseen: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, np.ndarray]]:
    """Value → measure → scores [names, N] of pictures [N, dim]."""
    found = {}
    with torch.no_grad():
        for index, value in enumerate(VALUES):
            plain = model.logits(embedded, model.names[index : index + 1]).T.numpy()
            named = model.logits(embedded, model.embed_texts(unseen[value])).T.numpy()
            denied = -model.logits(
                embedded, model.embed_texts([f"a face without {name}" for name in unseen[value]])
            ).T.numpy()
            found[value] = {"auc": plain, "unseen": named, "denied": denied, "w": w_logits[None, :, index]}
    return found


def measure(
    model: FaceText,
    embedded: Tensor,
    w_logits: np.ndarray,
    faces: Sequence[LabelledFace],
    split: str,
    rounds: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores of pictures [N, dim] of labelled faces [N]; w_logits [N, 23]. Bootstrap rounds: 0 for no intervals."""
    unseen = unseen_wordings("test" if split == "test" else "validation")
    scores = scores_of(model, embedded, w_logits, unseen)
    labels = {value: [face.labels.get(label_of(value)) for face in faces] for value in VALUES}
    truth = {value: np.array([-1 if label is None else label for label in found]) for value, found in labels.items()}
    counted = [value for value in VALUES if (truth[value] == 1).sum() >= LEAST_POSITIVES]

    def table(counts: np.ndarray) -> np.ndarray:
        """AUC [samples, values, measures] of samples of the faces, given as counts [samples, faces]."""
        out = np.full((len(counts), len(VALUES), len(MEASURES)), np.nan)
        for i, value in enumerate(VALUES):
            seen = truth[value] >= 0
            for j, name in enumerate(MEASURES):
                found = [auc(one[seen], truth[value][seen], counts[:, seen]) for one in scores[value][name]]
                out[:, i, j] = np.mean(found, axis=0)
        return out

    rng = np.random.default_rng(seed)

    def samples(among: np.ndarray) -> np.ndarray:
        """Every face once, then the bootstrap: counts [1 + rounds, faces]."""
        out = np.zeros((1 + rounds, len(faces)))
        out[0, among] = 1
        for row in out[1:]:
            np.add.at(row, rng.choice(among, len(among)), 1)
        return out

    def summary(found: np.ndarray) -> dict[str, float]:
        """The value, and the middle 95 % of the bootstrap: found [1 + rounds]."""
        out = {"value": round(float(found[0]), 4)}
        if rounds:
            low, high = np.nanquantile(found[1:], (0.025, 0.975))
            out |= {"low": round(float(low), 4), "high": round(float(high), 4)}
        return out

    def means(found: np.ndarray, values: Sequence[str]) -> dict[str, dict[str, float]]:
        among = [VALUES.index(value) for value in values]
        return {name: summary(np.nanmean(found[:, among, j], axis=1)) for j, name in enumerate(MEASURES)}

    whole = table(samples(np.arange(len(faces))))
    report: dict[str, Any] = {
        "split": split, "faces": len(faces), "counted": len(counted), "rounds": rounds, "seed": seed,
    }  # fmt: skip
    if counted:
        report["macro"] = means(whole, counted)
    random_faces = np.array([i for i, face in enumerate(faces) if face.why == "random"], dtype=int)
    often = [value for value in VALUES if (truth[value][random_faces] == 1).sum() >= LEAST_POSITIVES]
    if often:
        report["random"] = {"faces": len(random_faces), "counted": often} | means(table(samples(random_faces)), often)
    report["attributes"] = {
        value: {
            "positive": int((truth[value] == 1).sum()),
            "labelled": int((truth[value] >= 0).sum()),
            "counted": value in counted,
        }
        | {name: summary(whole[:, i, j]) for j, name in enumerate(MEASURES)}
        for i, value in enumerate(VALUES)
    }
    return report


def text(report: Mapping[str, Any]) -> str:
    """The report as a Markdown table."""

    def cell(found: Mapping[str, float]) -> str:
        between = f" ({found['low']:.3f}–{found['high']:.3f})" if "low" in found else ""
        return f"{found['value']:.3f}{between}"

    lines = [
        "| attribute | positive / labelled | AUC | unseen names | denied | linear map of w |",
        "|---|---|---|---|---|---|",
    ]
    for counted in (True, False):
        for value, row in report["attributes"].items():
            if row["counted"] == counted:
                lines.append(
                    f"| {value}{'' if counted else ' *'} | {row['positive']} / {row['labelled']} | {' | '.join(cell(row[name]) for name in MEASURES)} |"
                )
    means = " | ".join(f"**{cell(report['macro'][name])}**" for name in MEASURES)
    lines.append(f"| **mean of {report['counted']}** | {report['faces']} faces | {means} |")
    if "random" in report:
        found = report["random"]
        lines.append(
            f"| random faces alone, mean of {len(found['counted'])} | {found['faces']} faces | {' | '.join(cell(found[name]) for name in MEASURES)} |"
        )
    return "\n".join([*lines, "", f"\\* fewer than {LEAST_POSITIVES} positives; not in the mean."])


def read(model: FaceText, pictures: Path, split: str) -> tuple[Tensor, np.ndarray, list[LabelledFace]]:
    """Pictures [N, dim], linear maps [N, 23] and labels of a split; what is not drawn yet is drawn into `pictures`."""
    from i2edit.edit.directions import Directions
    from i2edit.train.facetext import make_pictures, read_pictures

    make_pictures(pictures, split, read_splits()[split], labelled=True)
    drawn = read_pictures(pictures, split)
    labels = {face.seed: face for face in read_labels()}
    keys = Directions.from_assets().keys
    columns = [keys.index(label_of(value)) for value in VALUES]
    with torch.no_grad():
        parts = torch.from_numpy(drawn.images).split(32)
        embedded = torch.cat([model.embed_images(part.float() / 127.5 - 1) for part in parts])
    return embedded, drawn.logits[:, columns], [labels[int(seed)] for seed in drawn.seeds]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m i2edit.bench.facetext", description="Score the face–text encoder.")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--pictures", type=Path, default=Path("runs/facetext/pictures"))
    parser.add_argument("--model", type=Path, help="a model's folder (default: the shipped one)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    model = FaceText.from_folder(options.model) if options.model else FaceText.from_assets()
    report = measure(model, *read(model, options.pictures, options.split), options.split)
    print(json.dumps(report) if options.json else text(report))


if __name__ == "__main__":
    main()
