"""Photos of every kind in, plain sRGB pictures out; results written whole, marked and without personal data."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from i2edit import images
from i2edit.errors import OutputError, PhotoError
from i2edit.images import AI_EDITED, AI_GENERATED, open_photo, read_source_type, save_image, sheet, to_image, to_tensor

SOURCE = Path(images.__file__).parents[1]


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A smooth picture without symmetry: red grows to the right, green downwards, blue is low in one corner."""
    x, y = np.meshgrid(np.linspace(20, 230, width), np.linspace(30, 200, height))
    return Image.fromarray(np.stack([x, y, 255 - (x + y) / 2], axis=2).astype(np.uint8))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def difference(a: Image.Image, b: Image.Image) -> float:
    assert a.size == b.size
    return float(np.abs(pixels(a.convert("RGB")) - pixels(b.convert("RGB"))).mean())


def opened(path: Path) -> Image.Image:
    photo = open_photo(path)
    assert photo.image.mode == "RGB"
    assert photo.image.info == {}
    assert photo.path == path
    return photo.image


# ------------------------------------------------------------------------------------------------ kinds of files


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "tga", "jp2", "webp", "gif", "jpg"])
def test_ordinary_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    scene().save(path, **({"lossless": True} if suffix == "webp" else {}))
    lossless = suffix in ("png", "bmp", "tif", "ppm", "tga", "webp")
    assert difference(opened(path), scene()) <= (0 if lossless else 4)
    assert open_photo(str(path)).notes == ()


def test_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    scene().save(tmp_path / "a.png")
    assert open_photo("~/a.png").path == tmp_path / "a.png"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = scene()
    undo = {  # how a camera held that way stores the upright scene
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif, quality=95)
    assert difference(opened(tmp_path / f"a.{suffix}"), upright) < 3


