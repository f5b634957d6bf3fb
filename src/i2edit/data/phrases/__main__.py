"""Bring splits.json up to date: ``python -m i2edit.data.phrases [--fresh]``."""

import json
import sys

from i2edit.data.phrases import FOLDER, bank, kept_splits, make_splits

path = FOLDER / "splits.json"
splits = make_splits() if "--fresh" in sys.argv else kept_splits(json.loads(path.read_text(encoding="utf-8")))
path.write_text(json.dumps(splits, indent=0) + "\n", encoding="utf-8")
total = sum(len(frames) for frames in bank().values())
print(f"{total} families: " + ", ".join(f"{len(names)} {split}" for split, names in splits.items()))
