"""Image metrics against outside references: scipy's matrix root, scikit-learn's kernel, torch-fidelity's Inception, loops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from PIL import Image
from sklearn.metrics.pairwise import polynomial_kernel
from tiny_bench import Colours, Pooled, Words, found_faces
from torch.nn import functional as F

from i2edit.assets import FOLDER
from i2edit.captions import caption
from i2edit.cli import app
from i2edit.errors import DataError, I2EditError, WeightsError
from i2edit.images import open_photo, to_image, to_tensor
from i2edit.metrics import image as metrics
from i2edit.metrics.image import (
    Measured,
    Scorer,
    VGGFeatures,
    avg_rel,
    better_when_higher,
    differences,
    evaluate_folders,
    fid,
    interval,
    kid,
    load_image_text,
    load_model,
    metrics_text,
    min_rel,
    relevance,
    statistics,
)
from i2edit.nets.dlibface import DlibFace
from i2edit.nets.inception import Inception, resized
from i2edit.nets.lpips import LPIPS
from i2edit.ontology import VALUES, Belief

torch.set_num_threads(1)


def sets(n: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + d)
    mixing = rng.standard_normal((d, d))
    return rng.standard_normal((n, d)), 0.4 + rng.standard_normal((m, d)) @ mixing / d


# ------------------------------------------------------------------------------------------------ FID and KID


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 6), (40, 40, 12)])
def test_fid_is_scipys_formula(n: int, m: int, d: int) -> None:
    a, b = sets(n, m, d)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(ca @ cb).real
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)
    assert fid(a, b) == pytest.approx(wanted, rel=1e-8)


def test_fid_of_fewer_pictures_than_dimensions_is_exact() -> None:
    """The product of the covariances is singular then, where a matrix root is unsure; its eigenvalues are not."""
    a, b = sets(9, 11, 40)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shared = np.sqrt(np.clip(scipy.linalg.eigvals(ca @ cb).real, 0, None)).sum()
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * shared
    assert fid(a, b) == pytest.approx(wanted, rel=1e-6)
    assert fid(a, a) == pytest.approx(0.0, abs=1e-10) and np.isnan(fid(a[:1], b))


def test_kid_is_the_unbiased_mmd_of_sklearns_kernel() -> None:
    a, b = sets(13, 17, 5)
    kernel = {name: polynomial_kernel(*pair, degree=3, coef0=1) for name, pair in {"aa": (a, a), "bb": (b, b), "ab": (a, b)}.items()}  # fmt: skip
    own = sum(kernel["aa"][i, j] for i in range(13) for j in range(13) if i != j) / (13 * 12)
    other = sum(kernel["bb"][i, j] for i in range(17) for j in range(17) if i != j) / (17 * 16)
    assert kid(a, b) == pytest.approx(own + other - 2 * kernel["ab"].mean(), rel=1e-10)


def test_kid_of_two_draws_of_one_distribution_is_about_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    values = [kid(rng.standard_normal((20, 4)), rng.standard_normal((20, 4))) for _ in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300)


# ------------------------------------------------------------------------------------------------ relevance


def test_average_and_least_relevance_are_the_papers_equations() -> None:
    rng = np.random.default_rng(1)
    picture, texts = rng.standard_normal(7), rng.standard_normal((3, 7))
    cosines = [float(picture @ t / np.sqrt((picture @ picture) * (t @ t))) for t in texts]
    unit = [F.normalize(torch.from_numpy(np.atleast_2d(x)), dim=1) for x in (picture, texts)]
    found = relevance(*unit)
    assert found[0].tolist() == pytest.approx(cosines)
    assert avg_rel(found) == pytest.approx(sum(cosines) / 3) and min_rel(found) == pytest.approx(min(cosines))


# ------------------------------------------------------------------------------------------------ intervals


def test_the_interval_of_a_mean_is_scipys_bootstrap() -> None:
    column = np.random.default_rng(2).gamma(2.0, size=60)
    pairs = [Measured({"x": float(v)}, np.zeros(1), np.zeros(1)) for v in column]
    found = interval(statistics(pairs, "none")["x"], 60)
    other = scipy.stats.bootstrap((column,), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
    assert found["mean"] == pytest.approx(column.mean())
    assert found["low"] == pytest.approx(other.low, abs=0.05) and found["high"] == pytest.approx(other.high, abs=0.05)


def test_differences_are_paired_and_leave_out_what_one_side_lacks() -> None:
    rng = np.random.default_rng(3)
    column = rng.standard_normal(40)
    none = np.zeros(1)
    one = statistics([Measured({"x": v + 0.25, "y": 1.0}, none, none) for v in column], "f")
    other = statistics([Measured({"x": v}, none, none) for v in column], "f")
    found = differences(one, other, 40)
    assert set(found) == {"x", "fid:f", "kid:f"}  # y is on one side only
    assert list(found["x"].values()) == pytest.approx([0.25] * 3)  # the photos' own spread is gone
    assert interval(one["x"], 40)["high"] - interval(one["x"], 40)["low"] > 0.3


def test_what_is_not_scorable_is_left_out_of_the_mean_not_counted_as_zero() -> None:
    none = np.zeros(1)
    pairs = [Measured({"avgrel": v, "z": None}, none, none) for v in (0.2, None, 0.4)]
    found = statistics(pairs, "f")
    assert "z" not in found and found["avgrel"](np.arange(3)) == pytest.approx(0.3)
    assert np.isnan(found["avgrel"](np.array([1])))


def test_the_interval_of_fid_lies_around_its_value() -> None:
    """Drawing with repetition raises FID: the bare percentiles of the draws can all lie above it."""
    a, b = sets(30, 30, 8)
    pairs = [Measured({}, x, y) for x, y in zip(a, b, strict=True)]
    found = interval(statistics(pairs, "f")["fid:f"], 30, rounds=100)
    assert found["mean"] == pytest.approx(fid(a, b)) and found["low"] < found["mean"] < found["high"]


def test_directions_of_improvement() -> None:
    assert all(better_when_higher(name) for name in ("avgrel", "minrel", "judge", "id:dlib", "relevance:first"))
    assert not any(better_when_higher(name) for name in ("fid:x", "kid:x", "lpips:alex", "id-distance:dlib", "seconds"))


# ------------------------------------------------------------------------------------------------ networks


def synthetic(name: str, shape: torch.Size) -> torch.Tensor:
    """Weights from a seed and their name, as numpy draws them."""
    import zlib

    values = np.random.default_rng([7, zlib.crc32(name.encode())]).standard_normal(tuple(shape), dtype=np.float32)
    drawn = torch.from_numpy(np.asarray(values))
    if name.endswith("conv.weight"):
        return drawn * (2 / drawn[0].numel()) ** 0.5
    if name.endswith("running_var"):
        return 0.5 + drawn.abs()
    return 1 + 0.2 * drawn if name.endswith("bn.weight") else 0.1 * drawn


def synthetic_inception() -> dict[str, torch.Tensor]:
    named = Inception().state_dict()
    return {name: synthetic(name, t.shape) for name, t in named.items() if not name.endswith("num_batches_tracked")}


def blocks(size: int) -> torch.Tensor:
    """[1, 3, size, size] 8-bit levels in blocks of 8."""
    small = np.random.default_rng(size).integers(0, 256, (1, 3, size // 8, size // 8)).repeat(8, 2).repeat(8, 3)
    return torch.from_numpy(small.astype(np.float32))


def test_inception_gives_torch_fidelitys_features(tmp_path: Path) -> None:
    """tests/data/inception.json: every 32nd feature of torch-fidelity 0.4.0's FeatureExtractorInceptionV3 with the same weights."""
    recorded = json.loads((Path(__file__).parent / "data" / "inception.json").read_text())
    path = tmp_path / "weights.pth"
    torch.save(synthetic_inception() | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, path)
    net = Inception.from_checkpoint(path)
    for size, wanted in recorded.items():
        found = net(blocks(int(size)) / 127.5 - 1)[0, ::32]
        assert float((found - torch.tensor(wanted)).norm() / torch.tensor(wanted).norm()) < 1e-4, size