def test_nonsense_in_exif_does_not_matter(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\x00\x03" * 9, quality=95)
    assert difference(opened(tmp_path / "a.jpg"), scene()) < 3
    exif = Image.Exif()
    exif[0x0112] = 77
    scene().save(tmp_path / "b.jpg", exif=exif, quality=95)
    assert difference(opened(tmp_path / "b.jpg"), scene()) < 3


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_alpha_is_put_on_white(tmp_path: Path, mode: str, suffix: str) -> None:
    image = scene().convert(mode)
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, :48], alpha[:, 48:60] = 0, 128
    image.putalpha(Image.fromarray(alpha))
    if (mode, suffix) == ("LA", "webp"):
        image = image.convert("RGBA")
    image.save(tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    photo = open_photo(tmp_path / f"a.{suffix}")
    found, solid = pixels(photo.image), pixels(scene().convert("L" if mode == "LA" else "RGB").convert("RGB"))
    assert (found[:, :48] == 255).all()
    assert np.abs(found[:, 60:] - solid[:, 60:]).max() <= 1
    assert np.abs(found[:, 48:60] - (solid[:, 48:60] + 255) / 2).max() <= 2
    assert any("transparent" in note for note in photo.notes)


def test_opaque_alpha_is_not_worth_a_note(tmp_path: Path) -> None:
    scene().convert("RGBA").save(tmp_path / "a.png")
    assert np.array_equal(opened(tmp_path / "a.png"), scene())
    assert open_photo(tmp_path / "a.png").notes == ()


def test_palette(tmp_path: Path) -> None:
    scene().quantize(256).save(tmp_path / "a.png")
    assert difference(opened(tmp_path / "a.png"), scene()) < 6


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palette_with_transparent_entry(tmp_path: Path, suffix: str) -> None:
    image = Image.new("P", (20, 10), 1)
    image.putpalette([9, 9, 9, 200, 30, 40])
    image.paste(0, (0, 0, 10, 10))
    image.save(tmp_path / f"a.{suffix}", transparency=0)
    found = opened(tmp_path / f"a.{suffix}")
    assert found.getpixel((3, 3)) == (255, 255, 255)
    assert found.getpixel((15, 3)) == (200, 30, 40)


@pytest.mark.parametrize("mode, clear", [("RGB", (10, 20, 30)), ("L", 7), ("1", 0)])
def test_transparent_colour_of_a_png(tmp_path: Path, mode: str, clear: object) -> None:
    image = Image.new(mode, (20, 10), "white" if mode == "1" else 100 if mode == "L" else (100, 100, 100))
    image.paste(clear, (0, 0, 10, 10))
    image.save(tmp_path / "a.png", transparency=clear)
    found = opened(tmp_path / "a.png")
    assert found.getpixel((3, 3)) == (255, 255, 255)
    assert found.getpixel((15, 3)) == ((255,) * 3 if mode == "1" else (100,) * 3)


def test_cmyk(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image.save(tmp_path / "a.jpg", quality=95)
    image.save(tmp_path / "a.tif")
    for name in ("a.jpg", "a.tif"):
        red, green, blue = opened(tmp_path / name).getpixel((8, 8))
        assert red > 200 and green < 60 and blue < 60, name


def test_grey_and_one_bit(tmp_path: Path) -> None:
    scene().convert("L").save(tmp_path / "grey.png")
    assert np.array_equal(opened(tmp_path / "grey.png"), scene().convert("L").convert("RGB"))
    scene().convert("1").save(tmp_path / "one.png")
    scene().convert("1").save(tmp_path / "one.tif", compression="group4")
    for name in ("one.png", "one.tif"):
        assert np.array_equal(opened(tmp_path / name), scene().convert("1").convert("RGB"))


def test_16_bit_grey(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256 * 4).round().astype(np.uint16).reshape(4, 256)
    expected = np.rint(ramp / 257).astype(int)
    for name in ("a.png", "a.tif"):
        Image.fromarray(ramp).save(tmp_path / name)
        assert np.array_equal(pixels(opened(tmp_path / name))[:, :, 1], expected), name


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG file from raw rows, each with its filter byte."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("colour, channels", [(2, 3), (6, 4), (4, 2)])
def test_16_bit_colour_png(tmp_path: Path, colour: int, channels: int) -> None:
    levels = [40000, 20000, 60000, 65535][:channels] if channels != 2 else [40000, 65535]
    row = b"\0" + struct.pack(f">{channels}H", *levels) * 8
    (tmp_path / "a.png").write_bytes(png(8, 8, 16, colour, row * 8))
    found = np.array(opened(tmp_path / "a.png").getpixel((4, 4)))
    expected = np.array(levels[:3] if channels != 2 else [40000] * 3) / 257
    assert np.abs(found - expected).max() <= 1


def test_float_tiff(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(4, 0)
    for name, values in {"unit": ramp, "bytes": ramp * 255, "words": ramp * 65535, "any": ramp * 7 - 3}.items():
        Image.fromarray(values.astype(np.float32)).save(tmp_path / f"{name}.tif")
        found = pixels(opened(tmp_path / f"{name}.tif"))[0, :, 0]
        assert np.abs(found - np.arange(256)).max() <= 1, name
    assert "no usual range" in open_photo(tmp_path / "any.tif").notes[0]
    ramp[0, :5] = [np.nan, np.inf, -np.inf, 0, 0]
    Image.fromarray(ramp).save(tmp_path / "holes.tif")
    photo = open_photo(tmp_path / "holes.tif")
    assert photo.image.getpixel((0, 0)) == (0, 0, 0)
    assert photo.image.getpixel((255, 0)) == (255, 255, 255)
    assert "not numbers" in photo.notes[0]


def test_lab_tiff(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(scene(), to_lab)
    assert lab is not None
    lab.save(tmp_path / "a.tif")
    assert difference(opened(tmp_path / "a.tif"), scene()) < 3


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    more = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], duration=100, **more)
    photo = open_photo(tmp_path / f"a.{suffix}")
    assert photo.image.getpixel((5, 5)) == (255, 0, 0)
    assert photo.notes == ("The file holds 3 pictures; the first one is used.",)


def test_multi_picture_jpeg(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (20, 20))], quality=95)
    assert Image.open(tmp_path / "a.jpg").format == "MPO"
    photo = open_photo(tmp_path / "a.jpg")
    assert difference(photo.image, scene()) < 3
    assert photo.notes == ()


