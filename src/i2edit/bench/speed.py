"""How long things take and how much memory they need, on this machine.

`ratio_turn_forward` is the figure that survives a noisy machine: a whole turn (text → picture and reply) in units of one
forward of the generator, both medians of the same run, taken in turns.
"""

from __future__ import annotations

import platform
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

TURNS = (
    "smile a bit and give me bangs",
    "make the hair blond",
    "actually no bangs",
    "add a goatee",
    "take the goatee off again",
    "I'd like black hair instead",
    "undo",
    "rosy cheeks please",
)


def measure(photo: Path | None = None, rounds: int = 2) -> dict[str, Any]:
    """Opens a photo once, then alternates generator forwards and turns. Seconds, MB (10⁶ bytes)."""
    import torch

    from i2edit.assets import FOLDER
    from i2edit.chat import Editor

    began = time.perf_counter()
    editor = Editor.load()
    load_s = time.perf_counter() - began
    began = time.perf_counter()
    chat = editor.open(photo or FOLDER / "demo" / "portrait.jpg")
    open_s = time.perf_counter() - began
    editor.picture(chat.w_raw[None])
    forwards: list[float] = []
    turns: list[float] = []
    parts: dict[str, list[float]] = {}
    for _ in range(rounds):
        chat.reset()
        chat.forget_pictures()  # each round is a conversation of its own; within it, a chat remembers as it always does
        for text in TURNS:
            began = time.perf_counter()
            editor.picture(chat.w_raw[None])
            forwards.append(time.perf_counter() - began)
            reply = chat.say(text)
            if reply.belief:
                turns.append(reply.seconds)
                for name, seconds in reply.parts.items():
                    parts.setdefault(name, []).append(seconds)
    forward, turn = statistics.median(forwards), statistics.median(turns)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = kilobytes if sys.platform == "darwin" else kilobytes * 1024
    return {
        "forward_s": round(forward, 4),
        "turn_s": round(turn, 4),
        "turn_parts_s": {name: round(statistics.median(values), 4) for name, values in parts.items()},
        "open_s": round(open_s, 2),
        "peak_mb": round(peak / 1e6),
        "ratio_turn_forward": round(turn / forward, 2),
        "load_s": round(load_s, 2),
        "turns": len(turns),
        "threads": torch.get_num_threads(),
        "machine": f"{platform.machine()}, {platform.processor() or 'unknown processor'}, Python {platform.python_version()}",
    }
