"""What the picture benchmarks share: photos opened once, results kept file by file, one process or a Ray cluster.

    OUT/run.json                      the settings; a run with others is refused
    OUT/photos/ID/opening.json        how the photo was opened, or why it was left out   (written after the next two)
    OUT/photos/ID/crop.png            its face crop
    OUT/photos/ID/opening.safetensors w [slots, dim], landmarks [68, 2], and the default generator's w where w is another's
    OUT/photos/ID/CELL.json           what was measured of a cell; written last, so that it is there whole or not at all

Whatever is there is not made again: a run that was killed goes on where it was, cell by cell and photo by photo. A photo's
results depend on the photo, the settings and the number of threads, never on who made them or on what was made before.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from i2edit.errors import DataError, I2EditError, OutputError, PhotoError
from i2edit.metrics.image import FACETEXT, JUDGE
from i2edit.modes import EditMethod, View
from i2edit.records import Dialogue
from i2edit.stacks import Choice, named

if TYPE_CHECKING:
    from i2edit.chat import Chat, Editor
    from i2edit.invert import Settings
    from i2edit.metrics.image import Scorer

Progress = Callable[[float, str], None]
OPENINGS = ("inversion", "seed")
VGG = "vgg"  # the feature network of FID and KID that comes from a package
RETRIES = 5  # of a photo whose worker died
LOCAL_CPUS: int | None = None  # of a Ray cluster of our own; None: all of this machine's


@dataclass(frozen=True)
class Run:
    """The settings of a run that its results depend on, and where its photos are.

    ``opening``: `inversion` saves a generated face as an ordinary picture and opens it as any photo (the paper inverts real
    photos, and every single-turn step inverts too, so a w given for nothing would favour the multi-turn mode); `seed` takes
    the face's own w, which is quick. Photos in ``images`` are always inverted. ``steps_scale``: share of the inverter's
    steps, for the photo and for every inversion after it.

    ``choice``: the stack, and the settings of `optimise`; its ``editor`` and ``arcface`` are those of the run. ``features``: `vgg`,
    Inception's weights, or None. ``image_text``, ``judge``: `facetext`, `judge` or MODULE:CALLABLE[:ARGUMENT], or None. ``arcface``: the same, or
    ArcFace's checkpoint, which `optimise` needs on the ffhq stack.
    """

    editors: tuple[str, ...] = ("directions",)
    choice: Choice = field(default_factory=Choice)
    opening: str = "inversion"
    steps_scale: float = 1.0
    seed: int = 0
    threads: int = 0  # of torch; 0: its own choice
    features: str | None = VGG
    image_text: str | None = FACETEXT
    judge: str | None = JUDGE
    arcface: str | None = None
    images: str | None = None

    def __post_init__(self) -> None:
        if self.opening not in OPENINGS:
            raise I2EditError(f"Photos are opened by {' or '.join(OPENINGS)}, not {self.opening!r}.")
        if not self.editors or len(set(self.editors)) < len(self.editors):
            raise I2EditError("Name at least one editor, and each of them once.")
        if not 0 < self.steps_scale <= 4:
            raise I2EditError("The share of the inverter's steps lies between 0 and 4.")
        _ = self.networks  # says what is missing

    @property
    def networks(self) -> Choice:
        """What the editor of the run is made of. Raises WeightsError for a checkpoint that is not named."""
        editor: Literal["optimise", "directions"] = "optimise" if "optimise" in self.editors else "directions"
        ours = self.choice.stack == "ffhq" and self.arcface is not None and ":" not in self.arcface
        return replace(self.choice, editor=editor, arcface=self.arcface if ours else None)


@dataclass(eq=False)
class Kit:
    """The networks of a run: made once in each process."""

    run: Run
    editor: Editor
    methods: dict[str, EditMethod]
    scorer: Scorer
    losses: dict[str, tuple[str, ...]] = field(default_factory=dict)


Make = Callable[["Editor", Run], EditMethod]
Losses = Callable[[Run], tuple[str, ...]]
DLIB = ("id:dlib", "id-distance:dlib")
RELEVANCE = ("minrel", "avgrel", "relevance:first")
INVERSION_LOSSES = ("lpips:alex", *DLIB)


def optimised(run: Run) -> tuple[str, ...]:
    """The metrics that are losses of `optimise`: its identity network's, and relevance to the image–text model that it follows."""
    clip = run.choice.clip
    same = run.image_text == FACETEXT if clip is None else (run.image_text or "").endswith(f":{clip}")
    return (*(DLIB if run.choice.stack == "mobile" else ("id:arcface",)), *(RELEVANCE if same else ()))