def test_progressive_and_odd_jpegs(tmp_path: Path) -> None:
    scene().save(tmp_path / "progressive.jpg", progressive=True, quality=95)
    scene().save(tmp_path / "restart.jpg", restart_marker_rows=1, quality=95)
    plain = io.BytesIO()
    scene().save(plain, "JPEG", quality=95)
    (tmp_path / "trailing.jpg").write_bytes(plain.getvalue() + b"\0rubbish that some phones append" * 99)
    (tmp_path / "wrong-suffix.png").write_bytes(plain.getvalue())
    (tmp_path / "no-suffix").write_bytes(plain.getvalue())
    for path in tmp_path.iterdir():
        assert difference(opened(path), scene()) < 3, path.name


def test_tiny_and_narrow_pictures(tmp_path: Path) -> None:
    for size in ((1, 1), (1, 300), (4000, 1)):
        Image.new("RGB", size, (1, 2, 3)).save(tmp_path / "a.png")
        assert opened(tmp_path / "a.png").size == size
        assert open_photo(tmp_path / "a.png").image.getpixel((0, 0)) == (1, 2, 3)


def test_big_ordinary_photos_keep_every_pixel(tmp_path: Path) -> None:
    image = Image.new("RGB", (6000, 4000), (9, 90, 190))
    image.putpixel((5999, 3999), (255, 255, 255))
    image.save(tmp_path / "a.png", compress_level=1)
    found = opened(tmp_path / "a.png")
    assert found.size == (6000, 4000)
    assert found.getpixel((5999, 3999)) == (255, 255, 255)


