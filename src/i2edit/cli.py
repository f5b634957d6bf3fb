"""The command line: `i2edit chat | edit | demo | attributes | data | track | evaluate | weights | train | bench`. A thin skin over `Chat`: no model code here.

Errors that a person can cause are one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2edit import __version__
from i2edit.data.commands import app as data_app
from i2edit.errors import I2EditError, MessageError, OutputError, PhotoError

if TYPE_CHECKING:
    from i2edit.chat import Chat, Editor, Reply

app = typer.Typer(
    help="Talk to a photo: edit a face by dialogue, always from the raw photo, on a plain CPU, offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(
    help="The published weights: where they come from, their licences, your copies.", no_args_is_help=True
)
train_app = typer.Typer(help="Train the models that the package ships.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure.", no_args_is_help=True)
evaluate_app = typer.Typer(help="Score predictions against dialogues.", no_args_is_help=True)
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(weights_app, name="weights")
app.add_typer(train_app, name="train")
app.add_typer(bench_app, name="bench")
app.add_typer(data_app, name="data")

SeedOption = Annotated[
    int | None,
    typer.Option("--face-seed", help="Use the generated face of this seed (nobody's) instead of a photo.", min=0),
]
FaceOption = Annotated[int | None, typer.Option("--face", help="Which face of several, 1 = the most prominent.", min=1)]
HELP = "/undo /redo /reset · /belief · /save FILE · /help · /quit"


def say(text: str = "") -> None:
    """A line for the person, on stdout."""
    print(text, flush=True)


def note(text: str) -> None:
    """A line beside the point, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Bar:
    """A progress bar on stderr; off a terminal, one line at the start of each stage."""

    def __init__(self, title: str) -> None:
        self.title, self.last, self.began = title, "", time.monotonic()
        self.live = sys.stderr.isatty()

    def __call__(self, share: float, name: str) -> None:
        if not self.live:
            if name != self.last and share < 1:
                note(f"{self.title}: {name} …")
            self.last = name
            return
        filled = round(24 * min(1.0, share))
        seconds = time.monotonic() - self.began
        print(
            f"\r{self.title} [{'█' * filled}{'·' * (24 - filled)}] {name}, {seconds:.0f} s   ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        if share >= 1:
            print(file=sys.stderr)


def nearest(folder: Path) -> Path:
    """The folder itself, or the closest one above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def prepare_folder(folder: Path) -> Path:
    """Proves that results can be written there; a missing folder is made with the first of them. Raises OutputError."""
    try:
        there = nearest(folder)
        if not there.is_dir():
            raise OutputError(f"Nothing can be written into {folder}: {there} is a file, not a folder.")
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OutputError(f"Nothing can be written into {folder}: {error.strerror or error}.") from error
    return folder


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """A folder to write into: what is in it at the end appears in `folder`; after an error, none of it does."""
    with tempfile.TemporaryDirectory(prefix=".i2edit-", dir=nearest(folder)) as name:
        yield Path(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(Path(name).iterdir()):
                os.replace(path, folder / path.name)
        except OSError as error:
            raise OutputError(f"Not everything can be written into {folder}: {error.strerror or error}.") from error


def open_chat(photo: Path | None, face: int | None, face_seed: int | None, editor: Editor | None = None) -> Chat:
    """The chat of a photo or of a generated face; the photo is read before any network is loaded."""
    from i2edit.chat import Editor
    from i2edit.images import open_photo

    if (photo is None) == (face_seed is None):
        raise I2EditError("Give either a photo or --face-seed N, not both and not neither.")
    read = open_photo(photo) if photo is not None else None
    editor = editor or Editor.load(progress=Bar("Loading"))
    if read is None:
        assert face_seed is not None
        chat = editor.open_seed(face_seed)
    else:
        chat = editor.open(read, face, progress=Bar("Opening the photo"))
    for sentence in chat.notes:
        note(f"Note: {sentence}")
    return chat


def run_turns(chat: Chat, messages: list[str], out: Path, title: str = "original") -> None:
    """Says every message; then original.png, turn-N.png, sheet.png and transcript.json are in `out`, all or none."""
    from i2edit.chat import check_message
    from i2edit.images import save_image, sheet

    transcript: list[dict[str, Any]] = []
    with together(out) as folder:  # written turn by turn, because large photos cannot all be held
        save_image(chat.photo, folder / "original.png", edited=False, generated=chat.generated)
        panels = [(frame(chat, chat.photo), title)]
        for number, message in enumerate(messages, 1):
            reply = chat.say(check_message(message))
            say(f"you: {message}")
            say(f"i2edit: {reply.text}")
            say(f"    [{reply.belief.text}]  {reply.seconds:.1f} s, identity distance {reply.identity_distance:.2f}")
            name = f"turn-{number}.png"
            save_image(reply.image, folder / name, generated=chat.generated)
            panels.append((frame(chat, reply.image), f"“{message}”"))
            transcript.append(
                {
                    "user": message,
                    "system": reply.text,
                    "belief": reply.belief.to_json(),
                    "strength": dict(reply.state.strengths),
                    "act": reply.act.to_json(),
                    "outcome": reply.outcome.to_json(),
                    "seconds": round(reply.seconds, 3),
                    "identity_distance": round(reply.identity_distance, 4),
                    "image": name,
                }
            )
            del reply  # and its picture, before the next one is made
        save_image(sheet(panels), folder / "sheet.png", generated=chat.generated)
        write_text(folder / "transcript.json", json.dumps(transcript, indent=1, ensure_ascii=False) + "\n")


def frame(chat: Chat, image: Any) -> Any:
    """The part of the photo around the face, for a picture strip."""
    if chat.generated:
        return image
    quad = chat.aligned.quad
    low, high = quad.min(0), quad.max(0)
    margin = 0.06 * (high - low)
    left, top = (max(0, int(v)) for v in low - margin)
    right, bottom = (int(min(limit, v)) for limit, v in zip(image.size, high + margin, strict=True))
    part = image.crop((left, top, right, bottom))
    part.thumbnail((2048, 2048))
    return part


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all. Raises OutputError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error


@app.command()
def edit(
    photo: Annotated[Path | None, typer.Argument(help="The photo to edit.")] = None,
    messages: Annotated[list[str] | None, typer.Option("--say", help="What to say; repeat for more turns.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("i2edit-out"),
    face: FaceOption = None,
    face_seed: SeedOption = None,
) -> None:
    """Edit a photo by what you say, turn by turn, and write every picture.

    Example: i2edit edit me.jpg --say "smile a bit and give me bangs" --say "now blond" --out result
    """
    from i2edit.chat import check_message

    if not messages:
        raise MessageError('Say at least one thing, for example --say "smile a bit".')
    checked = [check_message(message) for message in messages]
    prepare_folder(out)
    chat = open_chat(photo, face, face_seed)
    run_turns(chat, checked, out)
    say(f"Pictures, transcript.json and {out / 'sheet.png'} are in {out}.")


@app.command()
def chat(
    photo: Annotated[Path | None, typer.Argument(help="The photo to talk to.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures (default: i2edit-NAME).")] = None,
    face: FaceOption = None,
    face_seed: SeedOption = None,
) -> None:
    """Talk to a photo in the terminal. Without a photo, to the face of seed 6001 (nobody's)."""
    if photo is None and face_seed is None:
        face_seed = 6001
    name = photo.stem if photo is not None else f"seed-{face_seed}"
    folder = prepare_folder(out or Path(f"i2edit-{name}"))
    session = open_chat(photo, face, face_seed)
    say(f"Ready. Say what you would like, for example “smile a bit and give me bangs”. {HELP}")
    converse(session, folder, read_line)
    say(f"The pictures are in {folder}.")


def read_line() -> str | None:
    """The next line that the person types; None at the end."""
    try:
        return input("you: ")
    except EOFError:
        return None


def converse(session: Chat, folder: Path, read: Callable[[], str | None]) -> None:
    """The terminal conversation, until /quit or the end of input."""
    from i2edit.images import save_image

    number = 0

    def show(reply: Reply) -> None:
        nonlocal number
        number += 1
        path = save_image(
            reply.image, folder / f"turn-{number}.png", edited=bool(reply.belief), generated=session.generated
        )
        say(f"i2edit: {reply.text}")
        say(f"    [{reply.belief.text}]  {path}")

    buttons = {"/undo": session.undo, "/redo": session.redo, "/reset": session.reset}
    while (line := read()) is not None:
        words = line.strip().split(maxsplit=1)
        try:
            if not words:
                continue
            if words[0] in ("/quit", "/exit", "/q"):
                return
            if words[0] in buttons:
                show(buttons[words[0]]())
            elif words[0] == "/belief":
                say(session.belief.text)
            elif words[0] == "/save":
                target = Path(words[1]) if len(words) > 1 else folder / "saved.png"
                say(
                    f"Saved {save_image(session.image, target, edited=bool(session.belief), generated=session.generated)}."
                )
            elif words[0].startswith("/"):
                say(HELP)
            else:
                show(session.say(line))
        except I2EditError as error:
            say(str(error))


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("out/demo")) -> None:
    """Four scripted turns on a bundled portrait of nobody, and on a generated face; ends with the picture strips."""
    from i2edit.assets import FOLDER
    from i2edit.chat import Editor

    turns = json.loads((FOLDER / "demo" / "turns.json").read_text())
    for name in ("portrait", "generated"):
        prepare_folder(out / name)
    editor = Editor.load(progress=Bar("Loading"))
    session = open_chat(FOLDER / "demo" / "portrait.jpg", None, None, editor)
    run_turns(session, turns["portrait"], out / "portrait", "the photo")
    say()
    run_turns(open_chat(None, None, turns["seed"], editor), turns["generated"], out / "generated", "a generated face")
    say()
    say(f"Picture strips: {out / 'portrait' / 'sheet.png'} and {out / 'generated' / 'sheet.png'}")


@app.command()
def attributes(
    photos: Annotated[list[Path], typer.Argument(help="Photos with a face.")],
    face: FaceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only: path → value → probability.")] = False,
) -> None:
    """How likely each of the 23 attributes is in the face of a photo, as the face–text encoder sees it."""
    from i2edit.facetext import FaceText, read_photo

    model = FaceText.from_assets()
    found: dict[str, dict[str, float]] = {}
    wrong: list[str] = []
    for path in photos:
        try:
            found[str(path)] = read_photo(model, path, face)
        except PhotoError as error:
            wrong.append(f"{path}: {error}")
    if as_json:
        say(json.dumps(found, ensure_ascii=False))
    else:
        for name, values in found.items():
            ranked = sorted(values.items(), key=lambda item: -item[1])
            say(f"{name}: {', '.join(f'{value} {p:.2f}' for value, p in ranked)}")
    if wrong:
        raise PhotoError("\n".join(wrong))


@weights_app.command("list")
def weights_list() -> None:
    """Every file: size, licence, purpose, present or not."""
    from i2edit import weights

    say(weights.list_text())


@weights_app.command("fetch")
def weights_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Names; all that the program needs by default.")] = None,
) -> None:
    """Fetch what is missing into the cache."""
    from i2edit import weights

    for name, path in weights.fetch(names).items():
        say(f"{name}: {path}")


