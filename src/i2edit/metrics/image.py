"""How good are edited pictures? Relevance to what was asked, likeness to the original, and the look of the whole set.

In: pairs of pictures (original, edited) and the values that were asked for. Out: numbers with 95 % intervals.

    scorer = Scorer(features=VGGFeatures(), lpips=LPIPS("alex").from_weights(), face=DlibFace.from_weights())
    pairs = [scorer(original, edited, ("bangs", "lipstick")), …]         # one `Measured` a pair
    found = {name: interval(f, len(pairs)) for name, f in statistics(pairs, scorer.feature_name).items()}

Names carry what they depend on: `fid:NETWORK`, `kid:NETWORK`, `lpips:alex`, `id:dlib`. `avgrel` and `minrel` depend on the
image–text model, `judge` on the classifier; neither is scored without its model. Figures made with different networks, or
FID with different numbers of pictures, are never to be compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from i2edit.captions import caption
from i2edit.errors import DataError
from i2edit.ontology import VALUES, Belief, check_value
from i2edit.stacks import named

if TYPE_CHECKING:
    from PIL import Image

    from i2edit.nets.clip import ImageText
    from i2edit.nets.dlibface import DlibFace
    from i2edit.nets.lpips import LPIPS

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Statistic = Callable[[Index], float]
ROUNDS = 1000  # of the bootstrap
SET_ROUNDS = 200  # for FID and KID, which are slow
FACETEXT = "facetext"  # the name of the shipped image–text model
JUDGE = "judge"  # the name of the shipped second judge
SIDE = 256  # pixels at which LPIPS and the features look at a picture
HIGHER = ("avgrel", "minrel", "relevance", "judge", "id:")  # better when higher; the others when lower

# ------------------------------------------------------------------------------------------------ what models must do


class Judge(Protocol):
    """A classifier: pictures [B, 3, H, W] RGB in [-1, 1] → [B, 23] probabilities in ontology order."""

    def probabilities(self, pictures: Tensor) -> Tensor: ...


class Features(Protocol):
    """A feature network for FID and KID: pictures [B, 3, H, W] RGB in [-1, 1] → [B, D]."""

    name: str

    def __call__(self, pictures: Tensor) -> Tensor: ...


def load_model(source: str) -> Any:
    """The model that `MODULE:CALLABLE` or `MODULE:CALLABLE:ARGUMENT` makes (`stacks.named`). Raises I2EditError."""
    make, arguments = named(source)
    return make(*arguments)


def load_image_text(name: str) -> ImageText:
    """`facetext`, the shipped face–text encoder, or a model named as in `load_model`. Raises I2EditError, WeightsError."""
    from i2edit.facetext import FaceText

    return FaceText.from_assets() if name == FACETEXT else load_model(name)


def load_judge(name: str) -> Judge:
    """`judge`, the shipped one, or a model named as in `load_model`. Raises I2EditError, WeightsError."""
    from i2edit import judge

    return judge.Judge.from_assets() if name == JUDGE else load_model(name)


# ------------------------------------------------------------------------------------------------ relevance


def relevance(pictures: Tensor, texts: Tensor) -> Tensor:
    """Cosines of unit vectors: [B, D] and [T, D] → [B, T] (the paper's CosCLIP, §3.3)."""
    return pictures @ texts.T


def avg_rel(cosines: Tensor) -> float:
    """AvgRel of one picture: the mean over the requested attributes T of cos(I, t) (paper §3.3, eq. 1)."""
    return float(cosines.mean())


def min_rel(cosines: Tensor) -> float:
    """MinRel of one picture: the least cos(I, t) over the requested attributes T (paper §3.3, eq. 2)."""
    return float(cosines.min())


# ------------------------------------------------------------------------------------------------ the set of pictures


def fid(a: Array, b: Array) -> float:
    """Fréchet distance of two sets of features [n, D], [m, D] (Heusel et al. 2017; paper §3.3).

        |μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁ Σ₂)^½

    With Σ = AᵀA the last trace is the sum of the singular values of A₁A₂ᵀ, which needs no matrix root and is exact for
    fewer pictures than dimensions. Biased upwards for small sets: compare only sets of the same size.
    """
    if min(len(a), len(b)) < 2:
        return float("nan")
    root_a, root_b = _root(a), _root(b)
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + (root_a**2).sum() + (root_b**2).sum() - 2 * shared)


