"""Builds the documentation: docs/ and the docstrings → build/docs/site, strictly. `make docs` runs it.

    python docs/build.py [OUT]

What would go stale as text is made here from the code: the command line from its parsers, the table of attributes from the
ontology, the cards from the files that lie beside the weights. Zensical refuses pages that are not there and names that the
docstrings do not have; `problems` looks through the finished pages for all else: a link, an anchor or a picture that leads nowhere, a page
that the navigation forgot, anything that a browser would load from another machine. Exit code 1 if there is any.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
ASSETS = ROOT / "src" / "i2edit" / "assets"
CARDS = {
    "cards/dialogue.md": ASSETS / "dialogue" / "README.md",
    "cards/facetext.md": ASSETS / "facetext" / "README.md",
    "cards/judge.md": ASSETS / "judge" / "README.md",
    "cards/faces.md": ASSETS / "faces" / "README.md",
    "changelog.md": ROOT / "CHANGELOG.md",
}
WIDTH = 100  # characters of a help text that is shown as it is printed


# ------------------------------------------------------------------------------------------------ pages made from code


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A command and all below it, as (what is typed, click command)."""
    yield name, command
    for part, below in sorted(getattr(command, "commands", {}).items()):
        yield from commands(below, f"{name} {part}")


def cli_page() -> str:
    """The command line, as `--help` prints it: typer's parsers, and argparse's of `i2edit train`."""
    os.environ |= {
        "COLUMNS": str(WIDTH),
        "TERMINAL_WIDTH": str(WIDTH),
        "TYPER_USE_RICH": "0",
    }  # plain text, before typer is imported
    import typer

    from i2edit.cli import app

    root = typer.main.get_command(app)
    lines = [
        "# The command line",
        "What `--help` prints, taken from the parsers when this page was built. Errors that a person can cause are one sentence on stderr "
        "and exit code 2.",
    ]
    for name, command in commands(root, "i2edit"):
        words = name.split()[1:]
        lines.append(f"{'##' if len(words) < 2 else '###'} {name} {{ #{name.replace(' ', '-')} }}")
        if command.context_settings.get("ignore_unknown_options"):
            train = import_module(f"i2edit.train.{words[-1]}").main
            lines.append(printed(train, ["--help"]))
            if words[-1] == "dialogue":
                lines += ["With T5 or PPTOD:", printed(train, ["--model", "t5-small", "--help"])]
        else:
            lines.append(printed(root.main, [*words, "--help"], prog_name="i2edit"))
    return "\n\n".join(lines) + "\n"


def printed(run: Callable[..., object], arguments: list[str], **more: str) -> str:
    """What a parser prints, as code."""
    with redirect_stdout(io.StringIO()) as out:
        try:
            run(arguments, **more)
        except SystemExit as end:
            if end.code:
                raise
    return f"```text\n{out.getvalue().strip()}\n```"


def attributes_page() -> str:
    """The ontology as a table: slots, values, what a value excludes, what is not done on a child's face."""
    from i2edit.chat import NOT_FOR_CHILDREN
    from i2edit.ontology import EXCLUDES, SLOTS, STRENGTH_MAX, STRENGTH_MIN, VALUES

    rows = [
        f"| {slot if value == values[0] else ''} | {value} | "
        f"{', '.join(v for v in VALUES if v in EXCLUDES[value])} | {'declined' if value in NOT_FOR_CHILDREN else ''} |"
        for slot, values in SLOTS.items()
        for value in values
    ]
    return "\n".join(
        [
            "# What can be asked for\n",
            f"{len(VALUES)} values in {len(SLOTS)} slots: Table 1 of the paper. Asking for a value removes those that it excludes. Each "
            f"has a strength from {STRENGTH_MIN} to {STRENGTH_MAX}; 1 is the default, “a bit” and “more” change it.\n",
            "| slot | value | excludes | on a child's face |",
            "|---|---|---|---|",
            *rows,
            "\nIn Python this table is [`i2edit.ontology`](python/ontology.md). Something that is not in it:",
            "[own attributes](../own-attributes.md).\n",
        ]
    )


