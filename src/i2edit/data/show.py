"""Show dialogues as people would read them: a page with, for each, a strip of pictures, what was said, and the belief.

    dialogues.jsonl (``seed:N`` images)  →  OUT/README.md, OUT/strips/ID.jpg, OUT/dialogues.jsonl

The pictures are the default editor's for the true beliefs; the strip starts with the face itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2edit.errors import DataError
from i2edit.ontology import EditState
from i2edit.records import Dialogue, read_dialogues, write_dialogues

if TYPE_CHECKING:
    from i2edit.chat import Editor

SIDE = 200  # pixels of one picture of a strip


def draw_sample(path: Path, n: int, seed: int = 0) -> list[Dialogue]:
    """``n`` dialogues of a file, drawn at random, in the file's order. Raises DataError when there are fewer."""
    everything = list(read_dialogues(path))
    if len(everything) < n:
        raise DataError(f"{path} has {len(everything)} dialogues, fewer than the {n} asked for.")
    return [everything[i] for i in sorted(random.Random(seed).sample(range(len(everything)), n))]


def strip(editor: Editor, dialogue: Dialogue) -> Any:
    """PIL RGB: the face, then what each turn leads to, side by side."""
    from PIL import Image

    kind, _, number = dialogue.image_id.partition(":")
    if kind != "seed" or not number.isdigit():
        raise DataError(f"Dialogue {dialogue.dialogue_id} is about {dialogue.image_id}, which is not a generated face.")
    chat = editor.open_seed(int(number))
    states = [EditState(turn.belief, tuple((turn.strength or {}).items())) for turn in dialogue.turns]
    images = [chat.photo, *(chat.picture(state).image for state in states)]
    sheet = Image.new("RGB", (SIDE * len(images) + 2 * (len(images) - 1), SIDE), "white")
    for k, image in enumerate(images):
        sheet.paste(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS), (k * (SIDE + 2), 0))
    return sheet


def page(dialogues: list[Dialogue], origin: str) -> str:
    """The page in Markdown."""
    lines = [
        f"# {len(dialogues)} dialogues of the dataset",
        "",
        f"Drawn at random from {origin}. Each strip shows the face (nobody's: it is generated) and what each turn leads to, always",
        "edited from the raw face; gray is the belief after the turn. The replies were simulated before any picture was made, so a",
        "reply may be sorry for an edit that came out well, or the other way round.",
        "",
    ]
    for dialogue in dialogues:
        alt = f"{dialogue.image_id} and {len(dialogue.turns)} edited pictures"
        lines += [f"### {dialogue.dialogue_id}", "", f"![{alt}](strips/{dialogue.dialogue_id}.jpg)", ""]
        for turn in dialogue.turns:
            said = turn.user if turn.user is not None else f"(button: {(turn.event or {}).get('type')})"
            lines += [f"- **{_plain(said)}**<br>{_plain(turn.system or '')}<br><sub>{turn.belief.text}</sub>"]
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    for sign in ("\\", "*", "_", "`", "<", ">", "[", "]", "#", "~"):
        text = text.replace(sign, "&lt;" if sign == "<" else f"\\{sign}")
    return text


def show(
    path: Path,
    out: Path,
    n: int = 60,
    seed: int = 0,
    editor: Editor | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> list[Dialogue]:
    """Draw ``n`` dialogues of a file and write the page with its strips into ``out``."""
    from i2edit.chat import Editor
    from i2edit.images import save_image

    chosen = draw_sample(path, n, seed)
    editor = editor or Editor.load()
    (out / "strips").mkdir(parents=True, exist_ok=True)
    for k, dialogue in enumerate(chosen):
        save_image(strip(editor, dialogue), out / "strips" / f"{dialogue.dialogue_id}.jpg")
        if progress is not None:
            progress((k + 1) / n, f"{k + 1} of {n}")
    (out / "README.md").write_text(page(chosen, f"`{path.name}`, seed {seed}"), encoding="utf-8")
    write_dialogues(chosen, out / "dialogues.jsonl")
    return chosen