def _root(x: Array) -> Array:
    """A with AᵀA the covariance of x [n, D], with no more rows than columns."""
    centred = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(x) > x.shape[1] else centred


def kernel(a: Array, b: Array) -> Array:
    """(x·y / D + 1)³ of all pairs, [n, D], [m, D] → [n, m] (Bińkowski et al. 2018)."""
    return (a @ b.T / a.shape[1] + 1.0) ** 3


def mmd(aa: Array, bb: Array, ab: Array) -> float:
    """The unbiased squared MMD from the three kernel matrices [n, n], [m, m], [n, m]."""
    n, m = ab.shape
    if min(n, m) < 2:
        return float("nan")
    own = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return float(own - 2 * ab.mean())


def kid(a: Array, b: Array) -> float:
    """Kernel distance of two sets of features [n, D], [m, D]: the unbiased MMD² over all pictures at once."""
    return mmd(kernel(a, a), kernel(b, b), kernel(a, b))


class VGGFeatures:
    """VGG-16 features [B, 512]: the last feature map of LPIPS-VGG, of mean square one at every place, averaged over space.

    The default network of FID and KID: its weights come from a package, Inception's do not.
    """

    name = "vgg16-relu5"

    def __init__(self, net: LPIPS | None = None) -> None:
        from i2edit.nets.lpips import LPIPS

        self.net = net or LPIPS("vgg").from_weights()

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        last = self.net.features(F.interpolate(pictures, size=SIDE, mode="area"))[-1]
        return last.shape[1] ** 0.5 * last.mean((2, 3))


def load_features(path: Path | None = None) -> Features:
    """VGG, or the Inception whose weights are at ``path``. Raises WeightsError."""
    if path is None:
        return VGGFeatures()
    from i2edit.nets.inception import Inception

    return Inception.from_checkpoint(path)