@weights_app.command("verify")
def weights_verify(names: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Check the sha256 of every file in the cache; exit code 2 if one is damaged."""
    from i2edit import weights

    found = weights.verify(names)
    say(weights.verify_text(found))
    if any(status.damaged for status in found):
        raise typer.Exit(2)


def _trainer(name: str) -> None:
    context = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

    def command(context: typer.Context) -> None:
        from importlib import import_module

        import_module(f"i2edit.train.{name}").main(context.args)

    command.__doc__ = {
        "directions": "The edit directions, from the labelled faces.",
        "dialogue": "The dialogue model, from simulated dialogues.",
        "facetext": "The face–text encoder, from generated faces and the phrase bank.",
        "readout": "The generator's 256² preview.",
        "regions": "The clusters that tell hair from skin.",
        "regressor": "The first guess of an inversion.",
    }[name]
    train_app.command(name, context_settings=context)(command)


for _name in ("directions", "dialogue", "facetext", "readout", "regions", "regressor"):
    _trainer(_name)


@bench_app.command("speed")
def bench_speed(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    photo: Annotated[Path | None, typer.Option(help="The photo to open (default: the bundled portrait).")] = None,
) -> None:
    """Seconds of a generator forward, of a turn with its parts, of opening a photo; peak memory."""
    from i2edit.bench.speed import measure

    result = measure(photo)
    say(json.dumps(result, indent=None if as_json else 1))


ModelOption = Annotated[Path | None, typer.Option(help="A dialogue model's folder (default: the shipped one).")]


@bench_app.command("table3")
def bench_table3(
    gold: Annotated[Path, typer.Argument(help="Dialogues to track, such as a dataset's test.jsonl.")],
    train: Annotated[Path | None, typer.Option(help="Its train.jsonl, for the two floors of the replies.")] = None,
    model: ModelOption = None,
    name: Annotated[str, typer.Option(help="What the row is called.")] = "compact (shipped)",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """The paper's Table 3 with a row of ours: requirement tracking and replies."""
    from i2edit.bench.table3 import run, table3_text
    from i2edit.dialogue import load_dialogue

    found = run(gold, train, load_dialogue(model), progress=Bar("Tracking"))
    say(json.dumps(found) if as_json else table3_text({name: found}))


@app.command()
def track(
    gold: Annotated[Path, typer.Argument(help="Dialogues (JSON lines) whose user turns are to be understood.")],
    out: Annotated[Path, typer.Option(help="The predictions, in the same shape.")],
    model: ModelOption = None,
    replies: Annotated[bool, typer.Option(help="Also write replies.")] = True,
) -> None:
    """Predict belief and reply of every user turn, given the true history before it."""
    from i2edit.dialogue import load_dialogue
    from i2edit.dialogue.tracking import track_file

    done = track_file(gold, out, load_dialogue(model), Bar("Tracking"), replies=replies)
    say(f"{out}: {done.turns} user turns of {done.dialogues} dialogues.")
    if done.refused:
        note(f"{done.refused} messages could not be taken; their beliefs stay as they were.")


@evaluate_app.command("dialogue")
def evaluate_dialogue(
    gold: Annotated[Path, typer.Argument(help="Dialogues with the true beliefs and replies.")],
    pred: Annotated[
        Path | None, typer.Option(help="What `track` wrote (default: the shipped model tracks now).")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="A train.jsonl, for the two floors of the replies.")] = None,
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Joint accuracy, slots, errors by behaviour, acts, BLEU and Distinct of predicted dialogues."""
    from i2edit.bench.table3 import run
    from i2edit.dialogue import load_dialogue

    tracker = None if pred is not None else load_dialogue(model)
    found = run(gold, train, tracker, pred, progress=Bar("Tracking"))
    say(json.dumps(found, indent=None if as_json else 1))


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Talk to a photo: edit a face by dialogue, always from the raw photo, on a plain CPU, offline."""
    if version:
        say(__version__)
        raise typer.Exit


def give_memory_back() -> None:
    """glibc learns to keep freed blocks of up to 32 MB. From 14 MB on (parts of photos, not our tensors) they go back."""
    with suppress(OSError, AttributeError):  # other systems
        ctypes.CDLL("libc.so.6").mallopt(-3, 14_000_000)  # M_MMAP_THRESHOLD


def main() -> None:
    """Entry point of the console script."""
    give_memory_back()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        app(standalone_mode=True)
    except I2EditError as error:
        note(f"i2edit: {error}")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        note("\ni2edit: stopped.")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
