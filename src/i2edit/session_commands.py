"""`i2edit sessions list|show|export|delete` and `i2edit cache clear`: stored conversations from the terminal, without networks."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2edit.errors import I2EditError

if TYPE_CHECKING:
    from i2edit.store import Kept, Record, Store, Summary

sessions_app = typer.Typer(help="Stored conversations: look, take along, delete for good.", no_args_is_help=True)
cache_app = typer.Typer(help="What can be made again.", no_args_is_help=True)

TURNING = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # marks of direction

DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PLACE",
        help="Where sessions are kept: a folder, or the URL of a database (default: I2EDIT_DATA, or the system's place).",
    ),
]
IdArgument = Annotated[str, typer.Argument(help="The session, or the beginning of its id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


@sessions_app.command("list")
def list_sessions(data: DataOption = None, as_json: JsonOption = False) -> None:
    """All sessions, the latest used first."""
    found = _store(data).summaries()
    if as_json:
        print(json.dumps([_facts(summary) for summary in found], ensure_ascii=False))
        return
    for summary in found:
        turns = f"{summary.version} turn{'' if summary.version == 1 else 's'}"
        print(
            f"{summary.id}  {_when(summary.updated)}  {turns:>9}  {summary.size / 1e6:6.1f} MB  {visible(summary.name)}"
            f"  [{summary.state.belief.text}]"
        )
    if not found:
        print("There are no stored sessions.")


@sessions_app.command("show")
def show(id: IdArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """What was said in a session."""
    store = _store(data)
    record = store.load(store.find(id))
    if as_json:
        print(json.dumps(_whole(record), ensure_ascii=False))
        return
    print(f"{visible(record.name)}, opened {_when(record.created)}, last used {_when(record.updated)}")
    for kept in record.turns:
        said = kept.turn.user if kept.turn.user is not None else _event(kept)
        print(f"you: {visible(said)}\ni2edit: {visible(kept.text)}\n    [{kept.turn.belief.text}]")


def visible(text: str) -> str:
    r"""A text that came from anywhere, for a terminal: what would steer it, or turn the direction of writing, is written out.

    >>> print(visible("smile \x1b[31m"))
    smile \x1b[31m
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ("Cc", "Cs") or c in TURNING else c
        for c in text
    )


@sessions_app.command("export")
def export(
    id: IdArgument,
    out: Annotated[Path, typer.Option(help="A new folder for it.")],
    data: DataOption = None,
) -> None:
    """Write a session into a folder: dialogue.jsonl, session.json, the photo's own file, the inversion, kept pictures."""
    from i2edit.data.folders import new_folder
    from i2edit.records import Dialogue, write_dialogues

    store = _store(data)
    record = store.load(store.find(id))
    with new_folder(out) as folder:
        names = {}
        for name in record.blobs:
            content = store.read(record.id, name)
            names[name] = _file_name(name, record, content)
            (folder / names[name]).write_bytes(content)
        whole = {**_whole(record), "files": names}
        (folder / "session.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        dialogue = Dialogue(record.id, names.get("photo", ""), tuple(kept.turn for kept in record.turns))
        write_dialogues([dialogue], folder / "dialogue.jsonl")
    print(f"{out}: {record.version} turns and {len(record.blobs)} files of {visible(record.name)}.")


@sessions_app.command("delete")
def delete(
    ids: Annotated[list[str] | None, typer.Argument(help="Sessions, or the beginnings of their ids.")] = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Every session not used for so many days.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every session.")] = False,
    data: DataOption = None,
) -> None:
    """Delete sessions for good: text, photo, inversion, pictures. There is no way back."""
    if not ids and older_than is None and not everything:
        raise I2EditError("Say what to delete: ids, --older-than DAYS or --all.")
    store = _store(data)
    wanted = list(dict.fromkeys(store.find(id) for id in ids or ()))
    store.delete(*wanted)
    if everything or older_than is not None:
        wanted += store.expire(0 if everything else 86400 * (older_than or 0))
    print(f"Deleted {len(wanted)} session{'' if len(wanted) == 1 else 's'}.")


@cache_app.command("clear")
def clear(data: DataOption = None) -> None:
    """Delete rendered pictures and passing files of all sessions; the conversations stay, pictures are made again."""
    store = _store(data)
    freed = store.clear_cache()
    print(f"{freed / 1e6:.1f} MB freed in {store.root}. Sessions and downloaded weights are still there.")


def _store(data: str | None) -> Store:
    from i2edit.store import Store

    return Store(data)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _event(kept: Kept) -> str:
    event = kept.turn.event or {}
    return f"({' '.join(str(event[part]) for part in ('type', 'value', 'strength') if part in event)})"


def _facts(session: Summary | Record) -> dict[str, Any]:
    return {
        "id": session.id, "name": session.name, "turns": session.version,
        "created": session.created, "updated": session.updated,
    }  # fmt: skip


def _whole(record: Record) -> dict[str, Any]:
    turns = [
        {"number": kept.number, "created": kept.created, **kept.turn.to_json(), "shown": kept.shown}
        for kept in record.turns
    ]
    return {
        **_facts(record), "opening": record.opening, "state": record.conversation.state.to_json(),
        "undo": [state.to_json() for state in record.conversation.undo_stack],
        "redo": [state.to_json() for state in record.conversation.redo_stack], "dialogue": turns,
    }  # fmt: skip


def _file_name(name: str, record: Record, content: bytes) -> str:
    """A blob's file name: the photo with the suffix of what it is, whatever its own name was."""
    if name == "face":
        return "face.safetensors"
    suffixes = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp", b"GIF8": ".gif"}
    suffix = next((end for start, end in suffixes.items() if content.startswith(start)), "")
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".") or "file"
    if not suffix and name == "photo":
        suffix = Path(record.name).suffix if Path(record.name).suffix[1:].isalnum() else ""
    return safe if not suffix or safe.endswith(suffix) else safe + suffix
