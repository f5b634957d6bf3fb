"""The border: files and PIL pictures on one side, tensors on the other. Ranges are converted here and nowhere else.

In: any photo that a camera, phone, scanner or drawing program wrote. Out: plain 8-bit sRGB pictures without metadata,
tensors RGB in [-1, 1], and result files (PNG, JPEG, WebP) that carry machine-readable marks of what was done to them.

    photo = open_photo("me.jpg")                      # photo.image: PIL RGB; photo.notes: sentences
    x = to_tensor(photo.image)                        # [1, 3, H, W], RGB in [-1, 1]
    save_image(to_image(x), "out/me-smiling.png")     # the one writer of pictures
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import secrets
import stat
import struct
import threading
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFile, ImageFont, PngImagePlugin, features

from i2edit.errors import OutputError, PhotoError

if TYPE_CHECKING:
    from torch import Tensor

    from i2edit.ontology import EditState

# Formats that photos come in. Left out on purpose: EPS and PDF (programs for an interpreter), videos, scientific data.
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "ICO", "TGA", "PCX", "PSD", "QOI"]
if features.check("avif"):
    FORMATS.append("AVIF")

# Memory: a decoded pixel takes Pillow 4 bytes; turning or colour-converting a picture needs a second copy for a moment.
# A conversation holds three to four copies of the photo beside 2 GB of networks: 50 megapixels make 3 GB in all.
KEEP_PIXELS = 50_000_000  # photos up to here keep every pixel; larger ones are made smaller
DECODE_PIXELS = 440_000_000  # most that is ever decoded at once, at up to 4 bytes a pixel: 1.8 GB
COPIED_PIXELS = 120_000_000  # the same for decoders that keep copies of their own
ROW_DECODED = ("PNG", "TIFF", "BMP", "DIB", "PPM", "TGA", "PCX", "QOI")  # row by row
JPEG_STORE_BYTES = 2_000_000_000  # progressive JPEGs are held whole, 2 bytes a coefficient, however small the result

log = logging.getLogger("i2edit")

AI_EDITED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
AI_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

# ------------------------------------------------------------------------------------------------ reading


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as everything else sees it: 8-bit sRGB, upright, opaque, without metadata (GPS position, camera, ...)."""

    image: Image.Image  # mode RGB, [H, W] uint8
    path: Path
    notes: tuple[str, ...] = ()  # what was done to the file's picture that the person may want to know, as sentences


def open_photo(path: str | Path, content: bytes | None = None) -> Photo:
    """The photo in a file: first frame, turned upright, on white where it was transparent, converted to 8-bit sRGB.

    ``content``: the file's bytes where they are at hand, such as an upload's; then ``path`` is only its name.
    Photos of up to 50 megapixels keep every pixel; larger ones are made smaller while decoding.
    Raises PhotoError: the file is missing, a folder, empty, unreadable, damaged, cut off, no picture, or far too large.
    """
    path = Path(path).expanduser()
    notes: list[str] = []
    try:
        image = _to_srgb(_upright(_read(path, content, notes)), notes)
    except MemoryError:
        raise PhotoError(f"There is not enough memory to open {path}. Make the photo smaller first.") from None
    return Photo(image, path, tuple(notes))


def picture_size(name: str | Path, content: bytes) -> tuple[int, int]:
    """(width, height) in pixels that a photo's header claims, before it is turned upright; nothing is decoded.

    Raises PhotoError: empty, damaged, no picture.
    """
    path = Path(name)
    with _opened(path, content) as file, _identify(file, content[:64], path) as picture:
        return picture.size


def _read(path: Path, content: bytes | None, notes: list[str]) -> Image.Image:
    with _open_file(path) if content is None else _opened(path, content) as file:
        head = file.read(64)
        file.seek(0)
        with _identify(file, head, path) as picture:
            return _decode(picture, path, notes)


def _opened(path: Path, content: bytes) -> BinaryIO:
    if not content:
        raise PhotoError(f"{path} is empty (0 bytes). Perhaps it was not copied or downloaded completely.")
    return io.BytesIO(content)