def test_the_resizing_is_tensorflow_ones() -> None:
    """Pixel i of n is read at i · H / n; two rows enlarged to four repeat the last one."""
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    assert resized(x, 4)[0, 0, :, 0].tolist() == [0.0, 1.0, 2.0, 2.0]
    assert resized(x, 4)[0, 0, 0].tolist() == [0.0, 0.5, 1.0, 1.0]


def test_wrong_inception_files_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(WeightsError, match="There is no file"):
        Inception.from_checkpoint(path)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        Inception.from_checkpoint(path)
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="470 keys are missing"):
        Inception.from_checkpoint(path)
    state = {name: torch.zeros(1) for name in synthetic_inception()}
    torch.save(state, path)
    with pytest.raises(WeightsError, match="has another shape"):
        Inception.from_checkpoint(path)


def test_vgg_features_are_the_last_map_of_mean_square_one() -> None:
    torch.manual_seed(0)
    net = LPIPS("vgg")
    pictures = torch.rand(2, 3, 512, 512) * 2 - 1
    x = (F.avg_pool2d(pictures, 2) - net.shift) / net.scale
    for number, layer in enumerate(net.convs):
        x = F.relu(F.conv2d(x, layer.weight, layer.bias, padding=1))
        if number in (1, 3, 6, 9):
            x = F.max_pool2d(x, 2)
    each = x / x.square().mean(1, keepdim=True).sqrt()
    found = VGGFeatures(net)(pictures)
    assert found.shape == (2, 512) and torch.allclose(found, each.mean((2, 3)), rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------------ pairs and folders


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch) -> Scorer:
    monkeypatch.setattr("i2edit.align.find_faces", found_faces)
    torch.manual_seed(4)
    return Scorer(Pooled(), LPIPS("alex"), DlibFace(), Words(), Colours())


