"""Where a picture may change and how: regions against landmarks, compositing on pictures of stripes and flat colours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from i2edit.edit.directions import LAYERS
from i2edit.nets.mobile import Generator
from i2edit.ontology import EXCLUDES, SLOTS, VALUES, EditState
from i2edit.regions import GRID, GROUPS, FaceMap, Segmenter, blur, enlarge, guided
from i2edit.render import (
    COLOUR_EDITS,
    ENOUGH,
    HAIR_COLOURS,
    MAKEUP,
    PALETTE,
    VISIBLE,
    Drawn,
    border,
    cut,
    dilate,
    dyed,
    erode,
    luminance,
    region,
    render,
    slow_part,
    smoothstep,
    union,
)

pytestmark = pytest.mark.usefixtures("one_thread")

S = 256  # of the pictures here
MOVING = tuple(v for v in VALUES if v not in COLOUR_EDITS)
BY_LANDMARKS = (
    "smiling",
    "no smiling",
    "mustache",
    "goatee",
    "sideburns",
    "lipstick",
    "bushy eyebrows",
    "big lips",
    "angry",
    "sad",
)

Picture = Callable[..., Tensor]


@pytest.fixture(scope="module")
def points(mean_landmarks: np.ndarray) -> np.ndarray:
    """Landmarks of the mean face in pixels of these pictures, [68, 2]."""
    return np.asarray(mean_landmarks) * S


@pytest.fixture(scope="module")
def face(points: np.ndarray) -> FaceMap:
    return FaceMap(points, S)


def small(mask: Tensor) -> Tensor:
    return F.avg_pool2d(mask[None, None], GRID // 64)[0, 0]


@pytest.fixture(scope="module")
def segments(face: FaceMap) -> dict[str, Tensor]:
    """A segmentation as the generator would give it: skin inside the outline, a neck, hair around, background behind."""
    skin = face.polygon(face.outline(0.5), 0.05)
    head = face.ellipse(face.points[27], 1.6, 1.9, 0.1)
    neck = face.ellipse(face.shift(face.points[8], 0, 0.7), 0.7, 0.8, 0.1) * (1 - skin)
    hair = (head * (1 - skin) - neck).clamp(0, 1)
    eyes = face.polygon(list(face.points[36:42]), 0.02) + face.polygon(list(face.points[42:48]), 0.02)
    parts = torch.maximum(eyes, face.polygon(list(face.points[48:60]), 0.02)).clamp(0, 1)
    found = {"hair": hair, "skin": skin * (1 - parts), "neck": neck, "parts": skin * parts}
    none = torch.zeros(GRID, GRID)
    found |= {"strands": none, "hat": none, "background": (1 - sum(found.values(), none)).clamp(0, 1)}
    return {name: small(found[name]) for name in GROUPS}


@functools.cache
def picture(seed: int, roughness: float = 2.0) -> Tensor:
    """A smooth random picture [1, 3, S, S] in [-0.8, 0.8]."""
    noise = torch.randn(1, 3, S, S, generator=torch.Generator().manual_seed(seed))
    noise = blur(noise, roughness)
    return 0.8 * noise / noise.abs().max()


def flat(*rgb: float) -> Tensor:
    return torch.tensor(rgb)[None, :, None, None].expand(1, 3, S, S).contiguous()


def stripes(horizontal: bool) -> Tensor:
    """Lines one pixel wide, [S, S] of -1 and 1."""
    line = torch.tensor([-1.0, 1.0]).repeat(S // 2)
    return (line[:, None] if horizontal else line[None]).expand(S, S).contiguous()


def detail(x: Tensor) -> Tensor:
    """The finest detail of the light of a picture, [S, S]."""
    light = luminance(x)
    return light - blur(light, 2.0)


def alike(a: Tensor, b: Tensor, where: Tensor) -> float:
    """Correlation of two maps [S, S] inside a mask."""
    a, b = a[where], b[where]
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-9))


def mask_of(value: str, face: FaceMap, segments: dict[str, Tensor]) -> Tensor:
    gray = torch.full((GRID, GRID), 0.5)
    return region(value, face, segments, segments, gray)


def centre(mask: Tensor) -> np.ndarray:
    """Centre of mass of a mask, (x, y)."""
    total = float(mask.sum())
    y, x = (float((mask.sum(1 - i) * torch.arange(GRID)).sum()) / total for i in (0, 1))
    return np.array([x, y])


# ------------------------------------------------------------------------------------------------ regions


@pytest.mark.parametrize("value", VALUES)
def test_every_value_has_a_region(face: FaceMap, segments: dict[str, Tensor], value: str) -> None:
    mask = mask_of(value, face, segments)
    assert mask.shape == (GRID, GRID) and mask.isfinite().all()
    assert mask.min() >= 0 and mask.max() <= 1 + 1e-6
    assert mask.max() > 0.6 and 100 < mask.sum() < 0.55 * GRID * GRID


def test_other_names_have_none(face: FaceMap, segments: dict[str, Tensor]) -> None:
    with pytest.raises(KeyError, match="glasses"):
        mask_of("glasses", face, segments)


def test_regions_lie_where_the_landmarks_say(face: FaceMap, segments: dict[str, Tensor]) -> None:
    p, unit = face.points, face.unit
    y = {value: centre(mask_of(value, face, segments))[1] for value in VALUES}
    brow, lid, nose, lip, mouth, chin = (p[i, 1].mean() for i in ([19, 24], [41, 46], [33], [51], [57], [8]))
    assert y["bangs"] < brow and y["receding hairline"] < brow
    assert brow - 0.2 * unit < y["bushy eyebrows"] < lid
    assert lid < y["rosy cheeks"] < mouth
    assert nose < y["mustache"] < (lip + mouth) / 2
    assert lip < y["lipstick"] < mouth and lip < y["big lips"] < mouth
    assert mouth < y["goatee"] < chin + 0.1 * unit
    assert nose < y["smiling"] < chin and y["smiling"] == y["no smiling"]
    assert lid < y["earrings"] < chin and brow < y["sideburns"] < mouth
    assert brow < y["angry"] < mouth


def test_what_is_symmetric_stays_so(face: FaceMap, segments: dict[str, Tensor]) -> None:
    middle = (face.left_eye + face.right_eye) / 2
    for value in VALUES:
        offset = (centre(mask_of(value, face, segments)) - middle) @ face.across
        assert abs(offset) < 0.12 * face.unit, value
    columns = torch.arange(GRID)[None].expand(GRID, GRID)
    for value in ("earrings", "sideburns", "rosy cheeks"):  # left and right, nothing between
        mask = mask_of(value, face, segments)
        left, right = (mask * side for side in (columns < middle[0], columns > middle[0]))
        assert 0.7 < float(left.sum() / right.sum()) < 1.4
        strip = (columns - middle[0]).abs() < 0.2 * face.unit
        assert float((mask * strip).sum()) < 0.1 * float(mask.sum())


def test_hair_colour_stays_off_the_face_and_skin_off_the_hair(face: FaceMap, segments: dict[str, Tensor]) -> None:
    def at(mask: Tensor, point: np.ndarray) -> float:
        return float(mask[round(point[1]), round(point[0])])

    p = face.points
    crown, cheek = face.shift(p[27], 0, -1.6), (p[41] + p[48]) / 2
    for value in HAIR_COLOURS:
        mask = mask_of(value, face, segments)
        assert at(mask, crown) > 0.8
        assert max(at(mask, p[i]) for i in (30, 33, 51, 8)) < 0.05 and at(mask, cheek) < 0.05
    pale = mask_of("pale skin", face, segments)
    assert at(pale, cheek) > 0.8 and at(pale, p[30]) > 0.8 and at(pale, crown) < 0.05
    assert at(pale, (p[51] + p[62]) / 2) < 0.5 * at(pale, cheek) and at(pale, face.left_eye) < 0.3
    lips = mask_of("lipstick", face, segments)
    assert at(lips, (p[57] + p[66]) / 2) > 0.5 and max(at(lips, p[i]) for i in (33, 8)) < 0.02
    for value in ("heavy makeup", "no makeup"):
        mask = mask_of(value, face, segments)
        assert at(mask, cheek) > 0.8 and at(mask, crown) < 0.02 and at(mask, face.shift(p[8], 0, 0.2)) < 0.1


@pytest.mark.parametrize("turn, scale", [(20.0, 1.0), (-12.0, 0.75)])
def test_regions_turn_and_grow_with_the_face(
    points: np.ndarray, face: FaceMap, segments: dict[str, Tensor], turn: float, scale: float
) -> None:
    angle = np.deg2rad(turn)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = points.mean(0)
    turned = FaceMap((points - middle) @ rotation.T + middle, S)
    for value in BY_LANDMARKS:
        before, after = (mask_of(value, f, segments) for f in (face, turned))
        there = (centre(before) - middle) @ rotation.T + middle
        assert np.abs(centre(after) - there).max() < 1.5, value
        assert float(after.sum()) == pytest.approx(scale**2 * float(before.sum()), rel=0.1), value


def test_a_fringe_reaches_as_far_as_the_edited_hair_does(face: FaceMap, segments: dict[str, Tensor]) -> None:
    gray = torch.full((GRID, GRID), 0.5)
    fringe = small(face.above_eyes(-0.2, -0.3) * face.polygon(face.outline(0.6), 0.05))
    after = segments | {"hair": torch.maximum(segments["hair"], fringe)}
    with_it, without = (region("bangs", face, segments, a, gray) for a in (after, segments))
    row, column = round(face.shift(face.points[27], 0, -0.55)[1]), round(face.points[27, 0])
    assert with_it[row, column] > 0.9 and float(with_it.sum()) > float(without.sum())
    assert with_it[round(face.points[33, 1]), column] < 0.01  # never down to the nose


# ------------------------------------------------------------------------------------------------ compositing


@pytest.fixture(scope="module")
def compose(points: np.ndarray, segments: dict[str, Tensor]) -> Callable[..., Any]:
    """(crop, (values, edited, base), …) → Rendering."""

    def make(crop: Tensor, *layers: tuple[tuple[str, ...], Tensor, Tensor]) -> Any:
        drawn = [Drawn(EditState.of(*values), edited, base, segments) for values, edited, base in layers]
        return render(crop, drawn, torch.from_numpy(points), segments)

    return make


@pytest.mark.parametrize("value", VALUES)
def test_outside_the_mask_every_pixel_is_the_photos(compose: Callable[..., Any], value: str) -> None:
    crop = picture(1, 0.5)
    done = compose(crop, ((value,), picture(2), picture(3)))
    same = done.mask == 0
    assert done.crop.shape == crop.shape and done.mask.shape == (S, S)
    assert torch.equal(done.crop[0, :, same], crop[0, :, same]) and same.float().mean() > 0.3
    assert done.mask.min() >= 0 and done.mask.max() <= 1 and done.crop.abs().max() <= 1
    assert not torch.equal(done.crop, crop)
    least = 0.0 if value == "rosy cheeks" else VISIBLE  # of a random difference little is a blush
    assert set(done.change) == {value} and done.change[value] > least


def test_without_layers_it_is_the_photo(compose: Callable[..., Any]) -> None:
    crop = picture(4)
    done = compose(crop)
    assert torch.equal(done.crop, crop) and not done.mask.any() and done.change == {}


def test_a_larger_crop_changes_in_the_same_places(points: np.ndarray, segments: dict[str, Tensor]) -> None:
    masks = []
    for factor in (1, 2):
        crop, edited, base = (F.interpolate(picture(seed), scale_factor=factor, mode="nearest") for seed in (1, 2, 3))
        layer = Drawn(EditState.of("smiling", "rosy cheeks"), edited, base, segments)
        done = render(crop, [layer], torch.from_numpy(points) * factor, segments)
        assert torch.equal(done.crop[0, :, done.mask == 0], crop[0, :, done.mask == 0])
        masks.append(F.interpolate(done.mask[None, None], size=S, mode="area"))
    assert (masks[0] - masks[1]).abs().max() < 0.05


@pytest.mark.parametrize("value", sorted(MAKEUP))
def test_make_up_leaves_the_colour_of_bare_skin_alone(compose: Callable[..., Any], face: FaceMap, value: str) -> None:
    """The generator paints the whole face red and bright: the photo takes that at lips and lids, not on forehead and jaw."""
    crop, base, edited = flat(0.1, 0.0, -0.1), flat(0.1, 0.0, -0.1), flat(0.5, 0.2, -0.1)
    done = compose(crop, ((value,), edited, base))
    lips, skin = (F.interpolate(m[None, None], size=S)[0, 0] for m in (face.lips(), face.inner_face()))
    lids, cheeks = (F.interpolate(m[None, None], size=S)[0, 0] for m in (face.eyelids(), face.cheeks()))
    moved = (done.crop - crop)[0].abs().sum(0)
    bare = (skin > 0.9) & (lips + lids + cheeks < 0.01) & (done.mask > 0.9)
    assert bare.sum() > 50 and moved[bare].mean() < 0.1
    assert moved[(lips > 0.9) & (done.mask > 0.9)].mean() > 0.35


@pytest.mark.parametrize("value", sorted(COLOUR_EDITS.keys() - MAKEUP))
def test_colour_edits_do_not_move_geometry(compose: Callable[..., Any], value: str) -> None:
    """The generator's vertical stripes turn to their negative, and redder; the photo's horizontal ones must stay."""
    crop = flat(0.1, 0.0, -0.1) + 0.2 * stripes(True)
    base = flat(0.1, 0.0, -0.1) + 0.2 * stripes(False)
    edited = flat(0.5, 0.0, -0.1) - 0.2 * stripes(False)
    done = compose(crop, ((value,), edited, base))
    core = done.mask > 0.8 * done.mask.max()
    assert core.sum() > 50
    assert alike(detail(done.crop), stripes(True), core) > 0.95
    assert abs(alike(detail(done.crop), stripes(False), core)) < 0.3
    moved = (done.crop - crop)[0][:, core].mean(1)
    if value in HAIR_COLOURS:  # a dye also knows what such hair is like
        assert moved.abs().max() > 0.1
    else:  # a blush is less green rather than more red
        assert moved[0] - moved[1] > 0.1 and moved[0] > 0.02


@pytest.mark.parametrize("value", MOVING)
def test_where_geometry_moves_the_edited_pixels_take_over(compose: Callable[..., Any], value: str) -> None:
    """The same stripes: a ghost of the photo's would mean that a difference was added to it. Its tone is the photo's."""
    crop = flat(0.3, 0.2, 0.1) + 0.1 * stripes(True)
    base = flat(0.1, 0.0, -0.1) + 0.1 * stripes(False)
    edited = flat(0.1, 0.0, -0.1) - 0.1 * stripes(False)
    done = compose(crop, ((value,), edited, base))
    core = done.mask > 0.9 * done.mask.max()
    assert core.sum() > 50
    assert alike(detail(done.crop), -stripes(False), core) > 0.9
    assert abs(alike(detail(done.crop), stripes(True), core)) < 0.3
    assert (done.crop - crop)[0][:, core].mean(1).abs().max() < 0.03


def test_layers_are_drawn_one_over_the_other(compose: Callable[..., Any]) -> None:
    crop, smile, beard, both = picture(5), picture(6), picture(7), picture(8)
    first, second = (("smiling", "lipstick"), smile, crop), (("goatee", "mustache"), beard, smile)
    together = compose(crop, first, second)
    below = compose(crop, first)
    above = compose(below.crop, second)
    assert torch.equal(together.crop, above.crop)
    assert torch.equal(together.mask, torch.maximum(below.mask, above.mask))
    assert together.change == below.change | above.change
    assert not torch.equal(compose(crop, second, first).crop, together.crop)
    assert torch.equal(
        compose(crop, first, second, (("bangs",), both, crop)).crop[..., 200:, :], together.crop[..., 200:, :]
    )


def test_the_later_layer_wins_where_both_are(compose: Callable[..., Any]) -> None:
    gray, red, green = flat(0.0, 0.0, 0.0), flat(0.6, -0.2, -0.2), flat(-0.2, 0.6, -0.2)
    smile, beard = (("smiling",), red, gray), (("goatee",), green, red)
    done = compose(gray, smile, beard)
    below, above = (compose(gray, layer).mask for layer in (smile, beard))
    inside, beside = (below > 0.99) & (above > 0.99), (below > 0.99) & (above == 0)
    assert inside.sum() > 50 and beside.sum() > 50
    assert (done.crop - green)[0][:, inside].abs().max() < 0.1
    assert (done.crop - red)[0][:, beside].abs().max() < 0.1


@pytest.mark.parametrize(
    "values",
    [("smiling", "earrings", "big lips", "bushy eyebrows"), ("heavy makeup", "lipstick", "pale skin"), ("blond hair", "bangs"),
     ("mustache", "goatee", "sideburns"), ("wavy hair", "gray hair", "receding hairline")],
)  # fmt: skip
def test_the_order_of_values_does_not_matter(compose: Callable[..., Any], values: tuple[str, ...]) -> None:
    assert any(set(values) <= set(members) for members in LAYERS.values())
    assert not any(EXCLUDES[a] & set(values) for a in values)
    crop, edited, base = picture(9), picture(10), picture(11)
    forth, back = (compose(crop, (order, edited, base)) for order in (values, values[::-1]))
    assert torch.equal(forth.crop, back.crop) and torch.equal(forth.mask, back.mask) and forth.change == back.change
    assert set(forth.change) == set(values)


@pytest.mark.parametrize("value", VALUES)
def test_no_difference_is_no_change(compose: Callable[..., Any], value: str) -> None:
    crop, same = picture(12, 6.0), picture(13)
    if value in HAIR_COLOURS:  # a dye takes its hue from what was drawn: here, hair that has the colour already
        crop = same = flat(*PALETTE[value]) + 0.05 * crop
    done = compose(crop, ((value,), same, same))
    assert done.change[value] < VISIBLE / 4
    assert value in HAIR_COLOURS or torch.equal(done.crop, crop)


def test_change_grows_with_the_difference(compose: Callable[..., Any]) -> None:
    crop = flat(0.0, 0.0, 0.0)
    reds = [flat(r, 0.0, 0.0) for r in (0.1, 0.3, 0.6)]
    for value in ("smiling", "lipstick", "pale skin", "earrings"):
        changes = [compose(crop, ((value,), edited, crop)).change[value] for edited in reds]
        assert all(a < b for a, b in pairwise(changes)), value
        assert all(0 <= c <= 1 for c in changes)


def test_nothing_ends_in_a_straight_line_at_the_edge(compose: Callable[..., Any], points: np.ndarray) -> None:
    edge = border()
    assert edge.shape == (GRID, GRID) and float(edge[GRID // 2, GRID // 2]) == 1
    rim = torch.cat([edge[0], edge[-1], edge[:, 0], edge[:, -1]])
    assert not rim.any() and not edge[1].any()
    row = edge[GRID // 2]
    assert (row[: GRID // 2].diff() >= 0).all() and row.diff().abs().max() < 0.1 and torch.equal(edge, edge.flip(0, 1))
    # Hair from edge to edge: the outermost pixels are still the photo's.
    everywhere = {name: torch.full((64, 64), float(name == "hair")) for name in GROUPS}
    crop = picture(14)
    for value in ("wavy hair", "blond hair", "bangs"):
        done = render(
            crop,
            [Drawn(EditState.of(value), picture(15), picture(16), everywhere)],
            torch.from_numpy(points),
            everywhere,
        )
        changed = (done.crop != crop).any(1)[0]
        assert changed.any() and not changed[0].any() and not changed[:, 0].any()
        assert not changed[-1].any() and not changed[:, -1].any()


def test_a_dye_takes_the_colour_and_leaves_the_strands() -> None:
    where = torch.ones(S, S)
    strands = 0.15 * stripes(True)
    brown, blond, black = flat(-0.4, -0.55, -0.7), flat(0.5, 0.3, -0.1), flat(-0.85, -0.87, -0.88)
    crop = brown + strands
    light = dyed(crop, brown, blond, where, 6.0)
    dark = dyed(crop, brown, black, where, 6.0)
    middle = slice(40, S - 40)
    for done, colour in ((light, blond), (dark, black)):
        assert (done - colour).mean((2, 3)).abs().max() < 0.03
        assert alike(detail(done)[middle, middle], strands[middle, middle], torch.ones(S - 80, S - 80).bool()) > 0.99
    assert detail(dark)[middle, middle].std() < 0.8 * detail(crop)[middle, middle].std()  # highlights get duller


@pytest.mark.parametrize("value", sorted(PALETTE))
def test_a_dye_that_falls_short_is_helped_along(value: str) -> None:
    """White hair hardly turns brown in the generator: then most of the way is gone without it, as strongly as was asked."""
    where = torch.ones(S, S)
    white, goal = flat(0.8, 0.78, 0.75), torch.tensor(PALETTE[value])
    crop = white + 0.1 * stripes(True)

    def way(done: Tensor) -> float:
        """The share of the way from white to the goal."""
        from_here, to_there = (x - white[0, :, 0, 0] for x in (done.mean((0, 2, 3)), goal))
        return float((from_here * to_there).sum() / to_there.square().sum())

    short = white + 0.2 * (goal[None, :, None, None] - white)
    left = dyed(crop, white, short, where, 6.0)
    helped, halved = (dyed(crop, white, short, where, 6.0, (PALETTE[value], strength)) for strength in (1.0, 0.5))
    assert way(left) == pytest.approx(0.2, abs=0.03) and way(helped) == pytest.approx(ENOUGH, abs=0.06)
    assert way(halved) == pytest.approx((way(left) + way(helped)) / 2, abs=0.03)
    far = white + 0.9 * (goal[None, :, None, None] - white)
    assert torch.equal(dyed(crop, white, far, where, 6.0, (PALETTE[value], 1.0)), dyed(crop, white, far, where, 6.0))


def test_where_hair_was_dyed_is_told(compose: Callable[..., Any]) -> None:
    crop, edited = picture(18), picture(19)
    assert compose(crop, (("bangs", "wavy hair"), edited, crop)).hair is None
    hair = compose(crop, (("smiling",), edited, crop), (("bangs", "gray hair"), edited, crop)).hair
    assert hair.shape == (GRID, GRID) and 0.9 < hair.max() <= 1
    assert hair[:2].max() > 0.5  # not faded at the edge, where the rest of the photo goes on
    assert set(PALETTE) == HAIR_COLOURS


# ------------------------------------------------------------------------------------------------ the tools


@pytest.mark.parametrize("sigma, close", [(0.7, 0.02), (3.0, 0.02), (14.0, 0.02)])
def test_blur_is_scipys_gaussian(sigma: float, close: float) -> None:
    x = picture(17, 1.5)[0, 0]
    expected = ndimage.gaussian_filter(x.double().numpy(), sigma, mode="nearest", truncate=6)
    inner = (
        slice(0, None) if sigma < 6 else slice(50, -50)
    )  # wide blurs are made at a smaller size and see rims coarsely
    assert np.abs(blur(x, sigma).numpy() - expected)[inner, inner].max() < close * np.abs(expected).max()
    assert torch.equal(blur(x, 0.0), x)
    assert torch.allclose(blur(torch.full((2, 40, 30), 0.7), sigma), torch.tensor(0.7), atol=1e-5)
    assert torch.allclose(blur(x[None, None], sigma)[0, 0], blur(x, sigma))


def test_guided_masks_follow_the_edge_of_the_guide() -> None:
    columns = torch.arange(GRID).float()[None].expand(GRID, GRID)
    guide = (columns > 130).float()
    mask = torch.sigmoid((columns - 126) / 3)  # soft, and four pixels off
    found = guided(mask, guide)
    assert (found[:, 131] - found[:, 130] > 5 * (mask[:, 131] - mask[:, 130])).all()
    assert (found[:, 128:131] < mask[:, 128:131] - 0.1).all() and (found[:, 131:134] > 0.85).all()
    assert found.min() >= 0 and found.max() <= 1
    assert torch.allclose(guided(torch.full((GRID, GRID), 0.3), guide), torch.tensor(0.3), atol=1e-4)


def test_unions_cuts_and_steps() -> None:
    a, b = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 0.2])
    assert union([a, b]).tolist() == pytest.approx([0.0, 0.75, 1.0]) and torch.equal(union([a]), a)
    assert cut(torch.tensor([0.0, 0.02, 0.51, 1.0])).tolist() == pytest.approx([0.0, 0.0, 0.5, 1.0])
    assert smoothstep(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0]), 0.0, 1.0).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    dot = torch.zeros(9, 9)
    dot[4, 4] = 1
    assert dilate(dot, 2).sum() == 25 and torch.equal(erode(dilate(dot, 2), 2), dot)
    assert enlarge(dot, 36).shape == (36, 36) and enlarge(dot, 36).min() >= 0
    assert luminance(flat(1.0, 1.0, 1.0)).allclose(torch.tensor(1.0))
    assert luminance(flat(-1.0, 1.0, -1.0)).allclose(torch.tensor(0.587))


def test_tone_is_read_inside_the_mask_only() -> None:
    where = torch.zeros(S, S)
    where[80:176, 80:176] = 1
    residual = torch.where(where > 0, torch.tensor(0.1), torch.tensor(5.0)).expand(1, 3, S, S)
    found = slow_part(residual, where, 10.0)
    assert (found[..., 100:156, 100:156] - 0.1).abs().max() < 0.01 and found.max() <= 0.41  # strays are capped


def test_groups_of_a_segmentation_add_up_to_one(tiny_parts: dict[str, Any], sample_w: Callable[[int], Tensor]) -> None:
    found = tiny_parts["segmenter"](sample_w(0))
    assert set(found) == set(GROUPS) and all(mask.shape == (64, 64) for mask in found.values())
    assert torch.allclose(sum(found.values(), torch.zeros(64, 64)), torch.ones(64, 64), atol=1e-5)
    assert all(mask.min() >= 0 for mask in found.values())


@pytest.mark.weights
def test_hair_is_on_top_and_skin_on_the_nose_of_a_generated_face(directions: Any) -> None:
    generator = Generator.from_weights()
    segmenter = Segmenter.from_assets(generator)
    for seed in (6001, 6006):
        w = generator.synthesis.slots(generator.seed(seed))[0]
        found = segmenter(w)
        assert torch.allclose(sum(found.values(), torch.zeros(64, 64)), torch.ones(64, 64), atol=1e-4)
        face = FaceMap(directions.landmarks(w).numpy() * GRID, GRID)

        def seen(name: str, mask: Tensor, found: dict[str, Tensor] = found) -> float:
            return float((enlarge(found[name]) * mask).sum() / mask.sum())

        cheeks, lips, above = face.cheeks(), face.lips(), face.above_eyes(-0.6)
        assert seen("skin", cheeks) == max(seen(name, cheeks) for name in GROUPS) and seen("hair", cheeks) < 0.15
        assert seen("parts", lips) > seen("parts", cheeks) and seen("hair", lips) < 0.1
        assert seen("hair", above) > 0.25 > seen("hair", face.inner_face())
    assert set(SLOTS["hair color"]) == HAIR_COLOURS