# ------------------------------------------------------------------------------------------------ one pair


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a pair: metric → number (None: not scorable here, such as AvgRel with nothing asked for), and
    the features [D] of both pictures (None without a feature network)."""

    scores: dict[str, float | None]
    original: Array | None = None
    edited: Array | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, exact."""
        features = {"original": self.original, "edited": self.edited}
        return {"scores": self.scores} | {name: None if x is None else x.tolist() for name, x in features.items()}

    @classmethod
    def from_json(cls, obj: Mapping[str, Any]) -> Measured:
        """The inverse of ``to_json``."""
        both = (None if obj.get(name) is None else np.array(obj[name]) for name in ("original", "edited"))
        return cls(dict(obj["scores"]), *both)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is known of an original, which many edited pictures are compared with."""

    picture: Tensor
    lpips: list[Tensor]
    landmarks: Any  # [68, 2] in its pixels, or None: no face was found
    descriptor: Tensor | None
    features: Array | None


@dataclass
class Scorer:
    """The networks that measure; ``features``, ``image_text``, ``judge`` and ``arcface`` are None when there is none, and what
    needs them is not scored."""

    features: Features | None
    lpips: LPIPS
    face: DlibFace
    image_text: ImageText | None = None
    judge: Judge | None = None
    arcface: Callable[[Tensor], Tensor] | None = None
    _texts: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)
    _last: tuple[Image.Image, _Seen] | None = field(default=None, init=False, repr=False)

    @property
    def feature_name(self) -> str:
        """The name of the feature network; empty without one."""
        return self.features.name if self.features is not None else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that this scorer gives, FID and KID first."""
        found = [f"{name}:{self.feature_name}" for name in ("fid", "kid") if self.features is not None]
        found += [f"lpips:{self.lpips.net}"]
        found += ["minrel", "avgrel"] if self.image_text is not None else []
        found += ["id:dlib", "id-distance:dlib"] + (["id:arcface"] if self.arcface is not None else [])
        return (*found, *(["judge"] if self.judge is not None else []))

    @property
    def unscored(self) -> dict[str, str]:
        """Metric → why it is not there."""
        found = {}
        if self.image_text is None:
            found["minrel, avgrel"] = "no image–text model was given"
        if self.judge is None:
            found["judge"] = "no second judge was given"
        return found

    @torch.no_grad()
    def __call__(
        self, original: Image.Image, edited: Image.Image, values: Sequence[str], first: str | None = None
    ) -> Measured:
        """PIL RGB × 2, aligned alike; ``values``: what was asked for. ``first``: a value scored on its own as well
        (`relevance:first`, `judge:first`). Raises DataError when the pictures have different shapes."""
        from i2edit.images import to_tensor

        if abs(original.width * edited.height / (original.height * edited.width) - 1) > 0.01:
            raise DataError(
                f"The original has {original.width} × {original.height} pixels, the edited picture {edited.width} × "
                f"{edited.height}: they do not show the same part."
            )
        seen, b = self._see(original), to_tensor(edited)
        distance = self.lpips.distance(seen.lpips, self._lpips_features(b))
        scores: dict[str, float | None] = {f"lpips:{self.lpips.net}": float(distance)}
        scores |= self._identity(seen, original, b, edited)
        if self.arcface is not None:
            scores["id:arcface"] = float((self.arcface(seen.picture) * self.arcface(b)).sum())
        asked = [check_value(value) for value in values]
        if self.image_text is not None:
            vector = self.image_text.embed_images(b)
            cosines = relevance(vector, torch.cat([self._text(v) for v in asked])) if asked else None
            scores |= {"minrel": None, "avgrel": None} if cosines is None else {
                "minrel": min_rel(cosines), "avgrel": avg_rel(cosines),
            }  # fmt: skip
            if first is not None:
                scores["relevance:first"] = float(relevance(vector, self._text(first)))
        if self.judge is not None:
            said = dict(zip(VALUES, self.judge.probabilities(b)[0].tolist(), strict=True))
            shown = [
                said[value] for value in asked if not math.isnan(said[value])
            ]  # NaN: it does not know such a value
            scores["judge"] = sum(shown) / len(shown) if shown else None
            if first is not None:
                scores["judge:first"] = None if math.isnan(said[first]) else said[first]
        return Measured(scores, seen.features, self._features_of(b))

    def _features_of(self, x: Tensor) -> Array | None:
        return None if self.features is None else self.features(x)[0].double().numpy()

    def _lpips_features(self, x: Tensor) -> list[Tensor]:
        return self.lpips.features(F.interpolate(x, size=SIDE, mode="area"))

    def _see(self, original: Image.Image) -> _Seen:
        from i2edit.align import find_faces
        from i2edit.images import to_tensor
        from i2edit.nets.dlibface import face_chip

        if self._last is None or self._last[0] is not original:
            x = to_tensor(original)
            found = find_faces(original)
            points = found[0].landmarks if found else None
            descriptor = self.face(face_chip(x, points)) if points is not None else None
            self._last = original, _Seen(x, self._lpips_features(x), points, descriptor, self._features_of(x))
        return self._last[1]

    def _text(self, value: str) -> Tensor:
        if value not in self._texts:
            assert self.image_text is not None
            self._texts[value] = self.image_text.embed_texts([caption(Belief.of(value))])
        return self._texts[value]

    def _identity(self, seen: _Seen, original: Image.Image, b: Tensor, edited: Image.Image) -> dict[str, float | None]:
        """Cosine and distance of dlib's descriptors. An edited picture in which no face is found any more is looked at where
        the original's is; without a face in the original there is nothing to compare."""
        from i2edit.align import find_faces
        from i2edit.nets.dlibface import face_chip

        if seen.descriptor is None:
            return {"id:dlib": None, "id-distance:dlib": None}
        found = find_faces(edited)
        points = found[0].landmarks if found else seen.landmarks * (edited.width / original.width)
        there = self.face(face_chip(b, points))
        cosine = float(F.cosine_similarity(seen.descriptor, there))
        return {"id:dlib": cosine, "id-distance:dlib": float((seen.descriptor - there).norm())}


