"""What the tests share: tiny real networks, a partner who follows a script, and the shipped editor (marker ``weights``).

The tiny editor has the classes of the real one: a generator of 16 channels that still draws 1024² from 23 slots, the
shipped directions, LPIPS and the descriptor with random weights. Unmarked tests see an empty cache and no network.
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from i2edit.dialogue import Conversation, Heard, Spoken
from i2edit.dialogue.history import hear_marks
from i2edit.records import Act, Outcome

if TYPE_CHECKING:
    from i2edit.chat import Chat, Editor
    from i2edit.edit.directions import Directions
    from i2edit.facetext import FaceText
    from i2edit.nets.mobile import Generator, Synthesis

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as nets/fast.py: it would call home
SIDE = 256  # of the crops that most conversations here are about


@pytest.fixture(scope="session")
def own_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a signing key is made once for all tests."""
    return tmp_path_factory.mktemp("own-data")


@pytest.fixture(autouse=True)
def no_network_and_no_cache(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_data: Path
) -> None:
    """A test without the marker ``weights`` can neither reach a machine nor read downloaded weights; none writes into the
    user's own data."""
    monkeypatch.setenv("I2EDIT_DATA", str(own_data))
    if request.node.get_closest_marker("weights"):
        return
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost")):
            raise OSError(f"a test without the marker weights wants to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.setenv("I2EDIT_HOME", str(tmp_path / "empty-home"))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For modules of many small tensors: on a machine that is busy, threads wait for each other longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# ------------------------------------------------------------------------------------------------ tiny networks


@pytest.fixture(scope="session")
def tiny() -> Generator:
    """A generator of the shipped class with few channels, calibrated so that every slot changes the picture."""
    from i2edit.nets.mobile import Config, Generator, Modulation

    torch.manual_seed(0)
    generator = Generator(Config(channels=(16, 16, 16, 16, 16, 16, 8, 8))).eval().requires_grad_(False)
    synthesis = generator.synthesis
    for module in synthesis.modules():
        if isinstance(module, Modulation):
            module.linear.weight.mul_(0.4)
            module.linear.bias.fill_(1.0)
    w = torch.zeros(1, 512)
    for number, layer in enumerate(synthesis.layers, 1):
        for convolution in layer.pointwise:
            convolution.bias.zero_()
            convolution.weight.mul_(30)
        layer.pointwise[1].weight.div_(synthesis.features(w, number).std())
    synthesis.to_img.bias.zero_()
    synthesis.to_img.weight.mul_(0.35 / synthesis(w).std())
    return generator


@pytest.fixture(scope="session")
def directions() -> Directions:
    """The shipped directions."""
    from i2edit.edit.directions import Directions

    return Directions.from_assets()


@pytest.fixture(scope="session")
def sample_w(directions: Directions) -> Callable[[int], torch.Tensor]:
    """seed → w [23, 512] of a likely face, the same in all slots, from the shipped mean and covariance alone."""
    from i2edit import assets

    stats = assets.tensors("w_stats.safetensors")
    values, vectors = torch.linalg.eigh(stats["cov"].double())
    root = vectors * values.clamp_min(0).sqrt()

    def sample(seed: int) -> torch.Tensor:
        z = torch.from_numpy(np.random.default_rng(seed).standard_normal(512))
        return (stats["mean"].double() + 0.9 * root @ z).float().expand(23, 512).contiguous()

    return sample


@pytest.fixture(scope="session")
def mean_landmarks(directions: Directions) -> np.ndarray:
    """The 68 landmarks of the generator's mean face, [68, 2] in parts of the picture's side."""
    return directions.landmarks(directions.mean).numpy()


class Scripted:
    """Stands in for the dialogue model: "+bangs, -goatee", "less +smiling", "undo" mean that, all else is small talk."""

    def __init__(self) -> None:
        self.told: list[tuple[Outcome, frozenset[str], frozenset[str]]] = []

    def track(self, conv: Conversation, text: str) -> Heard:
        marks: list[str] = []
        for part in text.split(", "):
            words = part.split(" ", 1)
            if words[0] in ("less", "more", "much"):
                marks.append(f"<{words[0]}>")
                part = words[1]
            if part in ("undo", "redo", "reset"):
                marks.append(f"<op_{part}>")
            elif part[:1] in "+-=" and part[1:]:
                marks.append(f"<{part}>")
        return hear_marks(conv, ("<change>", *marks) if marks else ("<none>",))

    def respond(
        self,
        conv: Conversation,
        heard: Heard,
        outcome: Outcome,
        present: frozenset[str] = frozenset(),
        blocked: frozenset[str] = frozenset(),
        seed: int = 0,
    ) -> Spoken:
        self.told.append((outcome, present, blocked))
        return Spoken(f"I see {len(heard.state.belief)} wishes.", Act("next"))


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


class Untaught(Scripted):
    """Hears marks as Scripted does; all else goes to a model of the shipped class that has learned nothing, whose
    replies are therefore the sentences written for the case that none of its own is true."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def track(self, conv: Conversation, text: str) -> Heard:
        latin = any(c.isascii() and c.isalpha() for c in text)
        return super().track(conv, text) if latin else self.model.track(conv, text)

    def respond(self, conv: Conversation, heard: Heard, outcome: Outcome, *args: Any, **more: Any) -> Spoken:
        return self.model.respond(conv, heard, outcome, *args, **more)


@pytest.fixture(scope="session")
def untaught_model() -> Any:
    from tokenizers import Tokenizer

    from i2edit.dialogue import SHIPPED
    from i2edit.dialogue.prompts import Codec
    from i2edit.dialogue.seq2seq import DialogueModel, Size, new_network

    torch.manual_seed(3)
    codec = Codec(Tokenizer.from_file(str(SHIPPED / "tokenizer.json")))
    return DialogueModel(new_network(codec.size, Size(32, 64, 2, 1, 1)), codec)


@pytest.fixture
def untaught(untaught_model: Any, monkeypatch: pytest.MonkeyPatch) -> Untaught:
    monkeypatch.setattr("i2edit.dialogue.seq2seq.MAX_REPLY", 3)  # its own sentences are babble: short babble is enough
    return Untaught(untaught_model)


def words_of(texts: Sequence[str]) -> Any:
    """A tokenizer of all the words of some texts."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    split = pre_tokenizers.BertPreTokenizer()
    words = sorted({word for text in texts for word, _ in split.pre_tokenize_str(text.lower())})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), split
    return made