# Name → (how it is got from the loaded networks and the run, metrics among its losses or in the training of its weights).
EDITORS: dict[str, tuple[Make, Losses]] = {
    "directions": (lambda editor, run: editor.directions, lambda run: DLIB),
    "optimise": (lambda editor, run: editor.edits, optimised),
}


def load_kit(run: Run) -> Kit:
    """Everything as it ships, and the models that the run names. Raises I2EditError, WeightsError."""
    from i2edit.chat import Editor

    methods = {name: load_method(name) for name in run.editors}
    scorer = load_scorer(run.features, run.image_text, run.judge, run.arcface)
    if run.threads:
        torch.set_num_threads(run.threads)
    editor = Editor.load(run.networks)
    if run.steps_scale != 1:
        scale_steps(editor.inverter, run.steps_scale)
    made = {name: make(editor, run) for name, (make, _) in methods.items()}
    return Kit(run, editor, made, scorer, losses_of(run, made))


def scale_steps(inverter: Any, share: float) -> None:
    """Gives an inverter, and the ``default`` one that it asks in its turn, that share of its steps."""
    for one in (inverter, getattr(inverter, "default", None)):
        if one is not None and is_dataclass(getattr(one, "settings", None)):
            one.settings = scaled(one.settings, share)


def scaled(settings: Settings, share: float) -> Settings:
    """Settings with that share of the steps, whatever kinds of steps they have (fields named `…steps`), at least one in all."""
    steps = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name.endswith("steps")}
    fewer = {name: round(share * count) for name, count in steps.items()}
    if any(steps.values()) and not any(fewer.values()):
        fewer[next(name for name, count in steps.items() if count)] = 1
    return replace(settings, **fewer)


def losses_of(run: Run, methods: dict[str, EditMethod]) -> dict[str, tuple[str, ...]]:
    """Editor → metrics to be marked †: an editor's own (its ``losses`` count too), and the inversion's."""
    inverted = INVERSION_LOSSES if run.opening == "inversion" or run.images else ()
    found: dict[str, tuple[str, ...]] = {"no edit": inverted}
    for name, method in methods.items():
        own = load_method(name)[1](run)
        found[name] = tuple(dict.fromkeys((*own, *getattr(method, "losses", ()), *inverted)))
    return found


def load_method(name: str) -> tuple[Make, Losses]:
    """An editor of ``EDITORS``, or `MODULE:CALLABLE`, which gets the loaded `chat.Editor` and the `Run`. Raises I2EditError."""
    if name in EDITORS:
        return EDITORS[name]
    if ":" not in name:
        raise I2EditError(f"There is no editor called {name!r}. There are: {', '.join(EDITORS)}, or MODULE:CALLABLE.")
    make, arguments = named(name, "editor")
    return lambda editor, run: make(editor, run, *arguments), lambda run: ()


def load_scorer(
    features: str | None = VGG,
    image_text: str | None = FACETEXT,
    judge: str | None = JUDGE,
    arcface: str | None = None,
) -> Scorer:
    """The published networks, and the models that are named, as in `Run`. Raises I2EditError, WeightsError."""
    from i2edit.metrics.image import Scorer, load_features, load_image_text, load_judge, load_model
    from i2edit.nets.arcface import ArcFace
    from i2edit.nets.dlibface import DlibFace
    from i2edit.nets.lpips import LPIPS

    network = None if features is None else load_features(None if features == VGG else Path(features))
    face: Any = None
    if arcface is not None:
        face = load_model(arcface) if ":" in arcface else ArcFace.from_checkpoint(arcface)
    return Scorer(
        network,
        LPIPS("alex").from_weights(),
        DlibFace.from_weights(),
        load_image_text(image_text) if image_text else None,
        load_judge(judge) if judge else None,
        face,
    )


# ------------------------------------------------------------------------------------------------ the dialogues


