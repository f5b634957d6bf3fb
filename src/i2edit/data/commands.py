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


@app.command("paraphrase")
def paraphrase_command(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="A new folder.")],
    model: Annotated[str, typer.Option(help="The endpoint's name for its model.")],
    base_url: Annotated[str, typer.Option(help="An OpenAI-compatible address, such as http://127.0.0.1:8080/v1.")],
    per_minute: Annotated[float | None, typer.Option(help="Requests a minute at most.", min=0.01)] = None,
    workers: Annotated[int, typer.Option(help="Dialogues at once.", min=1)] = 4,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    tracked: Annotated[
        bool, typer.Option("--tracked", help="The shipped tracker must understand each rewording.")
    ] = False,
) -> None:
    """Reword the users' turns through a language model; the key comes from OPENAI_API_KEY. An interrupted run resumes."""
    from i2edit.cli import Bar
    from i2edit.data.endpoint import Endpoint
    from i2edit.data.paraphrase import Settings, paraphrase

    track = None
    if tracked:
        from i2edit.dialogue import load_dialogue

        track = load_dialogue().track
    client = Endpoint(model, base_url, requests_per_minute=per_minute)
    print(f"The texts of {folder} go to {base_url}; no picture does.")
    settings = Settings(workers=workers, seed=seed)
    verdicts = paraphrase(folder, out, client, settings, track=track, progress=Bar("Rewording"))
    print(f"{out}: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))


@app.command("review")
def review_command(
    folder: Folder,
    reviewer: Annotated[str, typer.Option(help="Your name; decisions are kept per reviewer.")] = "me",
    port: Annotated[int, typer.Option(help="0 = any free one.", min=0, max=65535)] = 0,
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    sample: Annotated[int | None, typer.Option(help="Only so many utterances, drawn at random.", min=1)] = None,
    agreement: Annotated[bool, typer.Option("--agreement", help="Print how far the reviewers agree.")] = False,
    apply: Annotated[Path | None, typer.Option(help="Write the reviewed dataset into this new folder.")] = None,
) -> None:
    """A local page to accept, rewrite or reject utterances by keyboard; every decision is saved at once."""
    from i2edit.data import review as module

    if agreement:
        print(json.dumps(module.agreement(folder), indent=1))
    elif apply is not None:
        print(json.dumps(module.apply_reviews(folder, apply), indent=1))
    else:
        module.review(folder, reviewer, port, split=split, sample=sample)


@app.command("show")
def show_command(
    path: Annotated[Path, typer.Argument(help="A file of dialogues about generated faces.")],
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")],
    n: Annotated[int, typer.Option(help="Dialogues to draw at random.", min=1)] = 60,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write dialogues as a page that people can read: picture strips, what was said, beliefs."""
    from i2edit.cli import Bar
    from i2edit.data.show import show

    show(path, out, n, seed, progress=Bar("Drawing"))
    print(f"{out / 'README.md'}")
