"""The edit as a linear problem: what the shipped directions do to w, measured by themselves. No pictures, no downloads."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from i2edit.chat import CHILD_LOGIT, NOT_FOR_CHILDREN
from i2edit.edit.directions import (
    BEARD,
    FACE,
    HAIR,
    HELD_ALWAYS,
    JAW,
    KINDS,
    LAYERS,
    MOUTH,
    NOSE,
    SKIN,
    TOGETHER,
    Directions,
    Settings,
    label_of,
)
from i2edit.nets.mobile import NUM_SLOTS
from i2edit.ontology import SLOTS, STRENGTH_MAX, STRENGTH_MIN, VALUES, Belief, EditState

pytestmark = pytest.mark.usefixtures("one_thread")

Sample = Callable[[int], Tensor]


def gain(directions: Directions, w: Tensor, delta: Tensor, value: str) -> float:
    """How much δ [23, 512] raises the logit of a value, in the slots that the value is edited in."""
    first, last = KINDS[value].slots
    label = label_of(value)
    return directions.logits((w + delta)[first:last])[label] - directions.logits(w[first:last])[label]


def length(delta: Tensor, sigma: Tensor) -> float:
    """The Mahalanobis length of the longest slot of δ [23, 512]."""
    delta = delta.double()
    return float((delta * torch.linalg.solve(sigma, delta.T).T).sum(-1).clamp_min(0).max().sqrt())


@pytest.fixture(scope="module")
def sigma() -> Tensor:
    from i2edit import assets

    cov = assets.tensors("w_stats.safetensors")["cov"].double()
    return cov + 1e-4 * cov.diagonal().mean() * torch.eye(len(cov), dtype=torch.float64)


@pytest.fixture(scope="module")
def unconstrained() -> Directions:
    """Holds nothing: the shortest step that reaches the targets."""
    free = Directions.from_assets()
    free.settings = Settings(landmark=0.0, attribute=0.0, confounder=0.0, released=0.0, kept=0.0, person=0.0)
    return free


# ------------------------------------------------------------------------------------------------ the tables


def test_every_value_has_a_kind_a_layer_and_a_label(directions: Directions) -> None:
    assert set(KINDS) == set(VALUES)
    assert sorted(v for members in LAYERS.values() for v in members) == sorted(VALUES)
    assert {label_of(value) for value in VALUES} | set(HELD_ALWAYS) == set(directions.keys)
    assert {name for group in TOGETHER for name in group} <= set(VALUES)
    assert {name for kind in KINDS.values() for name in kind.releases} <= set(HELD_ALWAYS)
    assert all(0 <= kind.slots[0] < kind.slots[1] <= NUM_SLOTS for kind in KINDS.values())


# ------------------------------------------------------------------------------------------------ one step


def test_nothing_asked_is_nothing_done(directions: Directions, sample_w: Sample) -> None:
    w = sample_w(0)
    assert torch.equal(directions.step(w, EditState()), torch.zeros_like(w))
    assert torch.equal(directions.edit(w, EditState()), w)
    assert directions.layers(w, EditState()) == []


def test_bushy_eyebrows_beside_a_changed_mouth_bring_no_beard(
    directions: Directions, sample_w: Callable[[int], Tensor]
) -> None:
    """The mouth is seen then, and the labels can hardly tell bushy eyebrows from stubble; alone, only the brows are seen."""
    for seed in range(6):
        w = sample_w(seed)

        def beard(*values: str, w: Tensor = w) -> float:
            before, after = directions.logits(w), directions.logits(w + directions.step(w, EditState.of(*values)))
            return max(after[value] - before[value] for value in ("mustache", "goatee", "sideburns"))

        assert beard("bushy eyebrows", "sad") < 0.6 * beard("bushy eyebrows")
        assert beard("bushy eyebrows", "sad", "goatee") > 1.0  # asked for


@pytest.mark.parametrize("value", VALUES)
def test_one_value_reaches_its_target_in_its_own_slots_and_holds_the_rest(
    directions: Directions, unconstrained: Directions, sample_w: Sample, sigma: Tensor, value: str
) -> None:
    w, state = sample_w(VALUES.index(value)), EditState.of(value)
    first, last = KINDS[value].slots
    delta, short = directions.step(w, state), unconstrained.step(w, state)
    assert delta.shape == w.shape and delta.dtype == w.dtype
    # The target, and a few per cent less for the give between values; more where another value has to go as well.
    target = directions.target(value, directions.logits(w)[label_of(value)], 1.0)
    assert target >= KINDS[value].least
    near = 0.2 if value in (*SLOTS["hair color"], "angry", "sad") else 0.04
    assert gain(directions, w, delta, value) == pytest.approx(target, rel=near)
    assert gain(directions, w, short, value) == pytest.approx(target, rel=near)
    # Nothing outside the slots, the same within them.
    assert not delta[:first].any() and not delta[last:].any()
    assert delta[first].abs().max() > 0 and torch.equal(delta[first:last], delta[first].expand(last - first, -1))
    # Holding costs length and buys stillness.
    assert length(short, sigma) < length(delta, sigma) < Settings().longest
    held = [p for p in range(68) if not any(p in group for group in KINDS[value].moves)]
    moved, moved_freely = (directions.landmark_shift(d)[held].norm() for d in (delta, short))
    assert moved < 0.6 * moved_freely

    def drift(step: Tensor) -> float:
        before, after = directions.logits(w), directions.logits((w + step)[first:last])
        return sum((after[key] - before[key]) ** 2 for key in HELD_ALWAYS) ** 0.5

    if value not in SLOTS["hair color"]:  # a dye is seen in the hair only, and is held less
        assert drift(delta) < 0.95 * drift(short)


def test_a_smile_moves_the_mouth_and_leaves_the_jaw_and_the_nose(directions: Directions, sample_w: Sample) -> None:
    shift = directions.landmark_shift(directions.step(sample_w(3), EditState.of("smiling"))).norm(dim=1)
    assert shift[list(MOUTH)].mean() > 4 * shift[[*JAW, *NOSE]].mean()


def test_what_it_replaces_goes_as_well(directions: Directions, sample_w: Sample) -> None:
    """Hair that turns brown is not gray any more, and an angry face does not smile."""

    def shows(w: Tensor, value: str, like: str) -> float:
        return directions.logits(w[slice(*KINDS[like].slots)])[label_of(value)]

    gray = directions.edit(sample_w(5), EditState.of("gray hair"))
    brown = gray + directions.step(gray, EditState.of("brown hair"))
    assert shows(brown, "gray hair", "brown hair") < shows(gray, "gray hair", "brown hair") - 2
    smiling = directions.edit(sample_w(5), EditState.of("smiling"))
    for value in ("angry", "sad"):
        after = smiling + directions.step(smiling, EditState.of(value))
        assert shows(after, "no smiling", value) > shows(smiling, "no smiling", value) + 2
        assert shows(after, "smiling", value) < shows(smiling, "smiling", value) - 2


def test_landmarks_are_linear_and_lie_like_a_face(directions: Directions, sample_w: Sample) -> None:
    w = sample_w(4)
    delta = directions.step(w, EditState.of("smiling", "bushy eyebrows"))
    difference = directions.landmarks(w + delta) - directions.landmarks(w)
    assert torch.allclose(difference, directions.landmark_shift(delta), atol=1e-6)
    points = directions.landmarks(w)
    assert points.shape == (68, 2) and points.min() > 0 and points.max() < 1
    assert points[36:48, 1].mean() < points[27:36, 1].max() < points[48:68, 1].mean() < points[8, 1]
    assert torch.allclose(directions.landmarks(w[0]), points, atol=1e-6)  # one w is the same w in every slot


@pytest.mark.parametrize(
    "values",
    [("smiling", "lipstick"), ("mustache", "goatee", "sideburns"), ("bangs", "wavy hair"), ("sad", "pale skin", "no makeup"),
     ("smiling", "bushy eyebrows", "rosy cheeks")],
)  # fmt: skip
def test_several_values_reach_their_targets_together(
    directions: Directions, sample_w: Sample, values: tuple[str, ...]
) -> None:
    w = sample_w(11)
    delta = directions.step(w, EditState.of(*values))
    logits = directions.logits(w)
    for value in values:
        target = directions.target(value, logits[label_of(value)], 1.0)
        assert gain(directions, w, delta, value) == pytest.approx(target, rel=0.35), (
            value
        )  # what is held takes its share


@pytest.mark.parametrize("value", VALUES)
def test_more_strength_is_more_of_it(directions: Directions, sample_w: Sample, value: str) -> None:
    w = sample_w(7)
    gains = []
    for strength in (STRENGTH_MIN, 1.0, STRENGTH_MAX):
        state = EditState.of(value).with_strength(value, strength)
        gains.append(gain(directions, w, directions.edit(w, state) - w, value))
    assert 0 < gains[0] < gains[1] < gains[2]
    assert gains[1] == pytest.approx(gains[0] / STRENGTH_MIN, rel=0.02)  # proportional, as long as nothing is cut short


def test_strength_raises_its_own_value_also_among_others(directions: Directions, sample_w: Sample) -> None:
    w, state = sample_w(8), EditState.of("smiling", "lipstick", "blond hair", "goatee", "bangs")
    for value in state.belief:
        label = label_of(value)
        weak, strong = (directions.edit(w, state.with_strength(value, s)) for s in (0.5, 1.5))
        assert directions.logits(strong)[label] > directions.logits(weak)[label] + 0.3, value


def test_the_order_of_the_wishes_does_not_matter(directions: Directions, sample_w: Sample) -> None:
    w, values = sample_w(9), ("lipstick", "smiling", "gray hair", "goatee")
    pictures = []
    for order in itertools.islice(itertools.permutations(values), 0, 24, 5):
        state = EditState.of(*order)
        for value in reversed(order):
            state = state.with_strength(value, 0.5 + 0.25 * values.index(value))
        pictures.append(directions.edit(w, state))
    assert all(torch.equal(pictures[0], other) for other in pictures[1:])


def test_a_step_is_never_longer_than_the_longest(directions: Directions, sample_w: Sample, sigma: Tensor) -> None:
    w = sample_w(10)
    state = EditState(Belief(BEARD), tuple((value, STRENGTH_MAX) for value in BEARD))  # one range of slots
    assert length(directions.step(w, state), sigma) == pytest.approx(Settings().longest, rel=1e-3)
    patient = Directions.from_assets()
    patient.settings = Settings(longest=1e9)
    far = patient.step(w, state)
    assert length(far, sigma) > Settings().longest + 1
    near = directions.step(w, state)
    first = KINDS[BEARD[0]].slots[0]
    assert torch.nn.functional.cosine_similarity(far[first], near[first], dim=0) > 0.9999  # shortened, not turned


def test_what_the_photo_has_already_is_asked_for_mildly(directions: Directions, sample_w: Sample) -> None:
    for value in VALUES:
        least = KINDS[value].least
        assert directions.target(value, 50.0, 1.0) == least  # even then it shows
        assert directions.target(value, -3.0, 1.0) > least
        assert directions.target(value, -3.0, 0.5) == pytest.approx(0.5 * directions.target(value, -3.0, 1.0))
    w = sample_w(12)
    blond = directions.edit(w, EditState.of("blond hair"))
    assert "blond hair" in directions.present(blond[KINDS["blond hair"].slots[0] :])


# ------------------------------------------------------------------------------------------------ layers


def test_layers_in_order_each_from_where_it_belongs(directions: Directions, sample_w: Sample) -> None:
    w, state = sample_w(13), EditState.of("bangs", "smiling", "goatee", "blond hair", "lipstick")
    face, skin, beard, hair = layers = directions.layers(w, state)
    assert [layer.name for layer in layers] == list(LAYERS) == ["face", "skin", "beard", "hair"]
    assert face.base is w and hair.base is w and skin.base is face.w and beard.base is skin.w
    for layer, members in ((face, FACE), (skin, SKIN), (beard, BEARD), (hair, HAIR)):
        assert set(layer.state.belief) == set(state.belief) & set(members)
    whole = w + sum(layer.w - layer.base for layer in layers)
    assert torch.allclose(directions.edit(w, state), whole, atol=1e-5)
    alone = directions.layers(w, EditState.of("goatee"))
    assert [layer.name for layer in alone] == ["beard"] and alone[0].base is w


def test_hair_and_beard_do_not_change_the_face_below(directions: Directions, sample_w: Sample) -> None:
    w = sample_w(14)
    face = directions.layers(w, EditState.of("smiling", "lipstick"))[0]
    more = directions.layers(w, EditState.of("smiling", "lipstick", "goatee", "black hair"))
    assert torch.equal(more[0].w, face.w)
    assert torch.equal(more[-1].w, directions.layers(w, EditState.of("black hair"))[0].w)


def test_a_beard_keeps_the_smile_below(directions: Directions, sample_w: Sample) -> None:
    slots = slice(*KINDS["smiling"].slots)
    for seed in range(4):
        face, beard = directions.layers(sample_w(seed), EditState.of("smiling", "goatee", "mustache"))
        careless = face.w + directions.step(face.w, beard.state)
        smile, kept, lost = (directions.logits(w[slots])["smiling"] for w in (face.w, beard.w, careless))
        assert lost < kept and smile - kept < 0.75 * (smile - lost)
        assert kept > 2


def test_colour_goes_on_top_of_the_cut(directions: Directions, sample_w: Sample) -> None:
    """Neither shortens the other's step: slots below the colour's hold the cut alone, all of it."""
    w = sample_w(15)
    both = directions.layers(w, EditState.of("bangs", "blond hair"))[0]
    cut = directions.layers(w, EditState.of("bangs"))[0]
    first = KINDS["blond hair"].slots[0]
    assert torch.equal(both.w[:first], cut.w[:first])
    dye = both.w - cut.w
    assert dye[first:].abs().max() > 0 and not dye[:first].any()
    assert gain(directions, cut.w, dye, "blond hair") > KINDS["blond hair"].least * 0.9
    assert directions.logits(both.w[first:14])["bangs"] > directions.logits(cut.w[first:14])["bangs"] - 0.6


def test_the_same_twice(directions: Directions, sample_w: Sample) -> None:
    state = EditState.of("smiling", "goatee", "wavy hair", "gray hair")
    again = Directions.from_assets()
    assert torch.equal(directions.edit(sample_w(16), state), again.edit(sample_w(16), state))


# ------------------------------------------------------------------------------------------------ what a face shows


def test_present_is_what_the_logits_say(directions: Directions, sample_w: Sample) -> None:
    for seed in range(5):
        w = sample_w(seed)
        logits, present = directions.logits(w), directions.present(w)
        assert present == {value for value in VALUES if logits[label_of(value)] > 0}
        assert directions.logits(w[0]) == pytest.approx(logits, abs=1e-4)
    shown = {value for seed in range(60) for value in directions.present(sample_w(seed))}
    assert len(shown) > 15
    assert all(not {"smiling", "no smiling"} <= directions.present(sample_w(seed)) for seed in range(60))


def test_a_child_is_told_by_w(directions: Directions, sample_w: Sample, sigma: Tensor) -> None:
    mean = directions.mean.float().expand(NUM_SLOTS, -1)
    assert directions.logits(mean)["child"] < CHILD_LOGIT
    children = [directions.logits(sample_w(seed))["child"] > CHILD_LOGIT for seed in range(60)]
    assert 0 < sum(children) < 20  # some of the generator's faces are children
    # Straight towards the label, as an edit would go: that is a child, and it shows no beard.
    normal = directions._normals[directions.keys.index("child")]
    towards = sigma @ normal / (normal @ sigma @ normal)
    child = (mean + 5 * towards).float()
    assert directions.logits(child)["child"] > CHILD_LOGIT
    assert not directions.present(child) & {*BEARD, "heavy makeup"}
    assert set(VALUES) >= NOT_FOR_CHILDREN
