"""The command line: `i2edit chat | edit | web | demo | attributes | inspect | sessions | data | track | evaluate | weights | train | bench`. A thin skin over `Chat`: no model code here.

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
from dataclasses import Field, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from i2edit import __version__
from i2edit.data.commands import app as data_app
from i2edit.errors import I2EditError, MessageError, OutputError, PhotoError
from i2edit.session_commands import DataOption, cache_app, sessions_app, visible
from i2edit.stacks import Choice

if TYPE_CHECKING:
    from i2edit.chat import Chat, Editor, Reply
    from i2edit.dialogue import Tracker
    from i2edit.sessions import Session

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
app.add_typer(sessions_app, name="sessions")
app.add_typer(cache_app, name="cache")

SeedOption = Annotated[
    int | None,
    typer.Option("--face-seed", help="Use the generated face of this seed (nobody's) instead of a photo.", min=0),
]
FaceOption = Annotated[int | None, typer.Option("--face", help="Which face of several, 1 = the most prominent.", min=1)]
ModelOption = Annotated[Path | None, typer.Option(help="A dialogue model's folder (default: the shipped one).")]
DialogueOption = Annotated[
    str | None,
    typer.Option(
        help="openai:MODEL lets that model at --base-url listen and answer; the texts of the conversation go there."
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--base-url", help="An OpenAI-compatible address, such as http://127.0.0.1:8080/v1; key: OPENAI_API_KEY."
    ),
]
ExifOption = Annotated[
    bool, typer.Option("--keep-exif", help="Copy the photo's EXIF (place, date, device) to results.")
]
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
        if share < 1 and not self.last:  # a new start: the same bar may serve several edits
            self.began = time.monotonic()
        if not self.live:
            if name != self.last and share < 1:
                note(f"{self.title}: {name} …")
            self.last = name if share < 1 else ""
            return
        self.last = name if share < 1 else ""
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


def chosen_dialogue(folder: Path | None, name: str | None, base_url: str | None) -> Tracker | None:
    """The model of a folder, or the one that --dialogue names with the notice of what leaves the machine; None for the shipped one."""
    if folder is not None and name is not None:
        raise I2EditError("Give either --model FOLDER or --dialogue openai:MODEL, not both.")
    if name is None:
        if base_url is not None:
            raise I2EditError("--base-url is the address of a model; name it, too: --dialogue openai:MODEL.")
        if folder is None:
            return None
        from i2edit.dialogue import load_dialogue

        return load_dialogue(folder)
    from i2edit.dialogue.remote import open_dialogue

    model = open_dialogue(name, base_url)
    note(f"Note: {model.notice}")
    return model


def takes_choice(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command one option for each field of `stacks.Choice` and hands them over together, as `choice`; fields of which the command
    has an option of its own keep their default."""
    hints = get_type_hints(command, include_extras=True)
    kinds = get_type_hints(Choice)
    own = [p.replace(annotation=hints[p.name]) for p in signature(command).parameters.values() if p.name != "choice"]
    chosen = [
        Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=Annotated[kinds[f.name], _flag(f)])
        for f in fields(Choice)
        if f.name not in hints
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        command(choice=Choice(**{p.name: given.pop(p.name) for p in chosen}), **given)

    run.__signature__ = Signature([*own, *chosen])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *chosen)}
    return run


def _flag(option: Field[Any]) -> Any:
    return typer.Option(f"--{option.name.replace('_', '-')}", help=option.metadata["help"], rich_help_panel="Networks")


def open_chat(
    photo: Path | None,
    face: int | None,
    face_seed: int | None,
    editor: Editor | None = None,
    dialogue: Tracker | None = None,
    choice: Choice | None = None,
) -> Chat:
    """The chat of a photo or of a generated face; the photo is read before any network is loaded."""
    from i2edit.chat import Editor
    from i2edit.images import open_photo

    if (photo is None) == (face_seed is None):
        raise I2EditError("Give either a photo or --face-seed N, not both and not neither.")
    read = open_photo(photo) if photo is not None else None
    editor = editor or Editor.load(choice=choice, dialogue=dialogue, progress=Bar("Loading"), editing=Bar("Editing"))
    if read is None:
        assert face_seed is not None
        chat = editor.open_seed(face_seed)
    else:
        chat = editor.open(read, face, progress=Bar("Opening the photo"))
    for sentence in chat.notes:
        note(f"Note: {sentence}")
    return chat


