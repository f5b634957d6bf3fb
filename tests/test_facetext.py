"""The face–text encoder: what a vector is, what training teaches (tiny networks), and what the shipped weights know."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from i2edit import cli
from i2edit.bench import facetext as bench
from i2edit.data.descriptions import describe, look, short, unseen_wordings
from i2edit.data.faces import LabelledFace
from i2edit.data.phrases import WORDING, families
from i2edit.edit.directions import Directions, label_of
from i2edit.errors import MessageError, WeightsError
from i2edit.facetext import FaceText
from i2edit.modes import prompt
from i2edit.ontology import VALUES, EditState
from i2edit.train import facetext as training

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.usefixtures("one_thread")
# ------------------------------------------------------------------------------------------------ vectors


def test_vectors_have_unit_length_and_pictures_a_gradient(tiny_model: FaceText) -> None:
    crops = (2 * torch.rand(2, 3, 96, 96) - 1).requires_grad_()
    v, t = tiny_model.embed_images(crops), tiny_model.embed_texts(["bangs", "a face with lipstick"])
    assert v.shape == t.shape == (2, 32)
    assert torch.allclose(v.norm(dim=1), torch.ones(2), atol=1e-5)
    assert torch.allclose(t.norm(dim=1), torch.ones(2), atol=1e-5)
    tiny_model.logits(v, t)[0, 1].backward()
    assert crops.grad is not None and crops.grad[0].abs().max() > 0 and not crops.grad[1].any()


def test_the_size_of_a_crop_hardly_matters(tiny_model: FaceText) -> None:
    small = torch.nn.functional.interpolate(2 * torch.rand(1, 3, 8, 8) - 1, size=64, mode="bicubic").clamp(-1, 1)
    large = torch.nn.functional.interpolate(small, size=256, mode="bilinear")
    with torch.no_grad():
        assert float((tiny_model.embed_images(small) * tiny_model.embed_images(large)).sum()) > 0.99
    with pytest.raises(ValueError, match=r"\[B, 3, H, W\]"):
        tiny_model.embed_images(small[0])


def test_a_text_does_not_depend_on_its_company(tiny_model: FaceText) -> None:
    alone = tiny_model.embed_texts(["bangs"])
    company = tiny_model.embed_texts(["a face with bangs and earrings and no lipstick", "bangs"])
    assert torch.allclose(alone[0], company[1], atol=1e-5)


def test_no_text_is_cut_without_a_word(tiny_model: FaceText) -> None:
    assert tiny_model.embed_texts([" ".join(["lipstick"] * 14)]).shape == (1, 32)
    with pytest.raises(MessageError, match="has 15 word pieces; the face–text model takes 14"):
        tiny_model.embed_texts(["bangs", " ".join(["lipstick"] * 15)])


def test_in_training_long_texts_lose_their_beginning(tiny_model: FaceText) -> None:
    many = " ".join(["lipstick"] * 14)
    assert torch.equal(tiny_model.ids([f"bangs {many}"], cut=True), tiny_model.ids([many]))
    assert not torch.equal(tiny_model.ids([f"{many} bangs"], cut=True), tiny_model.ids([many]))


def test_a_dialogue_as_prompt_is_cut_at_the_encoder_s_limit_and_the_share_is_told(tiny_model: FaceText) -> None:
    words = ["bangs", *["lipstick"] * 19]
    text, share = prompt(SimpleNamespace(image_text=tiny_model), [" ".join(words[:5]), " ".join(words[5:])])  # type: ignore[arg-type]
    assert text == " ".join(words[6:]) and share == pytest.approx(6 / 20)
    assert prompt(SimpleNamespace(image_text=tiny_model), ["bangs"]) == ("bangs", 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_a_text_without_words(tiny_model: FaceText, empty: str) -> None:
    with pytest.raises(MessageError, match="needs words"):
        tiny_model.embed_texts(["bangs", empty])


def test_stored_weights_give_the_same_vectors(tiny_model: FaceText, tmp_path: Path) -> None:
    tiny_model.calibration[0, 3] = 2.5
    tiny_model.save(tmp_path)
    assert not any(name.startswith("trunk") for name in load_file(tmp_path / "model.safetensors"))
    stored = FaceText.from_folder(tmp_path, tiny_model.trunk)
    crops, texts = 2 * torch.rand(2, 3, 64, 64) - 1, ["bangs", "lipstick"]
    assert torch.allclose(stored.embed_images(crops), tiny_model.embed_images(crops), atol=0.03)  # 8 bits
    assert torch.allclose(stored.embed_texts(texts), tiny_model.embed_texts(texts), atol=0.03)
    assert stored.calibration[0, 3] == 2.5
    probabilities = stored.attributes(stored.embed_images(crops))
    assert probabilities.shape == (2, 23) and bool(((probabilities > 0) & (probabilities < 1)).all())


def test_what_is_no_model(tiny_model: FaceText, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"lacks config\.json"):
        FaceText.from_folder(tmp_path, tiny_model.trunk)
    tiny_model.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"dim": 32, "colour": 3}))
    with pytest.raises(WeightsError, match="cannot be read"):
        FaceText.from_folder(tmp_path, tiny_model.trunk)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="cannot be read"):
        FaceText.from_folder(tmp_path, tiny_model.trunk)


# ------------------------------------------------------------------------------------------------ texts to learn from


def test_descriptions_repeat_with_their_seed_and_say_what_they_mean() -> None:
    made = [describe(random.Random(seed)) for seed in range(400)]
    assert made == [describe(random.Random(seed)) for seed in range(400)]
    assert {sign for one in made for sign in one.says.values()} == {1, -1}
    assert {value for one in made for value in one.says} == set(VALUES)
    assert not [one.text for one in made if "{" in one.text or "}" in one.text or not one.text.strip()]
    assert sum(not one.says for one in made) > 10
    brief = [short(random.Random(seed)) for seed in range(400)]
    assert {value for one in brief for value in one.says} == set(VALUES)
    assert max(len(one.text) for one in brief) < 120


def test_unseen_names_are_nowhere_in_the_training_texts() -> None:
    halves = [unseen_wordings(split) for split in ("validation", "test")]
    assert [list(half) for half in halves] == [list(VALUES)] * 2
    unseen = {name for half in halves for names in half.values() for name in names}
    assert len(unseen) == 230  # 5 a value and half, all different
    trained = {text for wording in WORDING.values() for kind in wording.values() for text in kind}
    trained |= {text.lower().rstrip(".!") for v in VALUES for text in families("train")[f"say {v}"]}
    rng = random.Random(1)
    trained |= {look(rng, value) for value in VALUES for _ in range(300)}
    assert not unseen & trained
    with pytest.raises(ValueError, match="not for 'train'"):
        unseen_wordings("train")


# ------------------------------------------------------------------------------------------------ training


def test_a_rare_label_counts_as_much_as_a_common_one() -> None:
    labels: list[dict[str, int | None]] = [{"bangs": 1}, {"bangs": 0}, {"bangs": 0}, {"bangs": 0}, {"bangs": None}]
    taught = training.lesson(np.zeros((5, 3)), [1], ("bangs",), labels, rated=2.0)
    assert taught.target[:, 0].tolist() == [1, 0, 0, 0, 0.5]  # the last from w
    assert taught.weight[0, 0] == pytest.approx(taught.weight[1:4, 0].sum().item())
    assert taught.weight[4, 0] == 1


def planted(model: FaceText, count: int, seed: int) -> tuple[Tensor, np.ndarray]:
    """Pictures whose colour says which of two attributes they have: cells [N, 1, cells] and logits [N, 2]."""
    rng = torch.Generator().manual_seed(seed)
    truth = torch.randint(2, (count, 2), generator=rng)
    pictures = 0.3 * torch.randn(count, 3, 64, 64, generator=rng)
    pictures[:, 0, :32] += 1.2 * truth[:, 0, None, None] - 0.6  # red above
    pictures[:, 2, 32:] += 1.2 * truth[:, 1, None, None] - 0.6  # blue below
    with torch.no_grad():
        cells = torch.cat([c.flatten(1) for c in model.cells(pictures.clamp(-1, 1))], 1)
    return cells[:, None].half(), (8.0 * truth - 4).numpy()


def test_the_image_tower_learns_and_resumes(tiny_model: FaceText, tmp_path: Path) -> None:
    tiny_model.requires_grad_(True)
    cells, logits = planted(tiny_model, 96, 0)
    taught = training.lesson(logits, [0, 1], ("a", "b"), [], 1.0)
    settings = training.Settings(image_epochs=8, image_batch=16, image_lr=1e-2, drop=0.0)
    before = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}
    whole = training.train_image(tiny_model, settings, cells, taught)
    fresh, truth = planted(tiny_model, 60, 1)
    scores = training.embed(tiny_model, fresh[:, 0]) @ whole.T
    assert min(bench.auc(scores[:, k].numpy(), truth[:, k] > 0) for k in (0, 1)) > 0.95

    tiny_model.load_state_dict(before)
    state = tmp_path / "image.pt"

    def stop(prototypes: Tensor) -> float:
        if state.exists():  # after the first epoch was kept
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        training.train_image(tiny_model, settings, cells, taught, state, stop)
    resumed = training.train_image(tiny_model, settings, cells, taught, state)
    assert torch.allclose(resumed, whole, atol=1e-5)
    tiny_model.load_state_dict(before)
    tiny_model.requires_grad_(False)


def test_the_text_tower_learns_negation_and_resumes(
    tiny_model: FaceText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simple(rng: random.Random) -> Any:
        value, sign = rng.choice(("bangs", "lipstick")), rng.choice((1, -1))
        return training.Description(f"a face {'with' if sign > 0 else 'without'} {value}", {value: sign})

    monkeypatch.setattr(training, "describe", simple)
    settings = training.Settings(text_steps=100, name_steps=0, text_batch=16, text_lr=3e-3, text_head_lr=1e-2)
    state = tmp_path / "text.pt"
    training.train_text(tiny_model, settings, state)
    settings = replace(settings, text_steps=500)
    reads = training.train_text(tiny_model, settings, state)
    assert torch.load(state, weights_only=True)["step"] == 500
    faces = torch.nn.functional.normalize(torch.randn(50, 32), dim=1)
    prototypes = torch.linalg.qr(torch.randn(32, 32)).Q[: len(VALUES)]
    training.join(tiny_model, reads, prototypes, faces)
    t = tiny_model.embed_texts(["a face with bangs", "a face without bangs", "a face with lipstick"]).detach()
    own = t @ prototypes[VALUES.index("bangs")]
    assert own[0] > 0.6 and own[1] < -0.4 and abs(own[2]) < 0.9 * own[0]


def test_what_a_text_says_as_numbers() -> None:
    both = training.code({"bangs": 1, "lipstick": -1})
    assert both[VALUES.index("bangs")] == -both[VALUES.index("lipstick")] == pytest.approx(2**-0.5)
    assert training.code({})[-1] == 1
    assert torch.equal(training.code({"bangs": -1}), -training.code({"bangs": 1}))


def test_augmented_pictures_stay_pictures_of_the_same() -> None:
    rng = torch.Generator().manual_seed(0)
    pictures = torch.nn.functional.interpolate(2 * torch.rand(8, 3, 6, 6) - 1, size=96, mode="bilinear")
    made = training.augmented(pictures, rng)
    assert made.shape == pictures.shape and made.min() >= -1 and made.max() <= 1
    assert 0.02 < (made - pictures).abs().mean(dim=(1, 2, 3)).min() < 0.6
    again = training.augmented(pictures, torch.Generator().manual_seed(0))
    assert torch.equal(made, again)


@pytest.mark.weights
def test_fresh_faces_repeat_and_stay_apart_from_the_labelled_ones(directions: Directions) -> None:
    from i2edit.data.faces import read_labels
    from i2edit.nets.mobile import Generator

    generator, moves = Generator.published(), training.shifts(directions)
    assert max(face.seed for face in read_labels()) < training.FIRST_SEED
    kinds = set()
    for seed in range(training.FIRST_SEED, training.FIRST_SEED + 12):
        drawn, shown = training.fresh(generator, directions, moves, seed)
        again, _ = training.fresh(generator, directions, moves, seed)
        assert torch.equal(drawn, again) and drawn.shape == (23, 512) and shown.shape == (512,)
        plain = torch.equal(shown, generator.seed(seed)[0])
        kinds.add((plain, bool((drawn == drawn[0]).all())))
    assert kinds == {(True, True), (False, True), (False, False)}  # as they come, moved, edited


def test_a_step_of_a_label_raises_it_by_one(directions: Directions) -> None:
    moves = training.shifts(directions)
    k = directions.keys.index("goatee")
    w = directions.mean.float()
    raised = directions.logits(w + moves[k])["goatee"] - directions.logits(w)["goatee"]
    assert raised == pytest.approx(1, abs=1e-3)


# ------------------------------------------------------------------------------------------------ measuring


def test_auc_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.integers(0, 2, 40)
        scores = np.round(rng.normal(size=40) + truth, 1)  # with ties
        drawn = rng.choice(40, 40)
        counts = np.stack([np.ones(40), np.bincount(drawn, minlength=40)])
        expected = [roc_auc_score(truth, scores), roc_auc_score(truth[drawn], scores[drawn])]
        assert bench.auc(scores, truth, counts).tolist() == pytest.approx(expected)
        assert bench.auc(scores, truth).tolist() == pytest.approx(expected[:1])
    assert np.isnan(bench.auc(np.arange(3.0), np.ones(3))).all()


def test_the_report_counts_apart_what_is_rare(tiny_model: FaceText) -> None:
    rng = np.random.default_rng(0)
    embedded = torch.nn.functional.normalize(torch.randn(80, 32), dim=1)
    with torch.no_grad():
        own = (embedded @ tiny_model.names.T).numpy()
    labels = [
        {label_of(value): int(own[i, k] > np.median(own[:, k])) for k, value in enumerate(VALUES)} for i in range(80)
    ]
    for i in range(80):
        labels[i]["angry"] = int(i < 5)
    faces = [LabelledFace(i, "random" if i % 2 else "goatee", dict(one)) for i, one in enumerate(labels)]
    report = bench.measure(tiny_model, embedded, rng.normal(size=(80, 23)), faces, "validation", rounds=20)
    assert report["counted"] == 22 and not report["attributes"]["angry"]["counted"]
    assert report["attributes"]["bangs"]["auc"]["value"] == 1.0  # labelled by its own scores
    low, value, high = (report["macro"]["w"][name] for name in ("low", "value", "high"))
    assert low < value < high and 0.3 < value < 0.7
    table = bench.text(report)
    assert "| angry * | 5 / 80 |" in table and "**mean of 22**" in table


def test_calibration_follows_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 23))
    faces = [
        LabelledFace(i, "random", {"bangs": int(rng.random() < 1 / (1 + np.exp(-3 * logits[i, 12] - 1)))})
        for i in range(400)
    ]
    assert VALUES[12] == "bangs"
    a, b = training.calibrate(logits, faces)
    assert 2 < a[12] < 4 and 0.5 < b[12] < 1.5
    assert a[0] == 1 and b[0] == 0  # nobody said anything about the others


# ------------------------------------------------------------------------------------------------ the shipped weights


@pytest.fixture(scope="module")
def shipped() -> FaceText:
    return FaceText.from_assets()


@pytest.mark.weights
def test_shipped_texts_know_paraphrases_and_negation(shipped: FaceText) -> None:
    said = {
        "smiling": "she grins happily", "bangs": "a woman with a fringe", "gray hair": "a man with silver locks",
        "mustache": "he has a moustache", "earrings": "somebody wearing hoops", "no smiling": "a straight face",
    }  # fmt: skip
    t = shipped.embed_texts(list(said.values()))
    assert [VALUES[int(i)] for i in (t @ shipped.names.T).argmax(1)] == list(said)
    for affirmed, denied in (
        ("smiling", "not smiling"),
        ("a beard on the chin", "no beard on the chin"),
        ("earrings", "no earrings"),
    ):
        a, b = shipped.embed_texts([affirmed, denied])
        assert float(a @ b) < -0.5


@pytest.mark.weights
def test_an_edit_raises_its_own_attribute(shipped: FaceText, directions: Directions) -> None:
    from i2edit.nets.mobile import Generator

    generator = Generator.from_weights()
    rises = {}
    for value in ("smiling", "blond hair", "bangs", "lipstick"):
        t = shipped.embed_texts([f"a face with {value}"])
        for seed in (6001, 6002):
            w = generator.synthesis.slots(generator.seed(seed))[0]
            edited = w + directions.step(w, EditState.of(value))
            with torch.no_grad():
                before, after = (
                    float(shipped.logits(shipped.embed_images(generator.preview(x[None])), t)) for x in (w, edited)
                )
            rises[value, seed] = after - before
    assert min(rises.values()) > 0, rises


@pytest.mark.weights
def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from i2edit.assets import FOLDER

    portrait = FOLDER / "demo" / "portrait.jpg"
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (300, 300), "gray").save("wall.png")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["i2edit", "attributes", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return int(stopped.value.code or 0), *capsys.readouterr()

    code, out, _ = run(str(portrait), "--json")
    found = json.loads(out)
    assert code == 0 and list(found) == [str(portrait)] and list(found[str(portrait)]) == list(VALUES)
    assert all(0 < p < 1 for p in found[str(portrait)].values())
    code, out, err = run("wall.png", str(portrait), "missing.jpg")
    assert code == 2 and str(portrait) in out
    assert "wall.png: No face" in err and "missing.jpg" in err