# ------------------------------------------------------------------------------------------------ many pairs


def statistics(pairs: Sequence[Measured], feature_name: str) -> dict[str, Statistic]:
    """Metric → its value on a choice of pairs, given by index with repetitions. Metrics that no pair has are left out."""
    names = dict.fromkeys(name for pair in pairs for name in pair.scores)
    columns = {name: np.array([_number(pair.scores.get(name)) for pair in pairs]) for name in names}
    found: dict[str, Statistic] = {}
    if len(pairs) > 1 and pairs[0].original is not None:
        a, b = (np.stack([getattr(pair, side) for pair in pairs]) for side in ("original", "edited"))
        aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
        found[f"fid:{feature_name}"] = lambda i: fid(a[i], b[i])
        found[f"kid:{feature_name}"] = lambda i: mmd(aa[np.ix_(i, i)], bb[np.ix_(i, i)], ab[np.ix_(i, i)])
    return found | {name: _mean_of(column) for name, column in columns.items() if not np.isnan(column).all()}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _mean_of(column: Array) -> Statistic:
    def mean(chosen: Index) -> float:
        part = column[chosen]
        part = part[~np.isnan(part)]
        return float(part.mean()) if len(part) else float("nan")

    return mean


def interval(f: Statistic, n: int, seed: int = 0, rounds: int = ROUNDS) -> dict[str, float]:
    """`{"mean": f of all n pairs, "low", "high"}`: the 95 % interval by drawing pairs with replacement.

    The draws' spread is laid around the value of all pairs, because a set with repetitions has a higher FID and KID than
    one without. The same seed and n draw the same pairs, so that a difference of two statistics is a paired one.
    """
    value = f(np.arange(n))
    rng = np.random.default_rng(seed)
    drawn = np.array([f(rng.integers(0, n, n)) for _ in range(rounds)])
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.isnan(value):
        return {"mean": value, "low": value, "high": value}
    low, high = np.percentile(drawn, [2.5, 97.5]) - drawn.mean()
    return {"mean": value, "low": value + float(low), "high": value + float(high)}


def intervals(found: Mapping[str, Statistic], n: int, seed: int = 0) -> dict[str, dict[str, float]]:
    """``interval`` of every statistic that has a value."""
    rows = {
        name: interval(f, n, seed, SET_ROUNDS if name.startswith(("fid:", "kid:")) else ROUNDS)
        for name, f in found.items()
    }
    return {name: row for name, row in rows.items() if not np.isnan(row["mean"])}


def differences(
    one: Mapping[str, Statistic], other: Mapping[str, Statistic], n: int, seed: int = 0
) -> dict[str, dict[str, float]]:
    """One minus the other on the same pairs, drawn together, for every metric that both have."""

    def minus(a: Statistic, b: Statistic) -> Statistic:
        return lambda chosen: a(chosen) - b(chosen)

    return intervals({name: minus(one[name], other[name]) for name in one if name in other}, n, seed)


def better_when_higher(name: str) -> bool:
    """Whether a metric is good when high (relevance, identity's cosine, judge) or when low."""
    return name.startswith(HIGHER)


# ------------------------------------------------------------------------------------------------ folders of pictures

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def read_beliefs(path: Path) -> dict[str, Belief]:
    """Picture name → belief, from JSON lines: `{"image": "a.png", "belief": {…}}`, or dialogues, whose last belief counts and
    whose name is the dialogue_id. Names without their suffix. Raises DataError with the line."""
    if not path.is_file():
        raise DataError(f"There is no file of beliefs at {path}.")
    found: dict[str, Belief] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            obj = json.loads(line)
            if "turns" in obj:
                name, belief = obj["dialogue_id"], obj["turns"][-1]["belief"]
            else:
                name, belief = obj["image"], obj["belief"]
            name = Path(name).stem
            if name in found:
                raise DataError(f"{name} is there twice")
            found[name] = Belief.from_json(belief)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f'{path}, line {number}: {{"image": …, "belief": …}} or a dialogue is expected.') from error
        except DataError as error:
            raise DataError(f"{path}, line {number}: {str(error).rstrip('.')}.") from error
    if not found:
        raise DataError(f"There is nothing in {path}.")
    return found