@pytest.fixture
def tiny_model() -> FaceText:
    """A face–text encoder that has learned nothing; texts of up to 14 word pieces."""
    from i2edit.captions import caption
    from i2edit.data.descriptions import describe
    from i2edit.facetext import FaceText, Size
    from i2edit.nets.lpips import LPIPS
    from i2edit.ontology import VALUES, Belief

    rng = random.Random(0)
    texts = [*VALUES, "a face with without hello no", *(describe(rng).text for _ in range(300))]
    tokenizer = words_of([*texts, *(caption(Belief.of(value)) for value in VALUES)])
    torch.manual_seed(0)
    size = Size(
        dim=32, side=64, grid=2, kept=(2, 2, 4, 4, 4), hidden=16, vocabulary=tokenizer.get_vocab_size(), width=32, inner=64, heads=2,
        layers=1, tokens=16,
    )  # fmt: skip
    return FaceText(tokenizer, LPIPS("alex"), size).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_parts(tiny: Generator) -> dict[str, Any]:
    """The networks of an editor, all of them tiny or with random weights."""
    from i2edit.invert import Inverter, Settings
    from i2edit.nets.dlibface import DlibFace
    from i2edit.nets.lpips import LPIPS
    from i2edit.regions import GROUPS, Segmenter

    torch.manual_seed(1)
    rng = torch.Generator().manual_seed(2)
    clusters = {
        "mean": torch.zeros(16),
        "axes": torch.linalg.qr(torch.randn(16, 6, generator=rng)).Q,
        "centres": 0.4 * torch.randn(16, 6, generator=rng),
        "members": torch.eye(len(GROUPS))[torch.arange(16) % len(GROUPS)],
        "sharpness": torch.tensor(40.0),
    }
    face = DlibFace()
    inverter = Inverter(tiny, LPIPS("alex"), face, None, Settings(preview_steps=2, picture_steps=0, regressor=False))
    return {"generator": tiny, "segmenter": Segmenter(tiny, clusters), "face": face, "inverter": inverter}