def draw_dialogues(n: int, seed: int = 0, path: Path | None = None) -> list[Dialogue]:
    """``n`` dialogues of a file, or of the released test split, drawn by the seed. A larger ``n`` adds to a smaller one.

    Raises DataError when there are fewer.
    """
    from i2edit.data.build import lines, read_released_faces
    from i2edit.dialogue.tracking import read_checked

    if path is not None:
        everything = read_checked(path)
    else:
        made = lines(read_released_faces(), 12000, 0, ("test",))
        everything = [Dialogue.from_json(json.loads(line)) for _, line in made]
    if not 1 <= n <= len(everything):
        raise DataError(f"Between 1 and {len(everything)} dialogues can be drawn, not {n}.")
    unsafe = [
        d.dialogue_id for d in everything if Path(d.dialogue_id).name != d.dialogue_id or d.dialogue_id[:1] == "."
    ]
    if unsafe:
        raise DataError(f"The dialogue id {unsafe[0]!r} cannot be the name of a folder.")
    random.Random(f"{seed}|photos").shuffle(everything)
    return everything[:n]


# ------------------------------------------------------------------------------------------------ files


def write_json(path: Path, obj: Any) -> None:
    """Whole or not at all, also when the process or the machine dies. Raises OutputError."""
    write_lines(path, [obj])


def write_lines(path: Path, rows: Sequence[Any]) -> None:
    """JSON lines, as `write_text` writes. Raises OutputError."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def write_text(path: Path, text: str) -> None:
    """Whole or not at all, also when the process or the machine dies. Raises OutputError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error


def begin(out: Path, run: Run, what: str) -> None:
    """Makes the folder, or checks that it holds the same benchmark with the same settings; editors may be added, because no
    cell depends on another. Raises OutputError."""
    settings = json.loads(json.dumps({"benchmark": what, **asdict(run.choice), **asdict(run)}))
    for name in ("editors", "editor", "choice"):
        del settings[name]
    path = out / "run.json"
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in settings if there.get(name) != settings[name]]
        if other:
            name = other[0]
            raise OutputError(
                f"{out} holds a run with {name} {there.get(name)!r}, this one has {settings[name]!r}. Choose another folder."
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} is there already and is no run of this benchmark. Choose another folder.")
    write_json(path, settings)


@cache
def commit() -> str:
    """The commit that this process runs."""
    from i2edit.train.dialogue import commit_hash

    return commit_hash()


# ------------------------------------------------------------------------------------------------ opening


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo's face crop (PIL RGB, what is compared with), its view, and whether it is a generated face."""

    crop: Any
    view: View
    generated: bool


def open_photo_of(kit: Kit, dialogue: Dialogue, folder: Path) -> Opened | None:
    """Opens the photo of a dialogue, from ``folder`` if that was done before; None when it is left out (opening.json says why:
    no face found, or one that looks like a child's)."""
    from PIL import Image
    from safetensors.torch import load_file, save_file

    from i2edit.images import save_image, to_tensor

    told = folder / "opening.json"
    generated = dialogue.image_id.startswith("seed:")
    if not told.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        about: dict[str, Any] = {"image_id": dialogue.image_id, "left_out": None}
        try:
            chat = _open(kit, dialogue, folder)
            if chat.blocked:
                about["left_out"] = "The face looks like a child's."
            about |= chat.opening
        except PhotoError as error:
            about["left_out"] = str(error)
        else:
            save_image(chat.aligned.crop, folder / "crop.png", edited=False, generated=generated)
            part = folder / f".opening.{os.getpid()}.part"
            tensors = {"w": chat.w_raw, "landmarks": chat.landmarks}
            if chat.w_seen is not None and len(chat.w_seen) != len(chat.w_raw):
                tensors["seen"] = chat.w_seen
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
            os.replace(part, folder / "opening.safetensors")
        write_json(told, about)
    if json.loads(told.read_text(encoding="utf-8"))["left_out"] is not None:
        return None
    with Image.open(folder / "crop.png") as image:
        crop = image.convert("RGB")
    tensors = load_file(folder / "opening.safetensors")
    w, seen = tensors["w"], tensors.get("seen")
    with torch.no_grad():
        view = View(to_tensor(crop), tensors["landmarks"], w, *kit.editor.draw(w, w, seen), seen)
    return Opened(crop, view, generated)