def pictures_in(folder: Path) -> dict[str, Path]:
    """Name without suffix → file, of the pictures of a folder. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"There is no folder of pictures at {folder}.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES:
            if path.stem in found:
                raise DataError(f"{folder} holds both {found[path.stem].name} and {path.name}: which one is meant?")
            found[path.stem] = path
    return found


def evaluate_folders(
    original: Path,
    edited: Path,
    beliefs: Path,
    scorer: Callable[[], Scorer],
    *,
    losses: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> dict[str, Any]:
    """Scores the pictures of two folders that have the same name and a belief.

    Pictures without a partner or a belief are counted, not scored. ``scorer`` makes the scorer once the folders were read.
    ``losses``: metrics that served as losses of what made the pictures; they are passed on, to be marked †. Raises DataError.
    """
    from i2edit.images import open_photo

    wanted, left, right = read_beliefs(beliefs), pictures_in(original), pictures_in(edited)
    names = [name for name in wanted if name in left and name in right]
    if not names:
        raise DataError(f"No name of {beliefs} has a picture both in {original} and in {edited}.")
    measuring = scorer()
    unknown = [name for name in losses if name not in measuring.names]
    if unknown:
        raise DataError(f"There is no metric {unknown[0]} here. There are: {', '.join(measuring.names)}.")
    pairs = []
    for done, name in enumerate(names):
        if progress is not None:
            progress(done / len(names), "measuring")
        try:
            pairs.append(measuring(open_photo(left[name]).image, open_photo(right[name]).image, wanted[name].values))
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
    if progress is not None:
        progress(1.0, "measured")
    return {
        "n": len(pairs),
        "metrics": intervals(statistics(pairs, measuring.feature_name), len(pairs), seed),
        "losses": list(losses),
        "unscored": measuring.unscored,
        "left_out": {
            "no original": sorted((set(right) & set(wanted)) - set(left)),
            "no edited picture": sorted((set(left) & set(wanted)) - set(right)),
            "no belief": sorted((set(left) & set(right)) - set(wanted)),
        },
        "nothing_asked_for": sum(not wanted[name] for name in names),
        "no_face": sum(pair.scores["id:dlib"] is None for pair in pairs),
        "seed": seed,
    }


def metrics_text(found: Mapping[str, Any]) -> str:
    """What ``evaluate_folders`` returned, as a table."""
    lines = [f"| metric, n = {found['n']} | value | 95 % |", "|---|---:|---|"]
    for name, row in found["metrics"].items():
        mark = "†" if name in found["losses"] else ""
        arrow = "↑" if better_when_higher(name) else "↓"
        lines.append(f"| {name}{mark} {arrow} | {row['mean']:.4f} | {row['low']:.4f} to {row['high']:.4f} |")
    notes = [f"Not scored: {name} ({why})." for name, why in found["unscored"].items()]
    notes += [f"Left out, {why}: {len(names)}." for why, names in found["left_out"].items() if names]
    if found["nothing_asked_for"]:
        notes.append(f"Nothing was asked for: {found['nothing_asked_for']} (no relevance).")
    if found["no_face"]:
        notes.append(f"No face found in the original: {found['no_face']} (no identity).")
    return "\n".join([*lines, "", *notes]).rstrip()


__all__ = [
    "FACETEXT", "Features", "Judge", "Measured", "Scorer", "VGGFeatures", "avg_rel", "better_when_higher", "differences",
    "evaluate_folders", "fid", "interval", "intervals", "kid", "load_features", "load_image_text", "load_model", "metrics_text", "min_rel",
    "read_beliefs", "relevance", "statistics",
]  # fmt: skip