def noise(seed: int, size: tuple[int, int] = (128, 128)) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)).resize(size)


def test_a_pair_is_measured_by_its_networks(scorer: Scorer) -> None:
    a, b = noise(1), noise(2)
    found = scorer(a, b, ("bangs", "lipstick"), "bangs")
    x = F.interpolate(to_tensor(a), size=256, mode="area"), F.interpolate(to_tensor(b), size=256, mode="area")
    assert found.scores["lpips:alex"] == pytest.approx(float(scorer.lpips(*x)))
    picture = Words().embed_images(to_tensor(b))[0]
    cosines = [float(picture @ Words().embed_texts([caption(Belief.of(v))])[0]) for v in ("bangs", "lipstick")]
    assert found.scores["avgrel"] == pytest.approx(sum(cosines) / 2) and found.scores["minrel"] == pytest.approx(
        min(cosines)
    )
    assert found.scores["relevance:first"] == pytest.approx(cosines[0])
    shown = Colours().probabilities(to_tensor(b))[0]
    wanted = float(shown[VALUES.index("bangs")] + shown[VALUES.index("lipstick")]) / 2
    assert found.scores["judge"] == pytest.approx(wanted)
    assert Measured.from_json(json.loads(json.dumps(found.to_json()))).scores == found.scores
    assert np.array_equal(Measured.from_json(json.loads(json.dumps(found.to_json()))).edited, found.edited)


def test_the_same_picture_is_the_same_person_and_asks_for_nothing(scorer: Scorer) -> None:
    found = scorer(noise(1), noise(1), ()).scores
    assert found["lpips:alex"] == 0 and found["id:dlib"] == pytest.approx(1) and found["id-distance:dlib"] == 0
    assert found["avgrel"] is None and found["minrel"] is None and found["judge"] is None


def test_without_a_model_nothing_is_made_up(scorer: Scorer) -> None:
    scorer.image_text = scorer.judge = None
    found = scorer(noise(1), noise(2), ("bangs",)).scores
    assert set(found) == {"lpips:alex", "id:dlib", "id-distance:dlib"}
    assert set(scorer.unscored) == {"minrel, avgrel", "judge"} and "avgrel" not in scorer.names


def test_without_a_feature_network_there_is_no_fid(scorer: Scorer) -> None:
    scorer.features = None
    pairs = [scorer(noise(n), noise(n + 1), ()) for n in (1, 2)]
    again = [Measured.from_json(json.loads(json.dumps(pair.to_json()))) for pair in pairs]
    assert scorer.names[0] == "lpips:alex" and pairs[0].original is None and again[1].edited is None
    assert set(statistics(again, scorer.feature_name)) == {"lpips:alex", "id:dlib", "id-distance:dlib"}


def test_without_a_face_identity_is_not_scored(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2edit.align.find_faces", lambda image: [])
    assert scorer(noise(1), noise(2), ()).scores["id:dlib"] is None


def test_pictures_of_different_shapes_are_refused(scorer: Scorer) -> None:
    with pytest.raises(DataError, match="they do not show the same part"):
        scorer(noise(1), noise(2, (128, 64)), ())


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., tuple[Path, Path, Path]]:
    def make(lines: list[Any] | None = None) -> tuple[Path, Path, Path]:
        a, b, beliefs = tmp_path / "a", tmp_path / "b", tmp_path / "beliefs.jsonl"
        for folder, shift in ((a, 0), (b, 100)):
            folder.mkdir(exist_ok=True)
            for number in range(3):
                noise(number + shift).save(folder / f"f{number}.{'png' if shift else 'jpg'}")
        rows = lines if lines is not None else [
            {"image": "f0.png", "belief": {"makeup": ["lipstick"]}},
            {"image": "f1", "belief": {}},
            {"dialogue_id": "f2", "turns": [{"belief": {}}, {"belief": {"hairstyle": ["bangs"]}}]},
            {"image": "f7", "belief": {}},
        ]  # fmt: skip
        beliefs.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in rows))
        return a, b, beliefs

    return make


