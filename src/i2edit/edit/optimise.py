"""The paper's editor: StyleCLIP's latent optimisation (Patashnik et al. 2021), from the raw w to the w that fits the belief's text.

    w_raw [slots, 512] + {smiling, blond hair} → "a smiling person with blond hair" → w [slots, 512]

    loss = 1 − cos(image(G(w)), text) + λ_L2 · Σ (w − w_raw)² + λ_ID · ½ ‖R(G(w)) − R(G(w_raw))‖²

Settings of the I²Edit paper (§5.1): λ_L2 0.008, λ_ID 0.005, 300 steps of Adam at 0.1, with the ramp of StyleCLIP's code. Eq. 5 prints
the L2 term as a norm; the published code squares it and sums (`l2="squared"`, the default). The reference of the identity term is
the generator's picture of w_raw (eq. 6), R any face descriptor: for ArcFace's unit vectors the term is 1 − their dot product.

Beyond the published code: the best w of the run is kept rather than the last, a run that stands still ends early (`patience`), and
with `pull` all slots take one common step, from which each may depart a little: for generators that never saw different w in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from i2edit.captions import caption
from i2edit.edit.directions import Layer
from i2edit.nets.clip import ImageText
from i2edit.ontology import Belief, EditState

Progress = Callable[[float, str], None]
L2_TERMS = ("squared", "norm")
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps
STANDING = 1e-4  # a loss that falls by less stands still
DEPARTING = 0.25  # with a pull: the learning rate of each slot's own step, against that of the common one


@dataclass(frozen=True)
class Settings:
    """The paper's. ``patience``: steps without progress after which a run ends (None: never); ``pull``: 0 for W+, else the weight of
    what each slot departs from the common step, squared and summed."""

    l2_weight: float = 0.008
    identity_weight: float = 0.005
    steps: int = 300
    lr: float = 0.1
    l2: Literal["squared", "norm"] = "squared"
    pull: float = 0.0
    patience: int | None = 60

    def __post_init__(self) -> None:
        if self.l2 not in L2_TERMS:
            raise ValueError(f"The L2 term is {' or '.join(L2_TERMS)}, not {self.l2!r}.")
        if self.steps < 1:
            raise ValueError(f"A run has at least one step, not {self.steps}.")


@dataclass(frozen=True)
class Found:
    """The best w [slots, 512] of a run, its loss, the cosine of picture and text before and there, and every step's terms."""

    w: Tensor
    loss: float
    before: float
    after: float
    trace: list[dict[str, float]] = field(default_factory=list)


def ramp(t: float) -> float:
    """The share of the learning rate at t in [0, 1) of a run: linear up, flat, half a cosine down."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / RAMP_DOWN))
    return down * min(1.0, t / RAMP_UP)


class Optimise:
    """An editor for any generator and any image–text model. Knows no photo.

    ``draw``: w [1, slots, 512] → picture [1, 3, H, W] in [-1, 1], differentiable; ``describe``: (picture, w_raw) → face descriptor
    [1, D], differentiable; ``used``: the slots that the generator reads; ``text``: a belief → what the picture is to be like.
    """

    def __init__(
        self,
        draw: Callable[[Tensor], Tensor],
        image_text: ImageText,
        describe: Callable[[Tensor, Tensor], Tensor],
        used: Sequence[int],
        settings: Settings | None = None,
        progress: Progress | None = None,
        text: Callable[[Belief], str] = caption,
    ) -> None:
        self.draw, self.image_text, self.describe = draw, image_text, describe
        self.used, self.settings, self.progress, self.text = list(used), settings or Settings(), progress, text

    def layers(self, w_raw: Tensor, state: EditState) -> list[Layer]:
        """What there is to draw: one layer with the whole belief; none for the empty state.

        The method knows no strengths, so their mean scales the step.
        """
        if not state.belief:
            return []
        strength = sum(state.strength(value) for value in state.belief) / len(state.belief)
        w = self.find(w_raw, self.text(state.belief)).w
        return [Layer("all", state, w if strength == 1.0 else w_raw + strength * (w - w_raw), w_raw)]

    def edit(self, w_raw: Tensor, state: EditState) -> Tensor:
        """One w with the whole belief in it; `w_raw` itself for the empty state."""
        return next((layer.w for layer in self.layers(w_raw, state)), w_raw)

    def find(self, w_raw: Tensor, text: str, settings: Settings | None = None) -> Found:
        """Optimises w [slots, 512] towards a text. The same every time: nothing is drawn at random."""
        s = settings or self.settings
        wish = self.image_text.embed_texts([text])
        with torch.no_grad():
            person = self.describe(self.draw(w_raw[None]), w_raw)
        own = torch.zeros(len(self.used), w_raw.shape[-1], requires_grad=True)
        common = torch.zeros(1, w_raw.shape[-1], requires_grad=bool(s.pull))
        groups = [{"params": [own], "share": DEPARTING if s.pull else 1.0}]
        if s.pull:
            groups.append({"params": [common], "share": 1.0})
        optimiser = torch.optim.Adam(groups, lr=s.lr)
        best, lowest, standard, since, trace = w_raw, 0, math.inf, 0, []
        for number in range(s.steps):
            for group in optimiser.param_groups:
                group["lr"] = s.lr * group["share"] * ramp(number / s.steps)
            w = w_raw.index_add(0, torch.tensor(self.used), own + common)
            loss, terms = self._loss(w, w_raw, wish, person, own, own + common, s)
            trace.append(terms)
            if terms["loss"] < trace[lowest]["loss"] or not number:
                best, lowest = w.detach(), number
            if terms["loss"] < standard - STANDING:
                standard, since = terms["loss"], number
            elif s.patience is not None and number - since >= s.patience:
                break
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if self.progress is not None:
                self.progress((number + 1) / (s.steps + 1), "optimising")
        if self.progress is not None:
            self.progress(1.0, "optimised")
        return Found(best, trace[lowest]["loss"], 1 - trace[0]["text"], 1 - trace[lowest]["text"], trace)

    def _loss(
        self, w: Tensor, w_raw: Tensor, wish: Tensor, person: Tensor, own: Tensor, step: Tensor, s: Settings
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss at w, and its terms before they are weighted."""
        picture = self.draw(w[None])
        text = 1 - (self.image_text.embed_images(picture) * wish).sum()
        far = step.square().sum() if s.l2 == "squared" else torch.linalg.vector_norm(step)
        loss = text + s.l2_weight * far
        terms = {"text": text, "l2": far}
        if s.identity_weight:
            terms["identity"] = (self.describe(picture, w_raw) - person).square().sum() / 2
            loss = loss + s.identity_weight * terms["identity"]
        if s.pull:
            loss = loss + s.pull * own.square().sum()
        return loss, {"loss": float(loss.detach())} | {name: float(term.detach()) for name, term in terms.items()}