def run_turns(chat: Chat, messages: list[str], out: Path, title: str = "original", exif: bytes | None = None) -> None:
    """Says every message; then original.png, turn-N.png, sheet.png and transcript.json are in `out`, all or none."""
    from i2edit.chat import check_message
    from i2edit.images import save_image, sheet

    transcript: list[dict[str, Any]] = []
    edited = False
    with together(out) as folder:  # written turn by turn, because large photos cannot all be held
        save_image(chat.photo, folder / "original.png", edited=False, generated=chat.generated)
        panels = [(frame(chat, chat.photo), title)]
        for number, message in enumerate(messages, 1):
            reply = chat.say(check_message(message))
            say(f"you: {message}")
            say(f"i2edit: {visible(reply.text)}")
            say(f"    [{reply.belief.text}]  {reply.seconds:.1f} s, identity distance {reply.identity_distance:.2f}")
            for sentence in reply.notes:
                note(f"Note: {sentence}")
            name = f"turn-{number}.png"
            save_image(reply.image, folder / name, generated=chat.generated, state=chat.drawn(reply.state), exif=exif)
            edited = edited or bool(chat.drawn(reply.state).belief)
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
                    **({"notes": list(reply.notes)} if reply.notes else {}),
                }
            )
            del reply  # and its picture, before the next one is made
        save_image(sheet(panels), folder / "sheet.png", edited=edited, generated=chat.generated)
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
@takes_choice
def edit(
    choice: Choice,
    photo: Annotated[Path | None, typer.Argument(help="The photo to edit.")] = None,
    messages: Annotated[list[str] | None, typer.Option("--say", help="What to say; repeat for more turns.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("i2edit-out"),
    face: FaceOption = None,
    face_seed: SeedOption = None,
    model: ModelOption = None,
    dialogue: DialogueOption = None,
    base_url: AddressOption = None,
    keep_exif: ExifOption = False,
) -> None:
    """Edit a photo by what you say, turn by turn, and write every picture.

    Example: i2edit edit me.jpg --say "smile a bit and give me bangs" --say "now blond" --out result
    """
    from i2edit.chat import check_message

    if not messages:
        raise MessageError('Say at least one thing, for example --say "smile a bit".')
    checked = [check_message(message) for message in messages]
    prepare_folder(out)
    chat = open_chat(photo, face, face_seed, choice=choice, dialogue=chosen_dialogue(model, dialogue, base_url))
    run_turns(chat, checked, out, exif=exif_of(photo) if keep_exif else None)
    say(f"Pictures, transcript.json and {out / 'sheet.png'} are in {out}.")


def exif_of(photo: Path | None) -> bytes | None:
    """The EXIF data of a photo's file, for those who asked to keep them."""
    from i2edit.images import read_exif

    return read_exif(photo) if photo is not None else None


@app.command()
@takes_choice
def chat(
    choice: Choice,
    photo: Annotated[Path | None, typer.Argument(help="The photo to talk to.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures (default: i2edit-NAME).")] = None,
    face: FaceOption = None,
    face_seed: SeedOption = None,
    model: ModelOption = None,
    dialogue: DialogueOption = None,
    base_url: AddressOption = None,
    keep_exif: ExifOption = False,
    keep: Annotated[bool, typer.Option("--keep", help="Store the conversation, so that --resume can go on.")] = False,
    resume: Annotated[str | None, typer.Option(metavar="ID", help="Go on with a stored conversation.")] = None,
    data: DataOption = None,
) -> None:
    """Talk to a photo in the terminal. Without a photo, to the face of seed 6001 (nobody's)."""
    if resume is not None:
        if choice != Choice():
            raise I2EditError("--resume goes on with the default networks: leave out --stack, --editor and the like.")
        if photo is not None or face_seed is not None or face is not None or keep_exif:
            raise I2EditError("--resume goes on with its own photo: leave out the photo and what belongs to it.")
        name = resume
    elif photo is not None:
        name = photo.stem
    else:
        face_seed = 6001 if face_seed is None else face_seed
        name = f"seed-{face_seed}"
    if keep and choice.stack != "mobile":
        raise I2EditError("Conversations are stored on the mobile stack alone: leave out --keep or --stack.")
    folder = prepare_folder(out or Path(f"i2edit-{name}"))
    session: Chat | Session
    listener = chosen_dialogue(model, dialogue, base_url)
    if resume is not None:
        session = resume_session(resume, data, listener)
    else:
        session = opened = open_chat(photo, face, face_seed, choice=choice, dialogue=listener)
        if keep:
            session = keep_session(opened, photo, f"seed {face_seed}", data)
    say(f"Ready. Say what you would like, for example “smile a bit and give me bangs”. {HELP}")
    converse(session, folder, read_line, exif_of(photo) if keep_exif else None)
    say(f"The pictures are in {folder}.")


def keep_session(chat: Chat, photo: Path | None, name: str, data: str | None) -> Session:
    """The chat as a stored session."""
    from i2edit.sessions import keep
    from i2edit.store import Store

    session = keep(Store(data), chat, upload=photo, name=photo.name if photo is not None else name)
    note(f"Stored as {session.id}; --resume {session.id[:8]} goes on with it, `i2edit sessions delete` removes it.")
    return session


def resume_session(start: str, data: str | None, dialogue: Tracker | None = None) -> Session:
    """A stored session by the beginning of its id; what was said last is shown again."""
    from i2edit.chat import Editor
    from i2edit.sessions import resume
    from i2edit.store import Store

    store = Store(data)
    id = store.find(start)  # before any network is loaded
    session = resume(store, Editor.load(dialogue=dialogue, progress=Bar("Loading")), id)
    for kept in session.turns[-3:]:
        if kept.turn.user is not None:
            say(f"you: {visible(kept.turn.user)}")
        say(f"i2edit: {visible(kept.text)}\n    [{kept.turn.belief.text}]")
    return session


@app.command()
def web(
    host: Annotated[
        str, typer.Option(help="Where to listen; other than this machine only with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.", min=0, max=65535)] = 7860,
    data: DataOption = None,
    token: Annotated[
        str | None, typer.Option(envvar="I2EDIT_TOKEN", help="Ask it of everybody: ?token=… or a Bearer header.")
    ] = None,
    expire_days: Annotated[
        float | None, typer.Option(min=0.01, help="Delete conversations that were not used for so many days.")
    ] = None,
    max_upload: Annotated[float, typer.Option(min=0.1, help="Megabytes of a photo's file at most.")] = 40,
    max_megapixels: Annotated[float, typer.Option(min=0.1, help="Megapixels of a photo at most.")] = 100,
    max_sessions: Annotated[int, typer.Option(min=1, help="Conversations that are kept at most.")] = 1000,
    max_turns: Annotated[int, typer.Option(min=1, help="Turns of one conversation in a minute at most.")] = 60,
    max_openings: Annotated[int, typer.Option(min=1, help="Photos opened from one place in a minute at most.")] = 10,
    mcp_folder: Annotated[
        Path | None, typer.Option(help="Offer the MCP tools at /mcp too, for the photos of this folder.")
    ] = None,
) -> None:
    """The page in a browser, and the HTTP API beside it (/openapi.json). Nothing leaves this machine."""
    try:
        from i2edit.web.serve import run
        from i2edit.web.service import Limits
    except ModuleNotFoundError as error:
        raise I2EditError(f"The page needs more packages ({error.name}): pip install 'i2edit[web]'.") from None

    limits = Limits(round(1e6 * max_upload), round(1e6 * max_megapixels), max_sessions, max_turns, max_openings)
    run(host, port, data, token=token, limits=limits, expire_days=expire_days, folder=mcp_folder, say=say)


@app.command()
def mcp(
    folder: Annotated[Path, typer.Option(help="The folder whose photos may be opened, and into which is saved.")],
    data: DataOption = None,
) -> None:
    """The same verbs as MCP tools on stdin and stdout, for programs that talk to a language model."""
    try:
        from i2edit.web.serve import run_tools
        from i2edit.web.tools import make_tools  # noqa: F401
    except ModuleNotFoundError as error:
        raise I2EditError(f"The tools need more packages ({error.name}): pip install 'i2edit[web]'.") from None
    run_tools(folder, data)


@app.command()
def inspect(
    files: Annotated[list[Path], typer.Argument(help="Pictures.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only, one object a line.")] = False,
) -> None:
    """What pictures say about how they were made: their IPTC mark and their C2PA manifest. Nothing is fetched."""
    from i2edit.provenance import inspect as read

    for file in files:
        report = read(file)
        say(json.dumps(report.to_json(), ensure_ascii=False) if as_json else report.text)


def read_line() -> str | None:
    """The next line that the person types; None at the end."""
    try:
        return input("you: ")
    except EOFError:
        return None


def converse(session: Chat | Session, folder: Path, read: Callable[[], str | None], exif: bytes | None = None) -> None:
    """The terminal conversation, until /quit or the end of input."""
    from i2edit.images import save_image

    number = 0

    def save(image: Any, path: Path, state: Any) -> Path:
        return save_image(image, path, generated=session.generated, state=session.drawn(state), exif=exif)

    def show(reply: Reply) -> None:
        nonlocal number
        number += 1
        path = save(reply.image, folder / f"turn-{number}.png", reply.state)
        say(f"i2edit: {visible(reply.text)}")
        say(f"    [{reply.belief.text}]  {path}")
        for sentence in reply.notes:
            note(f"Note: {sentence}")

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
                say(f"Saved {save(session.image, target, session.state)}.")
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
        "dialogue": "The dialogue model: the shipped kind, or with --model T5 or PPTOD.",
        "encoder": "What finds a photo's w: the first guess, and the axes of the steps after it.",
        "facetext": "The face–text encoder, from generated faces and the phrase bank.",
        "judge": "The second judge, from faces described by eye.",
        "readout": "The generator's 256² preview.",
        "regions": "The clusters that tell hair from skin.",
    }[name]
    train_app.command(name, context_settings=context)(command)


for _name in ("directions", "dialogue", "encoder", "facetext", "judge", "readout", "regions"):
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


NumberOption = Annotated[int, typer.Option("--n", help="Photos, each with its dialogue.", min=1)]
EditorsOption = Annotated[
    str, typer.Option("--editor", help="Editors, separated by commas: directions, optimise, or MODULE:CALLABLE.")
]
DialoguesOption = Annotated[
    Path | None, typer.Option("--dialogues", help="Dialogues (JSON lines; default: the released test split).")
]
ImagesOption = Annotated[Path | None, typer.Option(help="Where dialogues that name picture files have their pictures.")]
OpeningOption = Annotated[
    str,
    typer.Option("--open", help="How generated faces are opened: inversion (as any photo), or seed (by their own w)."),
]
StepsOption = Annotated[
    float, typer.Option("--steps-scale", help="Share of the inverter's steps, in every inversion of the run.")
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", help="Spread the photos over a Ray cluster: local, or its address (extra: ray)."),
]
ThreadsOption = Annotated[
    int, typer.Option(help="Threads of torch; with Ray, of each worker (0: torch's choice; with Ray 1).", min=0)
]
FeaturesOption = Annotated[
    Path | None, typer.Option(help="FID's Inception weights (default: VGG-16 from LPIPS' package).")
]
ImageTextOption = Annotated[
    str,
    typer.Option(
        "--image-text",
        help="The image–text model of AvgRel and MinRel: facetext (shipped), or MODULE:CALLABLE[:ARGUMENT].",
    ),
]
JudgeOption = Annotated[str, typer.Option(help="The second judge: judge (shipped), or MODULE:CALLABLE[:ARGUMENT].")]
ArcFaceOption = Annotated[
    str | None,
    typer.Option(
        help="A second face descriptor for id:arcface, model_ir_se50.pth or MODULE:CALLABLE[:ARGUMENT]; ffhq with optimise: the former."
    ),
]
SeedDrawOption = Annotated[int, typer.Option("--seed", help="Draws the photos and the bootstrap.", min=0)]


def _run_settings(
    editor: str, choice: Choice, opening: str, steps_scale: float, seed: int, threads: int, ray: str | None,
    features: Path | None, image_text: str, judge: str, arcface: str | None, images: Path | None,
) -> Any:  # fmt: skip
    from i2edit.bench.photos import VGG, Run

    return Run(
        editors=tuple(_names(editor)), choice=choice, opening=opening, steps_scale=steps_scale, seed=seed,
        threads=threads or (1 if ray else 0), features=str(features or VGG), image_text=image_text, judge=judge,
        arcface=arcface, images=str(images) if images else None,
    )  # fmt: skip


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


@bench_app.command("table4")
@takes_choice
def bench_table4(
    choice: Choice,
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted one goes on.")] = Path("out/table4"),
    n: NumberOption = 100,
    editor: EditorsOption = "directions",
    mode: Annotated[str, typer.Option(help="Modes, separated by commas.")] = "multi-turn,single-turn,single-turn-w",
    inputs: Annotated[
        str,
        typer.Option("--input", help="UER (the true belief), predicted (our tracker's), Dial (the words themselves)."),
    ] = "UER,predicted",
    compositing: Annotated[str, typer.Option(help="yes, no or both.")] = "both",
    dialogues: DialoguesOption = None,
    images: ImagesOption = None,
    opening: OpeningOption = "inversion",
    steps_scale: StepsOption = 1.0,
    features: FeaturesOption = None,
    image_text: ImageTextOption = "facetext",
    judge: JudgeOption = "judge",
    arcface: ArcFaceOption = None,
    seed: SeedDrawOption = 0,
    threads: ThreadsOption = 0,
    ray: RayOption = None,
) -> None:
    """The paper's Table 4 with rows of ours: editors, modes and inputs on the same photos and dialogues."""
    from i2edit.bench.photos import draw_dialogues
    from i2edit.bench.table4 import cells_of, run, table4_text

    settings = _run_settings(
        editor, choice, opening, steps_scale, seed, threads, ray, features, image_text, judge, arcface, images
    )
    if compositing not in ("yes", "no", "both"):
        raise I2EditError(f"--compositing is yes, no or both, not {compositing!r}.")
    drawn = {"yes": (True,), "no": (False,), "both": (True, False)}[compositing]
    cells = cells_of(settings.editors, _names(mode), _names(inputs), drawn)
    prepare_folder(out)
    found = run(out, settings, draw_dialogues(n, seed, dialogues), cells, ray=ray, progress=Bar("Table 4"))
    say(table4_text(found))
    note(f"{out}: results.jsonl, differences.jsonl, table4.md and strips.")


@bench_app.command("forgetting")
@takes_choice
def bench_forgetting(
    choice: Choice,
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted one goes on.")] = Path("out/forgetting"),
    n: NumberOption = 20,
    turns: Annotated[int, typer.Option(help="Turns of each conversation, one more value each.", min=1, max=8)] = 8,
    editor: EditorsOption = "directions",
    mode: Annotated[str, typer.Option(help="Modes, separated by commas.")] = "multi-turn,single-turn,single-turn-w",
    compositing: Annotated[bool, typer.Option(help="Only the asked-for regions change.")] = True,
    dialogues: DialoguesOption = None,
    images: ImagesOption = None,
    opening: OpeningOption = "inversion",
    steps_scale: StepsOption = 1.0,
    image_text: ImageTextOption = "facetext",
    judge: JudgeOption = "judge",
    arcface: ArcFaceOption = None,
    seed: SeedDrawOption = 0,
    threads: ThreadsOption = 0,
    ray: RayOption = None,
) -> None:
    """Identity, LPIPS and what is left of the first request against the number of turns, as a figure."""
    from i2edit.bench.forgetting import run
    from i2edit.bench.photos import draw_dialogues

    settings = _run_settings(
        editor, choice, opening, steps_scale, seed, threads, ray, None, image_text, judge, arcface, images
    )
    prepare_folder(out)
    drawn = draw_dialogues(n, seed, dialogues)
    found = run(
        out,
        settings,
        drawn,
        turns=turns,
        modes=_names(mode),
        compositing=compositing,
        ray=ray,
        progress=Bar("Forgetting"),
    )
    for name, why in found["unscored"].items():
        note(f"Not scored: {name} ({why}).")
    say(f"{out / 'forgetting.png'}, .svg, results.jsonl and strips: {len(drawn) - len(found['left_out'])} photos.")


@app.command()
def track(
    gold: Annotated[Path, typer.Argument(help="Dialogues (JSON lines) whose user turns are to be understood.")],
    out: Annotated[Path, typer.Option(help="The predictions, in the same shape.")],
    model: ModelOption = None,
    replies: Annotated[bool, typer.Option(help="Also write replies.")] = True,
    gold_acts: Annotated[
        bool, typer.Option("--gold-acts", help="Let the replies say the file's acts, as the floors of BLEU do.")
    ] = False,
    dialogue: DialogueOption = None,
    base_url: AddressOption = None,
) -> None:
    """Predict belief and reply of every user turn, given the true history before it."""
    from i2edit.dialogue import load_dialogue
    from i2edit.dialogue.tracking import track_file

    tracker = chosen_dialogue(model, dialogue, base_url) or load_dialogue()
    done = track_file(gold, out, tracker, Bar("Tracking"), replies=replies, gold_acts=gold_acts)
    say(f"{out}: {done.turns} user turns of {done.dialogues} dialogues.")
    if done.refused:
        note(f"{done.refused} messages could not be taken; their beliefs stay as they were.")
    if done.replaced:
        note(f"{done.replaced} turns are the shipped model's, because the other one gave no answer that could be used.")


@evaluate_app.command("dialogue")
def evaluate_dialogue(
    gold: Annotated[Path, typer.Argument(help="Dialogues with the true beliefs and replies.")],
    pred: Annotated[
        Path | None, typer.Option(help="What `track` wrote (default: the shipped model tracks now).")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="A train.jsonl, for the two floors of the replies.")] = None,
    model: ModelOption = None,
    dialogue: DialogueOption = None,
    base_url: AddressOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Joint accuracy, slots, errors by behaviour, acts, BLEU and Distinct of predicted dialogues."""
    from i2edit.bench.table3 import run
    from i2edit.dialogue import load_dialogue

    tracker = None if pred is not None else chosen_dialogue(model, dialogue, base_url) or load_dialogue()
    found = run(gold, train, tracker, pred, progress=Bar("Tracking"))
    say(json.dumps(found, indent=None if as_json else 1))


@evaluate_app.command("images")
def evaluate_images(
    original: Annotated[Path, typer.Option(help="Folder of the photos.")],
    edited: Annotated[Path, typer.Option(help="Folder of the edited pictures, with the same names.")],
    beliefs: Annotated[
        Path, typer.Option(help='What was asked for, JSON lines: {"image": name, "belief": {…}}, or dialogues.')
    ],
    features: FeaturesOption = None,
    image_text: ImageTextOption = "facetext",
    judge: JudgeOption = "judge",
    arcface: ArcFaceOption = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="A metric that was a loss of the editor, to be marked †; repeat.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """FID, KID, LPIPS, identity and relevance of edited pictures, with 95 % intervals."""
    from i2edit.bench.photos import VGG, load_scorer
    from i2edit.metrics.image import evaluate_folders, metrics_text

    found = evaluate_folders(
        original, edited, beliefs, lambda: load_scorer(str(features or VGG), image_text, judge, arcface),
        losses=loss or (), seed=seed, progress=Bar("Measuring"),
    )  # fmt: skip
    say(json.dumps(found) if as_json else metrics_text(found))


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    c2pa_cert: Annotated[
        Path | None,
        typer.Option(help="Sign pictures with this certificate chain (PEM) instead of this installation's own."),
    ] = None,
    c2pa_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
) -> None:
    """Talk to a photo: edit a face by dialogue, always from the raw photo, on a plain CPU, offline."""
    if c2pa_cert is not None or c2pa_key is not None:
        from i2edit.provenance import use

        use(c2pa_cert, c2pa_key)
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
