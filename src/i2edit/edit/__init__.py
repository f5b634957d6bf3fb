"""Editors: (w_raw, edit state) → w. `directions` is the default."""
