"""The default editor: (w_raw, edit state) → w, one small linear problem for the whole belief.

    w_raw [23, 512] + {smiling: 1.0, bangs: 0.6} → w [23, 512]    (or 18 slots, those of StyleGAN2: `nets/slots.py`)

Attribute logits and face landmarks are linear in w (`train/directions.py`). The step δ is the one that brings every
requested logit to its target at the least cost

    δᵀ Σ⁻¹ δ  +  λ ‖L δ‖²  +  Σ μ (aₖ·δ)²

Σ is the covariance of w (stay where faces live), L the landmarks that this edit must not move and the numbers of the face
descriptor (stay the same person), aₖ the attributes that nobody asked for and the confounders (male, child, old, glasses,
hat, a hand). The order of the requests does not matter. Each value's share of δ goes to its own slots only.

A belief is solved in up to four layers, because each is seen in its own part of the picture only: the face (what moves),
its skin (what only changes colour) and its beard on top of that, and the hair of the raw face. So a beard that comes with
closed lips does not take the smile away, a frown does not tint the cheeks, and a fringe does not darken the skin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from i2edit.nets.mobile import NUM_SLOTS
from i2edit.nets.slots import carried
from i2edit.ontology import EXCLUDES, SLOTS, VALUES, Belief, EditState

HELD_ALWAYS = ("male", "child", "old", "glasses", "hat", "hand")
# Landmark groups of the 68-point scheme.
JAW, BROWS, NOSE, EYES, MOUTH = range(0, 17), range(17, 27), range(27, 36), range(36, 48), range(48, 68)
# Attributes that the labels cannot tell apart in w, or that come with each other: never held against each other.
TOGETHER: tuple[frozenset[str], ...] = (
    frozenset({"mustache", "goatee", "sideburns", "bushy eyebrows"}),
    frozenset({"heavy makeup", "lipstick", "rosy cheeks", "no makeup", "earrings"}),
    frozenset({"brown hair", "blond hair", "black hair", "gray hair"}),
    frozenset({"smiling", "no smiling", "angry", "sad"}),
    frozenset({"pale skin", "rosy cheeks"}),
)


@dataclass(frozen=True)
class Kind:
    """How one value is edited: its slots [first, last), the landmarks it may move, its target."""

    slots: tuple[int, int]
    moves: tuple[range, ...] = ()
    quantile: float = 1.0  # 0: the median of the faces that have it, 1: the 80th percentile
    least: float = 2.0  # the least change of the logit, so that asking for what is there already still shows
    releases: tuple[str, ...] = ()  # confounders that this value cannot do without, held less


# The first two slots turn the head and give it hats: an edit leaves them alone.
SHAPE, BEARDS, COLOUR = (2, 14), (2, 18), (7, NUM_SLOTS)
KINDS: dict[str, Kind] = {
    "smiling": Kind(SHAPE, (MOUTH,), 1.0, 2.6),
    "angry": Kind(SHAPE, (MOUTH, BROWS, EYES), 0.9),
    "sad": Kind(SHAPE, (MOUTH, BROWS, EYES), 1.4),
    "no smiling": Kind(SHAPE, (MOUTH,), 0.6),
    "brown hair": Kind(COLOUR, quantile=1.2),
    "blond hair": Kind(COLOUR),
    "black hair": Kind(COLOUR),
    "gray hair": Kind(COLOUR, releases=("old",)),
    "straight hair": Kind(SHAPE, quantile=1.2, least=2.5),
    "wavy hair": Kind(SHAPE, quantile=1.0, least=2.2),
    "receding hairline": Kind(SHAPE, quantile=1.2, least=3.0),
    "sideburns": Kind(BEARDS, quantile=1.5, least=4.0, releases=("male",)),
    "bangs": Kind(SHAPE, quantile=1.2, least=3.3),
    "mustache": Kind(BEARDS, quantile=1.5, least=4.0, releases=("male",)),
    "goatee": Kind(BEARDS, quantile=1.5, least=4.0, releases=("male",)),
    "no makeup": Kind((4, NUM_SLOTS), quantile=0.5),
    "heavy makeup": Kind((4, NUM_SLOTS), releases=("male",)),
    "lipstick": Kind((6, NUM_SLOTS), releases=("male",)),
    "earrings": Kind((2, NUM_SLOTS)),
    "bushy eyebrows": Kind(SHAPE, (BROWS,), 1.5, 3.0),
    "big lips": Kind(SHAPE, (MOUTH,), 1.2),
    "rosy cheeks": Kind(COLOUR, quantile=1.3, least=2.5),
    "pale skin": Kind(COLOUR, quantile=0.6, least=1.5),
}


def label_of(value: str) -> str:
    """The label key of an ontology value: "no smiling" → "no_smiling"."""
    return value.replace(" ", "_")


# The layers, in the order in which they are drawn, and the values of each.
HAIR_COLOURS = SLOTS["hair color"]
BEARD = ("sideburns", "mustache", "goatee")
HAIR = (*HAIR_COLOURS, *(v for v in SLOTS["hairstyle"] if v != "sideburns"))
SKIN = ("no makeup", "heavy makeup", "lipstick", "rosy cheeks", "pale skin")
FACE = tuple(v for v in VALUES if v not in BEARD and v not in HAIR and v not in SKIN)
LAYERS: dict[str, tuple[str, ...]] = {"face": FACE, "skin": SKIN, "beard": BEARD, "hair": HAIR}


@dataclass(frozen=True)
class Layer:
    """A part of a belief, the w [23, 512] that shows it, and the w that it departs from."""

    name: str
    state: EditState
    w: Tensor
    base: Tensor


@dataclass(frozen=True)
class Settings:
    """λ and μ of the cost, in squared standard deviations of w per unit."""

    landmark: float = 3000.0  # per (part of the picture's side)², summed over the points held
    attribute: float = 0.3  # per squared logit of an attribute that nobody asked for
    confounder: float = 0.8
    released: float = 0.08
    kept: float = 2.0  # an attribute that was asked for in the layer below, and beards that brows must not bring
    person: float = 600.0  # per squared unit of the face descriptor (0.6 = somebody else)
    leave: float = 0.7  # how far the other hair colours go towards the faces that do not have them
    dye: float = 0.1  # of all that is held, for a hair colour: of that picture only the hair is seen
    beard: float = 0.4  # the same for a beard
    longest: float = 14.0  # standard deviations of w (Mahalanobis); longer steps are shortened


class Directions:
    """Linear attribute and landmark maps of w, and the edit that they define."""

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        report: Mapping[str, dict[str, float]],
        stats: Mapping[str, Tensor],
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.keys = tuple(name.removeprefix("normal.") for name in tensors if name.startswith("normal."))
        self._index = {key: i for i, key in enumerate(self.keys)}
        self.mean = stats["mean"].double()
        covariance = stats["cov"].double()
        self._precision = torch.linalg.inv(
            covariance + 1e-4 * torch.eye(len(covariance), dtype=torch.float64) * covariance.diagonal().mean()
        )
        self._normals = torch.stack([tensors[f"normal.{key}"] for key in self.keys]).double()
        self._offsets = torch.stack([tensors[f"offset.{key}"][0] for key in self.keys]).double()
        self._landmarks = tensors["landmark.normal"].double().reshape(68, 2, -1)
        self._landmark_offsets = tensors["landmark.offset"].double()
        self._person = tensors["person.normal"].double()
        self._measured = report

    @classmethod
    def from_assets(cls) -> Directions:
        """The shipped directions."""
        import json

        from i2edit import assets

        report = json.loads((assets.FOLDER / "directions.json").read_text())
        return cls(
            assets.tensors("directions.safetensors"), report["attributes"], assets.tensors("w_stats.safetensors")
        )

    def logits(self, w: Tensor) -> dict[str, float]:
        """Logit of every label for w [512] or [23, 512] (then of the mean over the slots); above 0 = more likely there."""
        w = w.double().reshape(-1, w.shape[-1]).mean(0)
        return dict(zip(self.keys, ((self._normals @ (w - self.mean)) + self._offsets).tolist(), strict=True))

    def present(self, w: Tensor) -> frozenset[str]:
        """The ontology values that the face of w shows already, as far as w tells."""
        logits = self.logits(w)
        return frozenset(value for value in KINDS if logits[label_of(value)] > 0)

    def landmarks(self, w: Tensor) -> Tensor:
        """Where the 68 landmarks of the face of w are, as far as w tells: [68, 2] in parts of the picture's side."""
        flat = w.double().reshape(-1, w.shape[-1]).mean(0) - self.mean
        return self._landmarks @ flat + self._landmark_offsets.reshape(68, 2)

    def target(self, value: str, logit: float, strength: float) -> float:
        """The change of the value's logit that is asked for."""
        kind, measured = KINDS[value], self._measured[label_of(value)]
        low, high = measured["positive_median"], measured["positive_high"]
        goal = low + kind.quantile * (high - low)
        return strength * max(goal - logit, kind.least)

    def step(self, w: Tensor, state: EditState, kept: tuple[str, ...] = ()) -> Tensor:
        """δ [23, 512] from w, zero for the empty state; ``kept``: values of the layer below, which must not fade."""
        values = state.belief.values
        if not values:
            return torch.zeros_like(w)
        logits = self.logits(w)
        hessian = self._precision.clone()
        moved = {point for value in values for group in KINDS[value].moves for point in group}
        held_points = [point for point in range(68) if point not in moved]
        rows = self._landmarks[held_points].flatten(0, 1)
        hessian += self.settings.landmark * rows.T @ rows
        seen = max(
            self.settings.dye if v in HAIR_COLOURS else self.settings.beard if v in BEARD else 1.0 for v in values
        )
        hessian += seen * self.settings.person * self._person.T @ self._person
        released = {name for value in values for name in KINDS[value].releases}
        related = {other for value in values for group in TOGETHER if value in group for other in group}
        related |= {other for value in values for other in EXCLUDES[value]} | set(values)
        if "bushy eyebrows" in values and moved & set(MOUTH):  # which come with stubble, and the mouth is seen
            kept = (*kept, *(set(BEARD) - set(values)))
        weights = torch.zeros(len(self.keys), dtype=torch.float64)
        for key, i in self._index.items():
            if key in HELD_ALWAYS:
                weights[i] = self.settings.released if key in released else self.settings.confounder
                if key == "glasses":  # bangs and gray hair bring them along, and nobody can ask for them
                    weights[i] *= 3
            elif key.replace("_", " ") in kept:
                weights[i] = self.settings.kept
            elif key.replace("_", " ") not in related:
                weights[i] = self.settings.attribute
        hessian += seen * (self._normals * weights[:, None]).T @ self._normals
        goals_of = {v: self.target(v, logits[label_of(v)], state.strength(v)) for v in values}
        also: dict[str, str] = {}  # what must change along with a value, and with which
        for value in values:
            if value in HAIR_COLOURS:  # brown hair is also not gray any more
                also |= {other: value for other in EXCLUDES[value]}
            elif value in ("angry", "sad"):  # and an angry face does not smile
                also["no smiling"] = value
        for other, value in also.items():
            strength = state.strength(value)
            if other in HAIR_COLOURS:
                change = self._measured[label_of(other)]["negative_median"] - logits[label_of(other)]
                goals_of[other] = self.settings.leave * strength * min(change, 0.0)
            elif logits["smiling"] > 0:
                goals_of[other] = self.target(other, logits[label_of(other)], strength)
        wanted = torch.stack([self._normals[self._index[label_of(value)]] for value in goals_of])
        goals = torch.tensor(list(goals_of.values()), dtype=torch.float64)
        spread = torch.linalg.solve(hessian, wanted.T)  # [512, n]
        # A little give on the diagonal: two values that w cannot tell apart must not pull to infinity.
        gram = wanted @ spread
        gram += 0.03 * torch.diag(gram.diagonal())
        shares = torch.linalg.solve(gram, goals)
        length = float((spread @ shares) @ self._precision @ (spread @ shares)) ** 0.5
        shares = shares * min(1.0, self.settings.longest / max(length, 1e-9))
        delta = torch.zeros(NUM_SLOTS, w.shape[-1], dtype=torch.float64)
        for value, share, direction in zip(goals_of, shares, spread.T, strict=True):
            first, last = KINDS[also.get(value, value)].slots
            delta[first:last] += share * direction
        return carried(delta, len(w)).to(w.dtype)

    def layers(self, w_raw: Tensor, state: EditState) -> list[Layer]:
        """What there is to draw, in order; none for the empty state. At most four."""
        found: list[Layer] = []
        face = w_raw
        for name, members in LAYERS.items():
            part = state.with_belief(Belief(tuple(v for v in state.belief.values if v in members)))
            if part.belief:
                base = w_raw if name == "hair" else face
                kept = tuple(v for v in state.belief.values if v in (*FACE, *SKIN)) if name == "beard" else ()
                w = base
                for colour in (False, True):  # the colour on top of the cut, so that neither shortens the other's step
                    values = tuple(v for v in part.belief.values if (v in HAIR_COLOURS) == colour)
                    w = w + self.step(w, part.with_belief(Belief(values)), kept)
                    kept = (*kept, *values)
                found.append(Layer(name, part, w, base))
                face = w if name in ("face", "skin") else face
        return found

    def edit(self, w_raw: Tensor, state: EditState) -> Tensor:
        """One w [23, 512] with the whole belief in it, the sum of the layers' steps; `w_raw` itself for the empty state."""
        return w_raw + sum((layer.w - layer.base for layer in self.layers(w_raw, state)), torch.zeros_like(w_raw))

    def landmark_shift(self, delta: Tensor) -> Tensor:
        """How far a step moves the 68 landmarks, [68, 2] in parts of the picture's side."""
        return self._landmarks @ delta.double().reshape(-1, delta.shape[-1]).mean(0)