def _open_file(path: Path) -> BinaryIO:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError(f"{path} is a folder. Give the path of one photo in it.")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device could wait for ever
            raise PhotoError(f"{path} is not an ordinary file. Give the path of a photo, such as a JPEG or PNG file.")
        if status.st_size == 0:
            raise PhotoError(f"{path} is empty (0 bytes). Perhaps it was not copied or downloaded completely.")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise PhotoError(f"There is no file {path}. Check the spelling and the folder.") from None
    except PermissionError:
        raise PhotoError(f"There is no permission to read {path}. Change that, or copy the photo elsewhere.") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise PhotoError(f"{str(path)!r} cannot be read: {_reason(error)}.") from None


_reading = threading.Lock()


@contextlib.contextmanager
def _own_rules() -> Iterator[None]:
    """While Pillow reads: its limit of 179 megapixels is off, as larger files are decoded smaller here; no warnings."""
    with _reading, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _identify(file: BinaryIO, head: bytes, path: Path) -> Image.Image:
    """Reads the header only: no pixel is decoded yet."""
    try:
        with _own_rules():
            return Image.open(file, formats=FORMATS)
    except Exception as error:  # whatever a decoder does when fed garbage: each has its own way
        if _kind(head):
            raise _damaged(path) from error
        raise _not_a_picture(path, head) from error


def _kind(head: bytes) -> str | None:
    """The picture format that a file's first bytes announce."""
    starts = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
    for start, kind in starts.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and (head[8:12] == b"WEBP" or len(head) < 12):
        return "WEBP"
    return "AVIF" if head[4:12] == b"ftypavif" else None


def _not_a_picture(path: Path, head: bytes) -> PhotoError:
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"):
        return PhotoError(f"{path} is a HEIC photo, which cannot be read here. Export it as JPEG or PNG first.")
    if head[4:8] == b"ftyp":
        return PhotoError(f"{path} is a video. Save one frame of it as JPEG or PNG.")
    if head.startswith((b"%PDF", b"%!PS")):
        return PhotoError(f"{path} is a document, not a picture. Save the photo in it as JPEG or PNG.")
    return PhotoError(f"{path} is not a picture that can be read. JPEG, PNG, WebP, TIFF, BMP and GIF files can.")


def _damaged(path: Path) -> PhotoError:
    return PhotoError(f"{path} is damaged, cut off or of a rare kind. Copy it again, or save it as PNG elsewhere.")


def _too_large(path: Path, size: tuple[int, int]) -> PhotoError:
    return PhotoError(f"{path} has {size[0]} × {size[1]} pixels, which is too large to open. Make it smaller first.")