def _open(kit: Kit, dialogue: Dialogue, folder: Path) -> Chat:
    from i2edit.images import save_image, to_image

    kind, _, number = dialogue.image_id.partition(":")
    if kind != "seed" or not number.isdigit():
        if kit.run.images is None:
            raise DataError(
                f"Dialogue {dialogue.dialogue_id} is about {dialogue.image_id}; say where such pictures are."
            )
        path = Path(kit.run.images) / dialogue.image_id
    elif kit.run.opening == "seed":
        return kit.editor.open_seed(int(number))
    else:
        generator = kit.editor.generator
        face = to_image(kit.editor.picture(generator.seed(int(number))))
        path = save_image(face, folder / "photo.png", edited=False, generated=True)
    return kit.editor.open(path)


# ------------------------------------------------------------------------------------------------ who does the work

Work = Callable[[Kit, Dialogue, Path], None]


@cache
def _kit(make: Callable[[Run], Kit], run: Run) -> Kit:
    return make(run)


def each(
    make: Callable[[Run], Kit],
    run: Run,
    work: Work,
    dialogues: Sequence[Dialogue],
    out: Path,
    *,
    ray: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Does ``work`` (kit, dialogue, the photo's folder) for every dialogue, here or on a Ray cluster.

    ``ray``: None, here; `local`, a cluster of this machine's processors that ends with the run; else the address of a
    cluster whose machines all see ``out``. Raises what the work raises.
    """
    tell = progress or (lambda share, name: None)
    folders = [out.resolve() / "photos" / dialogue.dialogue_id for dialogue in dialogues]
    if ray is not None:
        _each_on_ray(make, run, work, list(zip(dialogues, folders, strict=True)), out.resolve(), ray, tell)
        return
    tell(0.0, "loading")
    kit = _kit(make, run)
    for done, (dialogue, folder) in enumerate(zip(dialogues, folders, strict=True)):
        tell(done / len(folders), f"photo {done + 1} of {len(folders)}")
        work(kit, dialogue, folder)
    tell(1.0, "done")


def _each_on_ray(
    make: Callable[[Run], Kit],
    run: Run,
    work: Work,
    jobs: list[tuple[Dialogue, Path]],
    out: Path,
    address: str,
    tell: Progress,
) -> None:
    """One task a photo. A worker that dies is replaced and its photo taken up where its files end."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no telemetry
    mine = address == "local"
    if mine:  # a cluster of our own uses, and listens on, the loopback address alone, as Ray does by itself on Windows and macOS
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
    except ImportError as error:
        raise I2EditError("Ray is not installed. `pip install 'i2edit[ray]'` brings it.") from error

    threads = max(1, run.threads)

    def one(dialogue: Dialogue, folder: Path) -> str | None:
        torch.set_num_threads(threads)
        if not (out / "run.json").is_file():
            return f"A Ray worker does not see {out}: on a cluster, it must be a folder that all machines share."
        try:
            work(_kit(make, run), dialogue, folder)
        except I2EditError as error:
            return str(error)
        return None

    ray.init(
        address=address,
        num_cpus=LOCAL_CPUS if mine else None,
        include_dashboard=False if mine else None,
        configure_logging=False,
        log_to_driver=False,
    )
    try:
        task = ray.remote(num_cpus=threads, max_retries=RETRIES)(one)
        waiting = [task.remote(dialogue, folder) for dialogue, folder in jobs]
        while waiting:
            tell(1 - len(waiting) / len(jobs), f"{len(jobs) - len(waiting)} of {len(jobs)} photos")
            finished, waiting = ray.wait(waiting)
            for said in ray.get(finished):
                if said is not None:
                    raise I2EditError(said)
    except ray.exceptions.WorkerCrashedError as error:
        raise I2EditError(f"A photo's worker died {RETRIES + 1} times; was there too little memory?") from error
    finally:
        ray.shutdown()
    tell(1.0, "done")


__all__ = [
    "EDITORS", "Kit", "Opened", "Run", "begin", "commit", "draw_dialogues", "each", "load_kit", "load_scorer", "losses_of", "open_photo_of",
    "write_json", "write_lines", "write_text",
]  # fmt: skip
