"""`i2edit data …`: build, check, count, draw, export and import a dataset. Thin: the work is in the modules beside this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from i2edit.errors import DataError

app = typer.Typer(help="The I²Edit dataset: build it, check it, count it, export it.", no_args_is_help=True)
Folder = Annotated[
    Path, typer.Argument(help="A dataset folder (train.jsonl, validation.jsonl, test.jsonl, manifest.json).")
]


@app.command("build")
def build_command(
    out: Annotated[Path, typer.Option(help="A new folder.")],
    n: Annotated[int, typer.Option(help="Dialogues in all; 10/12 train, 1/12 validation, 1/12 test.", min=3)] = 12000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    images: Annotated[
        Path | None, typer.Option(help="Your own pictures (CelebA-HQ layout) instead of generated faces.")
    ] = None,
    attributes: Annotated[Path | None, typer.Option(help="Their list_attr_celeba.txt.")] = None,
) -> None:
    """Simulate the dialogues: the same arguments give the same bytes."""
    from i2edit.cli import Bar
    from i2edit.data.build import build

    bar = Bar("Building")
    manifest = build(out, n, seed, images, attributes, progress=lambda done: bar(done / n, f"{done} of {n}"))
    for name, file in manifest["files"].items():
        print(f"{out / name}: {file['dialogues']} dialogues, sha256 {file['sha256'][:16]}…")
    if manifest["version"]:
        print(f"This is the recipe of {manifest['version']}; `i2edit data check {out}` compares its bytes.")


@app.command("check")
def check_command(
    path: Annotated[Path, typer.Argument(help="A dataset folder, or one file of dialogues.")],
    limit: Annotated[int, typer.Option(help="Problems to list.", min=1)] = 100,
) -> None:
    """Compare a dataset with the contract; exit code 2 when something is wrong, each problem with file and line."""
    from i2edit.data.check import check, check_text

    report = check(path, limit)
    print(check_text(report))
    if not report.ok:
        raise typer.Exit(2)


@app.command("stats")
def stats_command(
    folder: Folder,
    out: Annotated[Path | None, typer.Option(help="Draw Figures 3 and 4 into this folder (PNG and SVG).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """The paper's Table 2 beside this dataset."""
    from i2edit.data.stats import draw, statistics, table2_text

    found = statistics(folder)
    print(json.dumps(found) if as_json else table2_text(found))
    for path in draw(folder, out) if out else ():
        if not as_json:
            print(f"Written: {path}")


@app.command("export")
def export_command(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="A new folder.")],
    to: Annotated[str, typer.Option(help="hf (Hugging Face datasets), pptod or convlab.")] = "hf",
) -> None:
    """Write the dataset in another format."""
    _convert(to, 0, folder, out)


@app.command("import")
def import_command(
    folder: Annotated[Path, typer.Argument(help="What `export` wrote.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    source: Annotated[str, typer.Option("--from", help="hf, pptod or convlab.")] = "hf",
) -> None:
    """Read a dataset back from another format."""
    _convert(source, 1, folder, out)


def _convert(name: str, direction: int, folder: Path, out: Path) -> None:
    from i2edit.data.export import FORMATS

    if name not in FORMATS:
        raise DataError(f"There is no format called {name!r}. The formats are: {', '.join(FORMATS)}.")
    counts = FORMATS[name][direction](folder, out)
    print(f"{out}: " + ", ".join(f"{count} {split}" for split, count in counts.items()))