def maps_page() -> str:
    """The card of the small maps of w, with the table of what was measured when they were trained."""
    from i2edit.train.directions import table

    report = json.loads((ASSETS / "directions.json").read_text(encoding="utf-8"))
    card = (DOCS / "cards" / "maps.md").read_text(encoding="utf-8")
    return card.replace("@directions@", table(report)).replace(
        "@fits@",
        "\n".join(
            f"| {name} | {report[name]['faces']} | {report[name]['r2_held_out']} | {report[name]['rms']} |"
            for name in ("landmarks", "persons")
        ),
    )


# ------------------------------------------------------------------------------------------------ the site


def gather(out: Path) -> Path:
    """Lays pages and settings out in `out`; returns the settings' file."""
    pages = out / "pages"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("*.py", "*.toml", "__pycache__"))
    made = {name: card.read_text(encoding="utf-8") for name, card in CARDS.items()}
    made |= {"reference/cli.md": cli_page(), "reference/attributes.md": attributes_page(), "cards/maps.md": maps_page()}
    for name, text in made.items():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_text(text, encoding="utf-8")
    settings = out / "zensical.toml"
    text = (DOCS / "zensical.toml").read_text(encoding="utf-8")
    settings.write_text(text.replace('"../src"', json.dumps(str(ROOT / "src"))), encoding="utf-8")
    return settings


def build(out: Path) -> Path:
    """The site's folder. Raises RuntimeError with what Zensical says, if it finds anything wrong."""
    settings = gather(out)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", settings], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{done.stdout}\n{done.stderr}".strip())
    return out / "site"


LOADS = {
    "script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
    "object": "data", "use": "href",
}  # fmt: skip


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.styles = ""
        self.inside = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.inside = tag
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        self.styles += found.get("style", "")
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") in ("canonical", "prev", "next", "alternate"):
            self.links.append(found.get("href", ""))
        elif tag in LOADS and LOADS[tag] in found:
            self.loads.append(found[LOADS[tag]])
        self.loads += [part.split()[0] for part in found.get("srcset", "").split(",") if part.split()]

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.styles += data


def styled(text: str) -> list[str]:
    """What a style sheet loads."""
    return re.findall(r"""(?:@import\s+(?:url\(\s*)?|url\(\s*)["']?([^"')\s;]+)""", text)


def problems(site: Path) -> list[str]:
    """What is wrong with a built site, a sentence each."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    found: list[str] = []
    reached = {(site / "index.html").resolve(), (site / "404.html").resolve()}
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for address in (*page.loads, *styled(page.styles)):
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                found.append(f"{name} loads {address} from another machine.")
            elif path.name != "404.html" and not (path.parent / unquote(parts.path)).exists():
                found.append(f"{name} shows {address}, which is not there.")
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                found.append(f"{name} links to {address}, which is not there.")
            elif target in pages:
                reached.add(target)
                if parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
                    found.append(f"{name} links to {address}; there is no such place on that page.")
    for sheet in site.rglob("*.css"):
        for address in styled(sheet.read_text(encoding="utf-8")):
            parts = urlsplit(address)
            if parts.scheme != "data" and (parts.scheme or parts.netloc):
                found.append(f"{sheet.relative_to(site)} loads {address} from another machine.")
    found += [f"{path.relative_to(site.resolve())}: no page links there." for path in pages if path not in reached]
    return list(dict.fromkeys(found))


def main(argv: list[str]) -> int:
    out = Path(argv[0]) if argv else ROOT / "build" / "docs"
    try:
        site = build(out.resolve())
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = problems(site)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if not wrong:
        print(
            f"{site / 'index.html'}: {len(list(site.rglob('*.html')))} pages. `python -m http.server -d {site}` shows them."
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