def _decode(picture: Image.Image, path: Path, notes: list[str]) -> Image.Image:
    """The pixels of the first frame, at most KEEP_PIXELS of them, in the mode that the file has."""
    size = picture.size
    pixels = size[0] * size[1]
    is_jpeg = picture.format in ("JPEG", "MPO")
    factor = next(f for f in (1, 2, 4, 8, 16, 32, 64) if pixels <= KEEP_PIXELS * f * f or f == 64)
    if is_jpeg and factor > 1:
        if _jpeg_store_bytes(picture) > JPEG_STORE_BYTES:
            raise _too_large(path, size)
        picture.draft(None, (size[0] // factor, size[1] // factor))  # decoded 2, 4 or 8 times smaller
    decoded = picture.size[0] * picture.size[1]
    if decoded > (DECODE_PIXELS if is_jpeg or picture.format in ROW_DECODED else COPIED_PIXELS):
        raise _too_large(path, size)
    try:
        with _own_rules():
            frames = int(getattr(picture, "n_frames", 1))  # may read on in the file, so it can fail as well
            picture.seek(0)
            picture.load()
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged(path) from error
    if frames > 1 and picture.format != "MPO":  # what follows in an MPO are previews and the other eye of a 3D camera
        notes.append(f"The file holds {frames} pictures; the first one is used.")
    image = picture
    if factor > 1:
        left = next(f for f in (1, 2, 4, 8) if image.size[0] * image.size[1] <= KEEP_PIXELS * f * f or f == 8)
        if left > 1:
            image = _reduce(picture, left)
        smaller = f"{image.size[0]} × {image.size[1]}"
        notes.append(f"The photo has {size[0]} × {size[1]} pixels; it was made smaller: {smaller}.")
    return image


def _reduce(picture: Image.Image, factor: int) -> Image.Image:
    """``factor`` times smaller; palettes and 16-bit modes cannot be averaged as they are: they lose pixels instead."""
    if picture.mode in ("1", "P", "PA") or picture.mode.startswith("I;16"):
        size = (max(1, picture.size[0] // factor), max(1, picture.size[1] // factor))
        smaller = picture.resize(size, Image.Resampling.NEAREST)
    else:
        smaller = Image.new(picture.mode, (-(-picture.width // factor), -(-picture.height // factor)))
        for top in range(0, picture.height, 64 * factor):  # in strips, as Pillow copies what has an alpha channel
            strip = picture.crop((0, top, picture.width, min(top + 64 * factor, picture.height)))
            smaller.paste(strip.reduce(factor), (0, top // factor))
    smaller.info = dict(picture.info)
    exif = picture.getexif()
    if exif:
        smaller.info["exif"] = exif.tobytes()
    return smaller


def _jpeg_store_bytes(picture: Image.Image) -> int:
    """Bytes of coefficients that libjpeg holds at once: all for files with several scans, next to none otherwise."""
    layers = getattr(picture, "layer", [])  # one per component: (id, horizontal sampling, vertical sampling, table)
    if not layers or not (picture.info.get("progressive") or _several_scans(picture)):
        return 0
    columns, rows = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    width, height = picture.size
    return sum(2 * width * height * layer[1] * layer[2] // (columns * rows) for layer in layers)


def _several_scans(picture: Image.Image) -> bool:
    """Whether the first scan of a JPEG lacks some of its colour components, so that others must follow."""
    file = picture.fp if isinstance(picture, ImageFile.ImageFile) else None
    if file is None:
        return True
    back = file.tell()
    try:
        file.seek(2)
        while True:
            marker = file.read(2)
            if len(marker) < 2 or marker[0] != 0xFF:
                return True  # odd: assume the worse
            if marker[1] == 0xFF:
                file.seek(-1, os.SEEK_CUR)
                continue
            length = struct.unpack(">H", file.read(2))[0]
            if marker[1] == 0xDA:
                return file.read(1)[0] < len(getattr(picture, "layer", []))
            file.seek(length - 2, os.SEEK_CUR)
    except (struct.error, IndexError, OSError):
        return True
    finally:
        file.seek(back)


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation → what makes the picture upright


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF data are worth nothing, the picture is
        return image
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = dict(image.info)
    return turned


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Any of Pillow's modes → RGB, sRGB, opaque, without metadata."""
    profile = image.info.get("icc_profile")
    image = _to_8_bit(image, notes)
    alpha: Image.Image | None = None
    if image.mode in ("PA", "La", "RGBa", "LA", "RGBA") or "transparency" in image.info:
        if image.mode != "LA":
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        alpha = image.getchannel("A")
        if alpha.getextrema()[0] == 255:
            alpha = None
        image = image.convert("L" if image.mode == "LA" else "RGB")
    elif image.mode not in ("L", "RGB", "CMYK", "LAB"):  # 1, P, HSV, YCbCr, RGBX
        image = image.convert("L" if image.mode == "1" else "RGB")
    image = _apply_profile(image, profile, notes)
    if alpha is not None:
        notes.append("The transparent parts of the picture were put on white.")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    image.info = {}
    return image


def _to_8_bit(image: Image.Image, notes: list[str]) -> Image.Image:
    """16-bit, 32-bit and float greys → 8-bit grey; other modes as they are."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.asarray(image).astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        notes.append("Some pixels of the picture are not numbers; they were made black.")
        values = np.where(finite, values, 0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        values /= 257.0
    elif low < 0 or high > 65535:
        values = (values - low) * (255.0 / max(high - low, 1e-30))
        notes.append("The picture's values have no usual range; the darkest was made black and the brightest white.")
    elif image.mode == "F" and high <= 1.0:
        values *= 255.0
    elif high > 255:
        values /= 257.0
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """L, RGB, CMYK or LAB in the colours of an ICC profile → sRGB. A profile that is no use is left out with a note."""
    if image.mode == "LAB":
        return _transformed(image, ImageCms.createProfile("LAB"))
    if profile:
        try:
            return _transformed(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append("The picture's colour profile cannot be used; colours may look a little different.")
    return image.convert("RGB")


def _transformed(image: Image.Image, source: Any) -> Image.Image:
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if image.mode in ("L", "RGB"):  # most profiles are sRGB by another name: then every pixel stays exactly as it is
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        probe = Image.fromarray(cube if image.mode == "RGB" else steps.reshape(1, -1))
        moved = np.asarray(ImageCms.applyTransform(probe, transform)).astype(int)
        if abs(moved - np.asarray(probe.convert("RGB"))).max() <= 2:
            return image.convert("RGB")
    result = ImageCms.applyTransform(image, transform)
    assert result is not None  # None is for inPlace=True
    return result


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip().rstrip(".").lower()


# ------------------------------------------------------------------------------------------------ tensors


def to_tensor(image: Image.Image) -> Tensor:
    """PIL picture → [1, 3, H, W] float32, RGB in [-1, 1]: 0 ↦ -1, 255 ↦ 1."""
    import torch

    values = np.array(image.convert("RGB"), dtype=np.uint8)  # [H, W, 3]
    return torch.from_numpy(values).permute(2, 0, 1).unsqueeze(0).float().div_(127.5).sub_(1.0)


def to_image(x: Tensor) -> Image.Image:
    """[1, 3, H, W] or [3, H, W], RGB in [-1, 1] → PIL RGB, rounded to the nearest level; values outside are clamped."""
    if x.ndim == 4 and x.shape[0] == 1:
        x = x[0]
    if x.ndim != 3 or x.shape[0] != 3:
        raise ValueError(f"a picture has shape [1, 3, H, W] or [3, H, W], this is {list(x.shape)}")
    levels = x.detach().float().add(1.0).mul(127.5).round().clamp(0, 255).byte().cpu()
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


# ------------------------------------------------------------------------------------------------ writing

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
EXIF_ORIENTATION, EXIF_DETAILS, EXIF_PLACE, EXIF_MAKER = 0x0112, 0x8769, 0x8825, 0x927C
LARGEST_SIDE = {"PNG": 2**31 - 1, "JPEG": 65500, "WEBP": 16383}  # pixels


@dataclass(frozen=True)
class Encoded:
    """A picture as a file's bytes. ``notes``: sentences for the person, such as that it could not be signed."""

    content: bytes
    notes: tuple[str, ...] = ()


def save_image(
    image: Image.Image,
    path: str | Path,
    *,
    edited: bool = True,
    generated: bool = False,
    state: EditState | None = None,
    description: str | None = None,
    exif: bytes | None = None,
    quality: int = 95,
) -> Path:
    """Write a PNG (every pixel exactly), JPEG or WebP file by the suffix of ``path`` → the path. The one such writer.

    What it carries is said at ``encode_image``; its notes go to the log "i2edit" as warnings. Missing folders are made.
    The file appears whole or not at all; an existing one is replaced. Raises OutputError.
    """
    path = Path(path).expanduser()
    encoded = encode_image(
        image,
        path,
        edited=edited,
        generated=generated,
        state=state,
        description=description,
        exif=exif,
        quality=quality,
    )
    _write(path, encoded.content)
    for sentence in encoded.notes:
        log.warning("%s", sentence)
    return path


def encode_image(
    image: Image.Image,
    name: str | Path,
    *,
    edited: bool = True,
    generated: bool = False,
    state: EditState | None = None,
    description: str | None = None,
    exif: bytes | None = None,
    quality: int = 95,
) -> Encoded:
    """The bytes of a PNG, JPEG or WebP file, by the suffix of ``name``, with the marks of how the picture was made.

    ``edited``: a photo was edited with AI; ``generated``: a face of nobody. ``state`` says what is edited in it, and
    overrules ``edited``: with an empty belief nothing is. An edited or generated picture says so twice: in its XMP
    (IPTC DigitalSourceType), and in a signed C2PA manifest that lists the edits (provenance.py). When it cannot be
    signed, it is encoded without the manifest and a note says why. With neither, nothing is said.
    Nothing else is written along: no profile or comment, and EXIF (place, device) only when handed over as ``exif``
    (``read_exif``). Raises OutputError: another suffix, too many pixels a side.
    """
    from i2edit.provenance import SigningError, sign

    path = Path(name)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path} should end in .png, .jpg or .webp: pictures are written in these formats.")
    if max(image.size) > LARGEST_SIDE[kind]:
        raise OutputError(
            f"{path} cannot be written: {kind} files have at most {LARGEST_SIDE[kind]} pixels a side, "
            f"this picture has {image.size[0]} × {image.size[1]}. Choose a name that ends in .png."
        )
    if state is not None:
        edited = bool(state.belief)
    source = AI_GENERATED if generated else AI_EDITED if edited else None
    content = _encode(image, kind, _xmp(source, description), exif, quality)
    if source is None:
        return Encoded(content)
    try:
        return Encoded(sign(content, kind, state, generated=generated))
    except SigningError as error:
        return Encoded(content, (f"The picture was saved without a C2PA manifest: {str(error).rstrip('.')}.",))


def _encode(image: Image.Image, kind: str, xmp: bytes | None, exif: bytes | None, quality: int) -> bytes:
    if image.mode in ("RGBA", "LA", "PA") and kind == "JPEG":
        white = Image.new("RGB", image.size, "white")
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        image = white
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGB")
    bare = image
    if image.info:  # encoders also write what they find there
        bare = Image.new(image.mode, image.size)
        bare.paste(image)
    file = io.BytesIO()
    more: dict[str, Any] = {"exif": exif} if exif else {}
    if xmp and kind != "PNG":
        more["xmp"] = xmp
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        if xmp:
            chunks.add_itxt("XML:com.adobe.xmp", xmp.decode())
        bare.save(file, kind, pnginfo=chunks, compress_level=6, **more)
    elif kind == "JPEG":
        try:
            bare.save(file, kind, quality=quality, subsampling=0, optimize=True, **more)
        except OSError:  # the encoder holds an optimised file in a buffer, which a picture of noise overflows
            file = io.BytesIO()
            bare.save(file, kind, quality=quality, subsampling=0, **more)
    else:
        bare.save(file, kind, quality=quality, method=4, **more)
    return file.getvalue()


def _xmp(source: str | None, description: str | None) -> bytes | None:
    """An XMP packet (ISO 16684-1) with IPTC's DigitalSourceType and a description; None if there is nothing to say."""
    if not source and not description:
        return None
    mark = f"\n   Iptc4xmpExt:DigitalSourceType={quoteattr(source)}" if source else ""
    words = ""
    if description:
        clean = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", description)  # what XML 1.0 allows
        inner = f"<rdf:Alt><rdf:li xml:lang='x-default'>{escape(clean)}</rdf:li></rdf:Alt>"
        words = f"\n   <dc:description>{inner}</dc:description>"
    packet = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"{mark}>{words}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
    return packet.encode()


def _write(path: Path, content: bytes) -> None:
    """All of ``content`` or nothing: written beside the target, then renamed over it. Raises OutputError."""
    beside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OutputError(f"{path} is a folder, so no picture can be written under this name.")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # a full disk may show only here
            os.replace(beside, path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    except PermissionError:
        raise OutputError(f"There is no permission to write {path}. Choose another folder.") from None
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"{path} cannot be written: a part of its path is a file, not a folder.") from None
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"The disk is full, {path} was not written. Make room or choose another one.") from None
        if number == errno.EROFS:
            raise OutputError(f"The disk of {path} can only be read. Choose another folder.") from None
        raise OutputError(f"{str(path)!r} cannot be written: {_reason(error)}.") from None


def read_source_type(path: str | Path) -> str | None:
    """The IPTC DigitalSourceType in a file's XMP, such as AI_EDITED or AI_GENERATED; None when the file says nothing.

    Raises PhotoError when the file cannot be read as a picture.
    """
    path = Path(path).expanduser()
    with _open_file(path) as file:
        head = file.read(64)
        file.seek(0)
        with _identify(file, head, path) as picture:
            xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    text = xmp if isinstance(xmp, str) else bytes(xmp).decode("utf-8", "replace")
    # as an attribute, as an element, or as an element that points to a resource
    found = re.search(r"""DigitalSourceType(?:\s*=\s*|\s*>\s*|[^<>]*?rdf:resource\s*=\s*)["']?([^"'<>\s]+)""", text)
    return found.group(1) if found else None


def file_kind(path: str | Path) -> str | None:
    """The format that a file's first bytes announce, such as "PNG"; None for rare ones. Raises PhotoError."""
    with _open_file(Path(path).expanduser()) as file:
        return _kind(file.read(64))


def read_exif(path: str | Path, content: bytes | None = None) -> bytes | None:
    """The EXIF data of a photo (place, date, device) to hand on to ``encode_image``; None when there are none.

    Left out is what would be wrong or too much in a result: the orientation (results are upright), the preview of the
    original, and what only the camera's maker understands. Arguments and errors as for ``open_photo``.
    """
    path = Path(path).expanduser()
    with _open_file(path) if content is None else _opened(path, content) as file:
        head = file.read(64)
        file.seek(0)
        with _identify(file, head, path) as picture:
            try:
                exif = picture.getexif()
                exif.get_ifd(EXIF_DETAILS).pop(EXIF_MAKER, None)
                exif.get_ifd(EXIF_PLACE)
                exif.pop(EXIF_ORIENTATION, None)
                return exif.tobytes() if len(exif) else None
            except Exception:  # damaged EXIF data are worth nothing, whatever a parser makes of them
                return None


# ------------------------------------------------------------------------------------------------ picture strips

INK, PAPER, EDGE = "#24292f", "#ffffff", "#d0d7de"
PANELS_A_ROW = 5
CAPTION_LINES = 4
DRAWN_AS = {"–": "-", "—": "-", "−": "-", "→": "->", "×": "x", "ß": "ss", "€": "EUR", "æ": "ae", "ø": "o", "•": "*"}


def sheet(panels: list[tuple[Image.Image, str]], *, width: int = 320) -> Image.Image:
    """Pictures side by side on white, each with its caption below, in rows of at most five.

    ``width`` is that of a typical picture, in pixels. All get the same height, so shapes may differ.
    Long captions are wrapped, then shortened with "…".
    """
    if not panels:
        raise ValueError("a sheet needs at least one picture")
    rows_needed = -(-len(panels) // PANELS_A_ROW)
    in_row = -(-len(panels) // rows_needed)
    margin = max(6, width // 20)
    font = ImageFont.load_default(max(11, round(width / 19)))
    line = round(sum(font.getmetrics()) * 1.12) if isinstance(font, ImageFont.FreeTypeFont) else 12
    height = round(width / median(image.width / image.height for image, _ in panels))

    rows: list[list[tuple[Image.Image, list[str]]]] = []
    for first in range(0, len(panels), in_row):
        row = []
        for image, caption in panels[first : first + in_row]:
            caption = _drawable(caption, font)
            fitted = _fitted(image.convert("RGB"), height, narrowest=width // 3, widest=3 * width)
            row.append((fitted, _wrapped(caption, font, max(fitted.width, width * 2 // 3))))
        rows.append(row)

    def cell(panel: tuple[Image.Image, list[str]]) -> int:
        return max(panel[0].width, *(round(font.getlength(text)) for text in panel[1]), 0)

    full_width = margin + max(sum(cell(panel) + margin for panel in row) for row in rows)
    caption_heights = [max(len(lines) for _, lines in row) * line for row in rows]
    full_height = margin + sum(height + (margin // 2 + below if below else 0) + margin for below in caption_heights)

    paper = Image.new("RGB", (full_width, full_height), PAPER)
    draw = ImageDraw.Draw(paper)
    y = margin
    for row, below in zip(rows, caption_heights, strict=True):
        x = margin
        for image, lines in row:
            across = cell((image, lines))
            left, top = x + (across - image.width) // 2, y + (height - image.height) // 2
            paper.paste(image, (left, top))
            draw.rectangle((left - 1, top - 1, left + image.width, top + image.height), outline=EDGE)
            for number, text in enumerate(lines):
                at = (x + (across - font.getlength(text)) / 2, y + height + margin // 2 + number * line)
                draw.text(at, text, fill=INK, font=font)
            x += across + margin
        y += height + (margin // 2 + below if below else 0) + margin
    return paper


def _fitted(image: Image.Image, height: int, narrowest: int, widest: int) -> Image.Image:
    """Scaled to ``height``; panoramas and bookmarks are scaled to fit their widest or narrowest place instead."""
    scale = height / image.height
    if image.width * scale > widest:
        scale = widest / image.width
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    fitted = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if fitted.width < narrowest:
        wide = Image.new("RGB", (narrowest, fitted.height), PAPER)
        wide.paste(fitted, ((narrowest - fitted.width) // 2, 0))
        return wide
    return fitted


def _drawable(caption: str, font: Any) -> str:
    """The caption in characters that the font has: é becomes e, — becomes -, and what is beyond it becomes ?."""

    @cache
    def shape(character: str) -> bytes:
        return bytes(font.getmask(character))

    def drawn(character: str) -> str:
        if character.isspace() or shape(character) != shape("\uffff"):
            return character
        plain = DRAWN_AS.get(character) or unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        return plain or ("" if unicodedata.combining(character) else "?")

    return "".join(drawn(character) for character in caption)


def _wrapped(caption: str, font: Any, width: int) -> list[str]:
    """The caption in at most CAPTION_LINES lines no wider than ``width``; line breaks of its own are kept."""
    lines: list[str] = []
    for paragraph in caption.strip().splitlines():
        current = ""
        for word in paragraph.split():
            while font.getlength(word) > width:  # one word wider than the picture: broken where it must
                fits = next(n for n in range(len(word), 0, -1) if n == 1 or font.getlength(word[:n]) <= width)
                if current:
                    lines.append(current)
                    current = ""
                if fits >= len(word):
                    break
                lines.append(word[:fits])
                word = word[fits:]
            joined = f"{current} {word}".strip()
            if current and font.getlength(joined) > width:
                lines.append(current)
                current = word
            else:
                current = joined
        if current:
            lines.append(current)
    if len(lines) <= CAPTION_LINES:
        return lines
    kept = lines[:CAPTION_LINES]
    opened = caption.lstrip()[:1]
    closing = {"“": "”", '"': '"', "‘": "’", "'": "'", "«": "»", "„": "“"}.get(opened, "")
    ending = "…" + (closing if closing and closing not in " ".join(kept)[1:] else "")
    last = kept[-1]
    while last and font.getlength(last + ending) > width:
        last = last.rsplit(" ", 1)[0] if " " in last else last[:-1]
    kept[-1] = last.rstrip(" ,;:.") + ending
    return kept
