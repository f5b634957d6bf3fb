"""The verbs as MCP tools (Model Context Protocol), for programs that talk to a model: `i2edit mcp --folder PHOTOS`.

In: a `Service` and one folder. Out: an MCP server with the tools open_photo, open_face, say, press, look, save, close.
Files are read from and written into that folder alone, whatever a path, a link or a model's idea says; there is no tool
that takes an address, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from i2edit import __version__
from i2edit.errors import I2EditError, OutputError, PhotoError
from i2edit.images import SUFFIXES
from i2edit.ontology import SLOTS, VALUES
from i2edit.web.fair import Cancelled, Ticket
from i2edit.web.service import Service, clean_name

INSTRUCTIONS = (
    "Edits the face in a photo by conversation. Open a photo (or a generated face), then say what the person wants, one "
    "wish after another; every wish is kept until it is taken back. `look` shows the picture, `save` writes it. What can be "
    "asked for: "
    + "; ".join(f"{slot}: {', '.join(values)}" for slot, values in SLOTS.items())
    + ". Only edit photos of "
    "people who agreed to it."
)

Id = Annotated[str, Field(description="The id that opening gave.")]


def inside(folder: Path, name: str, *, there: bool) -> Path:
    """The path of a file in the folder; links are followed first. Raises PhotoError or OutputError for anything else."""
    wrong = PhotoError if there else OutputError
    if "://" in name or "\0" in name:
        raise wrong("Give the name of a file in the allowed folder. Addresses are not fetched.")
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve()
    except (OSError, RuntimeError, ValueError):
        raise wrong("This path cannot be used.") from None
    if not path.is_relative_to(root) or path == root:
        raise wrong("Only files of the allowed folder can be used.")
    if there and not path.is_file():
        raise PhotoError(f"There is no file {name} in the allowed folder.")
    return path


def make_tools(service: Service, folder: Path) -> MCPServer:
    """The MCP server. Run it with ``.run("stdio")``, or mount its ``streamable_http_app()``."""
    if not folder.is_dir():
        raise PhotoError(f"There is no folder {folder}. --folder names the one whose photos may be used.")
    server: MCPServer = MCPServer("i2edit", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")

    async def done(begin: Callable[[], Ticket], context: Context[Any]) -> dict[str, Any]:
        """Waits for a ticket and reports how it goes. Errors as sentences for the model to read."""
        try:
            ticket = await run_in_threadpool(begin)
            shown = None
            try:
                while not ticket.done:
                    state = ticket.state()
                    if state != shown:
                        shown = state
                        words = state.get("text") or f"waiting, number {state.get('position')} in line"
                        await context.report_progress(state.get("share", 0.0), 1.0, words)
                    await anyio.sleep(0.05)
            finally:
                if not ticket.done:
                    ticket.cancel()
            return brief(ticket.result(0))
        except (I2EditError, Cancelled) as error:
            raise ToolError(str(error) or "The request was given up.") from None

    async def told(verb: Callable[[], Any]) -> Any:
        try:
            return await run_in_threadpool(verb)
        except I2EditError as error:
            raise ToolError(str(error)) from None

    @server.tool()
    async def open_photo(
        file: Annotated[str, Field(description="A file of the allowed folder, such as me.jpg.")],
        context: Context[Any],
        face: Annotated[int | None, Field(description="Which face of several, 1: the most prominent.", ge=1)] = None,
    ) -> dict[str, Any]:
        """Open a photo of the allowed folder (about fifteen seconds) and begin a conversation about it."""

        def begin() -> Ticket:
            path = inside(folder, file, there=True)
            try:
                service.check_size(path.stat().st_size)
                content = path.read_bytes()
            except OSError as error:
                raise PhotoError(f"{file} cannot be read: {error.strerror or error}.") from None
            return service.open(content=(path.name, content), face=face, client="mcp")

        return await done(begin, context)

    @server.tool()
    async def open_face(
        context: Context[Any], seed: Annotated[int, Field(description="-1: any.", ge=-1, lt=2**31)] = -1
    ) -> dict[str, Any]:
        """Begin a conversation about a generated face, nobody's (a second)."""
        return await done(lambda: service.open(seed=seed, client="mcp"), context)

    @server.tool()
    async def say(
        id: Id, text: Annotated[str, Field(description="What the person says.", max_length=1000)], context: Context[Any]
    ) -> dict[str, Any]:
        """Say what is wanted, in plain words: "smile a bit and give me bangs", "lose the lipstick", "undo"."""
        return await done(lambda: service.say(id, text), context)

    @server.tool()
    async def press(
        id: Id,
        type: Literal["set", "remove", "strength", "undo", "redo", "reset"],
        context: Context[Any],
        value: Annotated[str | None, Field(description=f"For set, remove, strength: {', '.join(VALUES)}.")] = None,
        strength: Annotated[float | None, Field(description="For strength and set: 0.25 to 2.", ge=0.25, le=2)] = None,
    ) -> dict[str, Any]:
        """Press a button: exact, without interpretation."""
        event = {"type": type, "value": value, "strength": strength}
        return await done(lambda: service.event(id, {k: v for k, v in event.items() if v is not None}), context)

    @server.tool(structured_output=False)
    async def look(
        id: Id, turn: Annotated[int | None, Field(description="After which turn; 0: the photo.", ge=0)] = None
    ) -> Image:
        """The picture around the face, as it is now or was after a turn."""
        content, _ = await told(lambda: service.picture(id, turn))
        return Image(data=content, format="jpeg")

    @server.tool()
    async def save(
        id: Id,
        file: Annotated[str, Field(description="A new file of the allowed folder: .png, .jpg or .webp.")],
        part: Annotated[Literal["photo", "crop"], Field(description="The whole photo, or the face, 1024².")] = "photo",
    ) -> str:
        """Write the picture into the allowed folder. It says, for machines to read, that AI edited it."""

        def write() -> str:
            path = inside(folder, file, there=False)
            kind = SUFFIXES.get(path.suffix.lower(), "").lower()
            if not kind:
                raise OutputError("The name should end in .png, .jpg or .webp.")
            if path.exists():
                raise OutputError(f"{file} is there already. Give another name.")
            content, _ = service.picture(id, part=part, kind=kind)
            try:
                with path.open("xb") as out:
                    out.write(content)
            except OSError as error:
                raise OutputError(f"{clean_name(file)} cannot be written: {error.strerror or error}.") from None
            return f"Saved as {path.relative_to(folder.resolve())}."

        return str(await told(write))

    @server.tool()
    async def close(id: Id) -> str:
        """Delete the conversation with its photo and pictures, for good. Saved files stay."""
        await told(lambda: service.close(id))
        return "Deleted."

    return server


def brief(view: dict[str, Any]) -> dict[str, Any]:
    """A view as a model needs it: the last reply, and what is wanted now."""
    last = view["turns"][-1] if view["turns"] else None
    return {
        "id": view["id"], "turn": view["version"], "reply": last["text"] if last else "Ready.", "notes": view["notes"],
        "wanted": view["belief"], "strength": view["strength"], "not_visible": view["not_visible"],
        "identity": view["identity"]["words"], "suggestions": view["suggestions"],
    }  # fmt: skip