def test_folders_are_paired_by_name_and_what_has_no_partner_is_counted(scorer: Scorer, folders: Any) -> None:
    a, b, beliefs = folders()
    (b / "f1.png").unlink()
    noise(5).save(b / "extra.png")
    noise(5).save(a / "extra.png")
    found = evaluate_folders(a, b, beliefs, lambda: scorer, losses=["lpips:alex"])
    assert found["n"] == 2 and found["left_out"]["no edited picture"] == ["f1"]
    assert found["left_out"]["no belief"] == ["extra"] and found["nothing_asked_for"] == 0
    assert set(found["metrics"]) == set(scorer.names)
    one = scorer(Image.open(a / "f0.jpg").convert("RGB"), Image.open(b / "f0.png"), ("lipstick",)).scores
    two = scorer(Image.open(a / "f2.jpg").convert("RGB"), Image.open(b / "f2.png"), ("bangs",)).scores
    assert found["metrics"]["avgrel"]["mean"] == pytest.approx((one["avgrel"] + two["avgrel"]) / 2)
    text = metrics_text(found)
    assert "| lpips:alex† ↓ |" in text and "| avgrel ↑ |" in text and "no belief: 1" in text


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{"], "line 1"),
        ([{"image": "f0"}], "line 1"),
        ([{"image": "f0", "belief": {"makeup": ["wings"]}}], "no value called 'wings'"),
        ([{"image": "f0", "belief": {}}, {"image": "f0.png", "belief": {}}], "twice"),
        ([], "nothing in"),
        ([{"image": "zz", "belief": {}}], "No name of"),
    ],
)
def test_bad_belief_files_are_explained(scorer: Scorer, folders: Any, lines: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        evaluate_folders(*folders(lines), lambda: scorer)


def test_unknown_losses_missing_folders_and_doubled_names_are_explained(
    scorer: Scorer, folders: Any, tmp_path: Path
) -> None:
    a, b, beliefs = folders()
    with pytest.raises(DataError, match="no metric lpips:vgg"):
        evaluate_folders(a, b, beliefs, lambda: scorer, losses=["lpips:vgg"])
    with pytest.raises(DataError, match="no folder of pictures"):
        evaluate_folders(tmp_path / "none", b, beliefs, lambda: scorer)
    noise(1).save(a / "f0.png")
    with pytest.raises(DataError, match="which one is meant"):
        evaluate_folders(a, b, beliefs, lambda: scorer)


def test_models_are_named_by_module_and_callable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2edit.facetext.FaceText.from_assets", Words)
    assert isinstance(load_image_text("facetext"), Words) and isinstance(load_image_text("tiny_bench:Words"), Words)
    assert isinstance(load_model("tiny_bench:Words"), Words)
    assert load_model("pathlib:Path:a/b:c") == Path("a/b:c")
    for wrong in ("words", "tiny_bench:Nothing", "nowhere_at_all:X"):
        with pytest.raises(I2EditError):
            load_model(wrong)


def test_the_command_prints_json_or_a_table(scorer: Scorer, folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    monkeypatch.setattr("i2edit.bench.photos.load_scorer", lambda *models: scorer)
    a, b, beliefs = folders()
    command = ["evaluate", "images", "--original", str(a), "--edited", str(b), "--beliefs", str(beliefs)]
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert found["n"] == 3 and {"mean", "low", "high"} == set(found["metrics"]["fid:pooled"])
    assert "| fid:pooled ↓ |" in CliRunner().invoke(app, command).stdout


@pytest.mark.weights
def test_the_published_networks_know_a_face_from_another_picture() -> None:
    from i2edit.bench.photos import load_scorer

    photo = open_photo(FOLDER / "demo" / "portrait.jpg").image
    whole = load_scorer()
    same = whole(photo, photo, ())
    assert same.scores["lpips:alex"] == 0 and same.scores["id:dlib"] == pytest.approx(1, abs=1e-5)
    dimmed = whole(photo, to_image(to_tensor(photo) * 0.7), ())
    assert 0 < dimmed.scores["lpips:alex"] < 0.3 and dimmed.scores["id-distance:dlib"] < 0.3  # type: ignore[operator]
    assert metrics.fid(np.stack([same.original] * 2), np.stack([dimmed.edited] * 2)) > 0
