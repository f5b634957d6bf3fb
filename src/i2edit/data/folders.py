"""Folders that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2edit.errors import OutputError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write in, which becomes ``out`` when all went well. Raises OutputError, also if ``out`` is in use."""
    out = out.resolve()
    part = out.with_name(f".{out.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise OutputError(f"{out} is there already and is not an empty folder. Choose another one.")
        part.mkdir(parents=True)
        yield part
        if out.is_dir():
            out.rmdir()  # empty; Windows does not rename over a folder
        os.replace(part, out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
