"""Trains what finds the w of a photo quickly: the first guess (`regressor.py`) and the axes of the steps after it (`axes.py`).

    i2edit train encoder --out DIR [--only regressor|axes] [--faces N]

Writes `regressor.safetensors` and `axes.safetensors`, 5.7 MB in all. Both learn from generated faces alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from i2edit.train import axes, regressor

PARTS = {  # → what trains it, faces, and the first one's seed
    "regressor": (regressor.train, 2600, 5000),
    "axes": (axes.train, 600, 700_000),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="i2edit train encoder", description="Learn to find the w of a photo.")
    parser.add_argument("--out", type=Path, default=Path("runs/encoder"))
    parser.add_argument("--only", choices=list(PARTS), help="One of its two parts.")
    parser.add_argument("--faces", type=int, help="Generated faces to learn from (regressor: 2600, axes: 600).")
    options = parser.parse_args(argv)
    for name, (train, faces, first_seed) in PARTS.items():
        if options.only in (None, name):
            train(options.out, faces if options.faces is None else options.faces, first_seed)


if __name__ == "__main__":
    main()
