"""Write splits.json anew: ``python -m i2edit.data.phrases``."""

import json

from i2edit.data.phrases import FOLDER, bank, make_splits

splits = make_splits()
(FOLDER / "splits.json").write_text(json.dumps(splits, indent=0) + "\n", encoding="utf-8")
total = sum(len(frames) for frames in bank().values())
print(f"{total} families: " + ", ".join(f"{len(names)} {split}" for split, names in splits.items()))