def test_pillow_limit_of_179_megapixels_is_not_ours_and_stays_as_it_was(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    Image.new("1", (15000, 13000)).save(tmp_path / "a.png")
    photo = open_photo(tmp_path / "a.png")
    assert photo.image.size == (7500, 6500)
    assert photo.notes == ("The photo has 15000 × 13000 pixels; it was made smaller: 7500 × 6500.",)
    assert before == Image.MAX_IMAGE_PIXELS


# ------------------------------------------------------------------------------------------------ colours, metadata


def swapped_profile() -> bytes:
    """sRGB's profile with the red and the blue primary exchanged: a picture in it turns from red to blue."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = {}
    for number in range(struct.unpack(">I", profile[128:132])[0]):
        at = 132 + 12 * number
        table[bytes(profile[at : at + 4])] = at
    red, blue = table[b"rXYZ"], table[b"bXYZ"]
    red_entry, blue_entry = profile[red + 4 : red + 12], profile[blue + 4 : blue + 12]
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = blue_entry, red_entry
    return bytes(profile)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_profile_is_applied(tmp_path: Path, suffix: str, mode: str) -> None:
    if (suffix, mode) == ("jpg", "RGBA"):
        pytest.skip("JPEG has no transparency")
    image = Image.new(mode, (16, 16), (220, 40, 40) if mode == "RGB" else (220, 40, 40, 255))
    image.save(tmp_path / f"a.{suffix}", icc_profile=swapped_profile(), quality=98)
    red, green, blue = opened(tmp_path / f"a.{suffix}").getpixel((8, 8))
    assert blue > 210 and green < 50 and red < 50


def test_srgb_profile_changes_no_pixel(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    scene().save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(opened(tmp_path / "a.png"), scene())


@pytest.mark.parametrize("kind", ["damaged", "of another colour space"])
def test_profile_that_is_no_use(tmp_path: Path, kind: str) -> None:
    profile = b"no profile at all" * 20 if kind == "damaged" else swapped_profile()
    image = scene() if kind == "damaged" else scene().convert("L")
    image.save(tmp_path / "a.png", icc_profile=profile)
    photo = open_photo(tmp_path / "a.png")
    assert np.array_equal(photo.image, image.convert("RGB"))
    assert "colour profile" in photo.notes[0]


def test_grey_profile(tmp_path: Path) -> None:
    """A grey picture in linear light: sRGB's middle grey 188 is half of white."""

    def fixed(value: float) -> int:
        return round(value * 65536)

    curve = b"curv" + struct.pack(">III", 0, 0, 0)  # no table: linear
    white = b"XYZ " + struct.pack(">Iiii", 0, fixed(0.9642), fixed(1), fixed(0.8249))
    words = b"desc" + struct.pack(">II", 0, 5) + b"grey\0" + bytes(4 + 4 + 2 + 1 + 67) + b"\0\0\0"
    tags, at, table = [(b"kTRC", curve), (b"wtpt", white), (b"desc", words)], 132 + 36, b""
    for name, content in tags:
        table += name + struct.pack(">II", at, len(content))
        at += len(content)
    head = struct.pack(">I4sI4s4s4s", at, b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">iii", fixed(0.9642), fixed(1), fixed(0.8249))
    profile = head.ljust(128, b"\0") + struct.pack(">I", 3) + table + b"".join(content for _, content in tags)
    Image.new("L", (8, 8), 128).save(tmp_path / "a.png", icc_profile=profile)
    assert open_photo(tmp_path / "a.png").notes == ()
    assert abs(opened(tmp_path / "a.png").getpixel((4, 4))[0] - 188) <= 1


def personal() -> tuple[Image.Exif, PngImagePlugin.PngInfo]:
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "SecretCamera", "SecretName"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Author", "SecretName")
    chunks.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>SecretName</x:xmpmeta>")
    return exif, chunks


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_nothing_personal_reaches_a_result(tmp_path: Path, suffix: str) -> None:
    exif, chunks = personal()
    scene().save(tmp_path / "in.png", exif=exif, pnginfo=chunks)
    scene().save(tmp_path / "in.jpg", exif=exif, comment=b"SecretName", xmp=b"SecretName")
    for source in ("in.png", "in.jpg"):
        assert b"Secret" in (tmp_path / source).read_bytes()
        with Image.open(tmp_path / source) as raw:  # also when a caller hands over a picture that has metadata
            for image in (opened(tmp_path / source), raw):
                path = save_image(image, tmp_path / f"out.{suffix}")
                assert b"Secret" not in path.read_bytes()
                with Image.open(path) as result:
                    assert dict(result.getexif()) == {}
                    assert "icc_profile" not in result.info
        assert open_photo(tmp_path / source).image.getexif().get_ifd(0x8825) == {}


# ------------------------------------------------------------------------------------------------ bad files


def sentence(path: Path | str) -> str:
    with pytest.raises(PhotoError) as caught:
        open_photo(path)
    text = str(caught.value)
    assert str(path) in text
    assert text[-1] == "." and "\n" not in text and "Traceback" not in text
    return text


def test_missing_file(tmp_path: Path) -> None:
    assert "no file" in sentence(tmp_path / "a.png")
    (tmp_path / "file").write_text("x")
    assert "no file" in sentence(tmp_path / "file" / "a.png")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in sentence(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert "empty" in sentence(tmp_path / "a.jpg")


def test_names_that_no_disk_has() -> None:
    with pytest.raises(PhotoError, match=r"cannot be read"):
        open_photo("a\0b.png")
    with pytest.raises(PhotoError, match=r"cannot be read"):
        open_photo("a" * 5000 + ".png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert "not an ordinary file" in sentence(tmp_path / "a.png")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"just a letter to grandmother" * 40, "not a picture"),
        (os.urandom(5000).replace(b"\xff\xd8", b""), "not a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(900), "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isom" + bytes(900), "video"),
        (b"%PDF-1.7\n" + bytes(900), "document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n" + b"showpage " * 90, "document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "not a picture"),
        (b"x", "not a picture"),
    ],
)
def test_not_a_picture(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert words in sentence(tmp_path / "a.png")


def noise(width: int = 200, height: int = 150) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "bmp", "jp2", "avif", "ppm"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_truncated_file(tmp_path: Path, suffix: str, share: float) -> None:
    file = io.BytesIO()
    kind = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(suffix, suffix.upper())
    if kind not in images.FORMATS:
        pytest.skip(f"this Pillow has no {kind}")
    noise().save(file, kind)
    whole = file.getvalue()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: int(len(whole) * share)])
    assert "damaged" in sentence(tmp_path / f"a.{suffix}")


def test_cut_off_after_the_first_bytes(tmp_path: Path) -> None:
    heads = (b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0\x08\0", b"RIFF\0\0\1\0WEBPVP8 ")
    for head in heads:
        (tmp_path / "a").write_bytes(head)
        assert "damaged" in sentence(tmp_path / "a")


def test_damaged_in_the_middle(tmp_path: Path) -> None:
    file = io.BytesIO()
    noise().save(file, "PNG")
    content = bytearray(file.getvalue())
    content[len(content) // 2] ^= 0x55
    (tmp_path / "a.png").write_bytes(content)
    assert "damaged" in sentence(tmp_path / "a.png")


def test_five_hundred_mutilated_files_end_in_a_picture_or_a_sentence(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    originals = []
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA", "ICO", "PCX"):
        file = io.BytesIO()
        noise(24, 16).save(file, kind)
        originals.append(file.getvalue())
    for number in range(500):
        content = bytearray(originals[number % len(originals)])
        for place in random.integers(0, min(len(content), 400), random.integers(1, 12)):
            content[place] = random.integers(0, 256)
        (tmp_path / "a").write_bytes(content)
        try:
            assert open_photo(tmp_path / "a").image.mode == "RGB"
        except PhotoError as error:
            assert str(tmp_path) in str(error)


def as_nobody(action: Callable[[], str]) -> str:
    """What ``action`` returns when run by a user without rights (root may read and write everything)."""
    if os.geteuid() != 0:
        return action()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            answer = action()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        Path(name).chmod(0o755)
        yield Path(name)


def told(action: Callable[[], object]) -> str:
    try:
        return f"no error: {action()}"
    except (PhotoError, OutputError) as error:
        return f"{type(error).__name__}: {error}"


posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX permissions")


@posix
def test_no_permission_to_read(public_folder: Path) -> None:
    path = public_folder / "a.png"
    scene().save(path)
    opened(path)
    assert as_nobody(lambda: told(lambda: open_photo(path))).startswith("no error")
    path.chmod(0)
    text = as_nobody(lambda: told(lambda: open_photo(path)))
    assert text.startswith("PhotoError: There is no permission to read") and str(path) in text
    path.chmod(0o644)
    public_folder.chmod(0)
    assert "no permission" in as_nobody(lambda: told(lambda: open_photo(path)))
    public_folder.chmod(0o755)


# ------------------------------------------------------------------------------------------------ memory

PEAK = """
import pathlib, re, sys, time
from i2edit.errors import PhotoError
from i2edit.images import open_photo
start = time.time()
try:
    photo = open_photo(sys.argv[1])
    answer = f"{photo.image.width}x{photo.image.height} {photo.notes}"
except PhotoError as error:
    answer = f"PhotoError {error}"
status = pathlib.Path("/proc/self/status").read_text()  # not getrusage: that counts what the parent had before the fork
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024, round(time.time() - start, 1), answer)
"""


def peak(path: Path) -> tuple[int, str]:
    """Most memory in MB that opening the photo took a fresh process, and what came of it."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", PEAK, path]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    megabytes, seconds, answer = done.stdout.strip().split(" ", 2)
    print(path.name, f"{megabytes} MB, {seconds} s: {answer}")
    return int(megabytes), answer


def flat_png(path: Path, side: int, colour: int, channels: int, depth: int = 8) -> None:
    """A flat PNG written row by row, so that the test itself needs no memory."""
    row = bytes([0]) + bytes([200]) * (side * channels * depth // 8)
    packer, body = zlib.compressobj(1), b""
    for _ in range(side):
        body += packer.compress(row)
    body += packer.flush()

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body) + chunk(b"IEND", b""))


posix_memory = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@posix_memory
@pytest.mark.parametrize("colour, channels, depth", [(2, 3, 8), pytest.param(6, 4, 16, marks=pytest.mark.slow)])
def test_400_megapixel_png(tmp_path: Path, colour: int, channels: int, depth: int) -> None:
    flat_png(tmp_path / "a.png", 20000, colour, channels, depth)
    megabytes, answer = peak(tmp_path / "a.png")
    assert megabytes < 3000
    assert answer.startswith("5000x5000") and "made smaller" in answer


@posix_memory
@pytest.mark.parametrize("progressive", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_400_megapixel_jpeg(tmp_path: Path, progressive: bool) -> None:
    Image.new("L", (20000, 20000), 90).save(tmp_path / "a.jpg", progressive=progressive, quality=50)
    megabytes, answer = peak(tmp_path / "a.jpg")
    assert megabytes < (1500 if progressive else 800)
    assert answer.startswith("5000x5000")


def test_progressive_jpeg_that_would_need_gigabytes(tmp_path: Path) -> None:
    """The header of a small progressive JPEG is made to claim 60000 × 60000 pixels."""
    file = io.BytesIO()
    scene().save(file, "JPEG", progressive=True)
    content = bytearray(file.getvalue())
    at = content.index(b"\xff\xc2")  # progressive frame: length, depth, height, width
    content[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    (tmp_path / "a.jpg").write_bytes(content)
    assert "too large" in sentence(tmp_path / "a.jpg")


def test_jpeg_in_several_scans_that_would_need_gigabytes(tmp_path: Path) -> None:
    """A sequential JPEG whose first scan holds one of three components: libjpeg keeps such files whole, too."""
    file = io.BytesIO()
    scene().save(file, "JPEG", subsampling=0)
    content = bytearray(file.getvalue())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    scan = content.index(b"\xff\xda")
    one_component = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    (tmp_path / "a.jpg").write_bytes(content[:scan] + one_component + content[scan + 14 :])
    assert "too large" in sentence(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_header_that_claims_gigapixels(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    Image.new("L", (7, 5)).save(file, kind)
    content = bytearray(file.getvalue())
    if kind == "PNG":
        content[16:24] = struct.pack(">II", 60000, 60000)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif kind == "GIF":
        content[6:10] = struct.pack("<HH", 60000, 60000)
    elif kind == "BMP":
        content[18:26] = struct.pack("<ii", 60000, 60000)
    else:
        for tag in (256, 257):
            content[(at := content.index(struct.pack("<HH", tag, 4))) + 8 : at + 12] = struct.pack("<I", 60000)
    (tmp_path / "a").write_bytes(content)
    assert "60000 × 60000 pixels, which is too large" in sentence(tmp_path / "a")


def test_gif_of_132_megapixels_is_refused_as_its_decoder_keeps_copies(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (7, 5)).save(file, "GIF")
    content = bytearray(file.getvalue())
    content[6:10] = struct.pack("<HH", 12000, 11000)
    (tmp_path / "a.gif").write_bytes(content)
    assert "12000 × 11000 pixels, which is too large" in sentence(tmp_path / "a.gif")


# ------------------------------------------------------------------------------------------------ tensors


def test_tensors_and_back() -> None:
    x = to_tensor(scene())
    assert x.shape == (1, 3, 64, 96) and x.dtype == torch.float32
    assert np.array_equal(to_image(x), scene())
    assert np.array_equal(to_image(x[0]), scene())
    levels = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    assert np.array_equal(to_image(to_tensor(levels)), levels)


def test_tensor_of_known_pixels() -> None:
    x = to_tensor(Image.new("RGB", (2, 1), (0, 255, 51)))
    assert torch.allclose(x[0, :, 0, 0], torch.tensor([-1.0, 1.0, -0.6]), atol=1e-6)
    assert to_image(torch.tensor([-9.0, 9.0, 0.004]).view(3, 1, 1)).getpixel((0, 0)) == (0, 255, 128)
    assert to_tensor(Image.new("L", (2, 1), 255)).shape == (1, 3, 1, 2)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (4, 4, 3), (4, 4), (1, 1, 4, 4)])
def test_tensor_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        to_image(torch.zeros(shape))


# ------------------------------------------------------------------------------------------------ writing


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp", "PNG", "JPG"])
def test_results_say_how_they_were_made(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    assert save_image(scene(), path) == path
    assert read_source_type(path) == AI_EDITED
    save_image(scene(), path, generated=True)
    assert read_source_type(path) == AI_GENERATED
    save_image(scene(), path, edited=False)
    assert read_source_type(path) is None
    save_image(scene(), path, edited=False, description="as it was")
    assert read_source_type(path) is None
    assert b"as it was" in path.read_bytes()


def test_mark_is_a_proper_xmp_packet(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    path = save_image(scene(), tmp_path / "a.png", description="smile & “bangs” <b>\0\x07")
    with Image.open(path) as image:
        packet = image.info["XML:com.adobe.xmp"]
        assert set(image.info) <= {"XML:com.adobe.xmp", "xmp"}
    root = ElementTree.fromstring(re.sub(r"<\?xpacket.*?\?>", "", packet))
    rdf = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
    description = root.find(f"{rdf}RDF/{rdf}Description")
    assert description is not None
    mark = description.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert mark == "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert [item.text for item in root.iter(f"{rdf}li")] == ["smile & “bangs” <b>"]


def test_marks_of_other_programs_are_understood(tmp_path: Path) -> None:
    for form in (
        f"<r:D Iptc4xmpExt:DigitalSourceType='{AI_GENERATED}' x='y'/>",
        f"<Iptc4xmpExt:DigitalSourceType>\n {AI_GENERATED}\n</Iptc4xmpExt:DigitalSourceType>",
        f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{AI_GENERATED}"/>',
    ):
        scene().save(tmp_path / "a.jpg", xmp=form.encode())
        assert read_source_type(tmp_path / "a.jpg") == AI_GENERATED
    scene().save(tmp_path / "plain.jpg")
    assert read_source_type(tmp_path / "plain.jpg") is None
    with pytest.raises(PhotoError, match="no file"):
        read_source_type(tmp_path / "missing.jpg")


def test_png_keeps_every_pixel_and_others_nearly(tmp_path: Path) -> None:
    assert np.array_equal(opened(save_image(noise(), tmp_path / "a.png")), noise())
    assert difference(opened(save_image(scene(), tmp_path / "a.jpg")), scene()) < 2
    assert difference(opened(save_image(scene(), tmp_path / "a.webp")), scene()) < 3
    for mode in ("L", "RGBA", "P", "1", "CMYK", "LA"):
        for suffix in ("png", "jpg", "webp"):
            assert opened(save_image(scene().convert(mode), tmp_path / f"{mode}.{suffix}")).size == scene().size


def test_same_picture_same_file(tmp_path: Path) -> None:
    """But for the signature of an edited one: that holds a number of its own each time."""
    for suffix in ("png", "jpg", "webp"):
        a, b = (save_image(noise(), tmp_path / f"{name}.{suffix}", edited=False) for name in "ab")
        assert a.read_bytes() == b.read_bytes()
        assert opened(save_image(noise(), tmp_path / f"c.{suffix}")).tobytes() == opened(a).tobytes()


def refusal(image: Image.Image, path: Path) -> str:
    with pytest.raises(OutputError) as caught:
        save_image(image, path)
    text = str(caught.value)
    assert path.name in text and text[-1] == "." and "\n" not in text
    return text


def test_unknown_suffix(tmp_path: Path) -> None:
    for name in ("a.gif", "a", "a.png.txt", ".png"):
        assert ".png, .jpg or .webp" in refusal(scene(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert save_image(scene(), tmp_path / "x" / "y" / "a.png").is_file()


def test_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    assert "is a folder" in refusal(scene(), tmp_path / "a.png")
    (tmp_path / "file").write_text("x")
    assert "is a file, not a folder" in refusal(scene(), tmp_path / "file" / "a.png")
    assert "is a file, not a folder" in refusal(scene(), tmp_path / "file" / "deeper" / "a.png")


def test_name_that_is_too_long(tmp_path: Path) -> None:
    assert "too long" in refusal(scene(), tmp_path / ("a" * 400 + ".png"))


@posix
def test_no_permission_to_write(public_folder: Path) -> None:
    save_image(scene(), public_folder / "first.png")
    text = as_nobody(lambda: told(lambda: save_image(scene(), public_folder / "a.png")))
    if os.geteuid() != 0:
        public_folder.chmod(0o555)
        text = told(lambda: save_image(scene(), public_folder / "a.png"))
        public_folder.chmod(0o755)
    assert text.startswith("OutputError: There is no permission to write")
    assert [path.name for path in public_folder.iterdir()] == ["first.png"]


@pytest.mark.parametrize(
    "number, words", [(errno.ENOSPC, "disk is full"), (errno.EROFS, "only be read"), (errno.EIO, "cannot be written")]
)
def test_full_or_failing_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    save_image(scene(), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    assert words in refusal(noise(), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


@posix
def test_file_size_limit_of_the_system(tmp_path: Path) -> None:
    """A real failure in the middle of writing: the system lets files grow to 20 kB only."""
    code = (
        "import resource, signal, sys; import numpy as np; from PIL import Image\n"
        "from i2edit.images import save_image\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))\n"
        "save_image(picture, sys.argv[1])"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, text=True, env=environment, check=False
    )
    assert "OutputError" in done.stderr and "cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_side_that_a_format_cannot_have(tmp_path: Path) -> None:
    assert "ends in .png" in refusal(Image.new("L", (16384, 2)), tmp_path / "a.webp")
    assert "ends in .png" in refusal(Image.new("L", (2, 65501)), tmp_path / "a.jpg")
    assert save_image(Image.new("L", (2, 65501)), tmp_path / "a.png").is_file()
    assert save_image(Image.new("L", (2, 65500)), tmp_path / "a.jpg").is_file()


# ------------------------------------------------------------------------------------------------ picture strips


def ink(strip: Image.Image) -> np.ndarray:
    """Where a strip is not white."""
    return (pixels(strip) < 200).any(axis=2)


def test_strip_holds_its_pictures_in_order() -> None:
    colours = [(200, 0, 0), (0, 150, 0), (0, 0, 200)]
    strip = sheet([(Image.new("RGB", (100, 100), colour), str(colour)) for colour in colours], width=200)
    row = [tuple(colour) for colour in pixels(strip)[strip.height // 3].tolist()]
    places = [row.index(colour) for colour in colours]
    assert places == sorted(places)
    assert [row.count(colour) for colour in colours] == [200, 200, 200]
    assert 3 * 200 < strip.width < 3 * 240
    assert strip.height > 200
    assert (pixels(strip)[:3] == 255).all() and (pixels(strip)[:, :3] == 255).all()


def test_captions_are_below_the_pictures() -> None:
    with_words = sheet([(Image.new("RGB", (100, 100), "red"), "make her smile")])
    without = sheet([(Image.new("RGB", (100, 100), "red"), "")])
    assert with_words.height > without.height
    assert ink(with_words)[without.height - 10 :].any()
    assert not ink(without)[-8:].any()


def test_more_than_five_pictures_take_several_rows() -> None:
    panel = (Image.new("RGB", (50, 50), "red"), "a")
    one, two, three = (sheet([panel] * n, width=100) for n in (5, 6, 11))
    assert two.height > 1.9 * one.height and two.width < one.width
    assert three.height > 2.8 * one.height


def test_pictures_of_differing_shapes_get_one_height() -> None:
    strip = sheet([(Image.new("RGB", size, "black"), "") for size in ((300, 300), (150, 300), (600, 300))], width=150)
    heights = ink(strip).sum(axis=0)
    assert set(heights[heights > 20]) <= {150, 152}  # 152: where only the outline is
    widths = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], (heights > 20), [0]]).astype(int))))[::2]
    assert np.abs(widths - np.array([150, 75, 300])).max() <= 4


def test_panorama_and_bookmark_do_not_break_a_strip() -> None:
    shapes = [(Image.new("RGB", size, "red"), "x") for size in ((100, 100), (5000, 10), (3, 900), (1, 1))]
    strip = sheet(shapes, width=120)
    assert strip.width < 120 * 8 and strip.height < 300


def test_long_captions_are_wrapped_and_shortened() -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(16)
    text = "“" + "please give me the bangs that I had in the summer of that year " * 6 + "”"
    lines = images._wrapped(text, font, 200)
    assert len(lines) == images.CAPTION_LINES
    assert lines[0].startswith("“") and lines[-1].endswith("…”")
    assert all(font.getlength(line) <= 200 for line in lines)
    assert images._wrapped("“smile”\nthen undo", font, 200) == ["“smile”", "then undo"]
    assert all(font.getlength(line) <= 200 for line in images._wrapped("w" * 90, font, 200))
    assert "".join(images._wrapped("w" * 30, font, 200)) == "w" * 30
    assert images._wrapped("   ", font, 200) == []
    assert images._wrapped("wider", font, 1)[-1].endswith("…")


def test_characters_that_the_font_lacks_are_replaced() -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(16)
    assert images._drawable("“Café” — …", font) == "“Cafe” - …"
    assert images._drawable("微笑 ok", font) == "?? ok"


def test_empty_strip() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sheet([])