@pytest.fixture
def tiny_editor(tiny_parts: dict[str, Any], directions: Directions, scripted: Scripted) -> Editor:
    """An editor that draws 1024² pictures of nothing in particular, in a fraction of a second."""
    from i2edit.chat import Editor

    picture = tiny_parts["generator"].synthesis
    return Editor(picture=picture, directions=directions, dialogue=scripted, **tiny_parts)  # type: ignore[arg-type]


class Pictures:
    """A synthesis whose pictures are made by another function."""

    def __init__(self, synthesis: Synthesis, make: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.synthesis, self.make = synthesis, make

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        return self.make(w)

    def with_features(self, w: torch.Tensor, layers: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.make(w), self.synthesis.features(w, layers)


@pytest.fixture
def small_editor(tiny_editor: Editor) -> Editor:
    """The tiny editor with its pictures at a quarter of the size."""
    synthesis = tiny_editor.generator.synthesis
    tiny_editor.picture = Pictures(synthesis, lambda w: F.avg_pool2d(synthesis(w), 4))  # type: ignore[assignment]
    return tiny_editor


@pytest.fixture
def new_chat(
    small_editor: Editor, sample_w: Callable[[int], torch.Tensor], mean_landmarks: np.ndarray
) -> Callable[..., Chat]:
    """(seed of w, generated) → a fresh chat about a crop of 256² in a photo of 320 × 300 pixels."""
    from i2edit.align import Aligned
    from i2edit.chat import Chat
    from i2edit.images import to_image, to_tensor

    def make(seed: int = 1, *, generated: bool = False) -> Chat:
        w = sample_w(seed)
        raw = small_editor.picture(w[None])
        crop = to_image(raw)
        landmarks = mean_landmarks * SIDE
        if generated:
            corner, photo = -0.5, crop
        else:
            corner = 20.0
            noise = np.random.default_rng(seed).integers(0, 256, (300, 320, 3), dtype=np.uint8)
            photo = Image.fromarray(noise)
            photo.paste(crop, (20, 20))
        end = corner + SIDE
        quad = np.array([[corner, corner], [corner, end], [end, end], [end, corner]])
        aligned = Aligned(crop, quad, landmarks)
        chat = Chat(small_editor, photo, aligned, to_tensor(crop), torch.from_numpy(landmarks).float(), w, raw)
        chat.generated = generated
        return chat

    return make


# ------------------------------------------------------------------------------------------------ shipped networks


@pytest.fixture(scope="session")
def shipped_dialogue() -> Any:
    """The shipped dialogue model."""
    from i2edit.dialogue import load_dialogue

    return load_dialogue()


@pytest.fixture(scope="session")
def editor() -> Editor:
    """Everything as it ships. Only for tests with the marker ``weights``."""
    from i2edit.chat import Editor

    return Editor.load()


@pytest.fixture(scope="session")
def face_chat(editor: Editor) -> Chat:
    """The generated face of seed 6001, opened once. Tests that talk take a copy: ``fresh``."""
    return editor.open_seed(6001)


@pytest.fixture
def fresh(face_chat: Chat) -> Callable[[], Chat]:
    """→ a chat about the same face in which nothing was said yet."""
    from i2edit.chat import Chat

    def make() -> Chat:
        old = face_chat
        chat = Chat(old.editor, old.photo, old.aligned, old.crop, old.landmarks, old.w_raw, old.raw)
        chat.generated = True
        return chat

    return make
