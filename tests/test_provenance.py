"""What a saved picture says about itself: IPTC's mark and a C2PA manifest, in every format, and read back."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image, PngImagePlugin

from i2edit import provenance
from i2edit.errors import OutputError, PhotoError
from i2edit.images import AI_EDITED, AI_GENERATED, encode_image, open_photo, read_exif, save_image
from i2edit.ontology import SLOT_OF, VALUES, EditState
from i2edit.provenance import Report, SigningError, inspect, manifest, signature

SUFFIXES = ("png", "jpg", "webp")
STATE = EditState.of("bangs", "smiling").with_strength("bangs", 0.6)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which no key was made yet."""
    monkeypatch.setenv("I2EDIT_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("I2EDIT_C2PA_CERT", raising=False)
    monkeypatch.delenv("I2EDIT_C2PA_KEY", raising=False)
    return tmp_path / "data"


def scene() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((96, 72))


def with_checksums(png: bytes) -> bytes:
    """A PNG file whose chunks have the checksums of what is in them now."""
    done, at = png[:8], 8
    while at < len(png):
        body = png[at + 4 : at + 8 + int.from_bytes(png[at : at + 4])]
        done += png[at : at + 4] + body + zlib.crc32(body).to_bytes(4)
        at += 8 + len(body)
    return done


def read_with_c2pa(content: bytes, mime: str, **settings: Any) -> dict[str, Any]:
    """By the library itself, with settings of its own."""
    told = {"verify": {"verify_trust": False, "ocsp_fetch": False}, **settings}
    with (
        c2pa.Context(c2pa.Settings.from_dict(told)) as context,
        c2pa.Reader(mime, io.BytesIO(content), context=context) as reader,
    ):
        return json.loads(reader.json())


# ------------------------------------------------------------------------------------------------ in every format


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("generated", [False, True])
def test_an_edited_picture_lists_its_edits_and_stays_the_same_picture(
    tmp_path: Path, suffix: str, generated: bool
) -> None:
    path = save_image(scene(), tmp_path / f"a.{suffix}", state=STATE, generated=generated)
    report = inspect(path)
    assert report.manifest == "valid" and report.problems == () and report.own
    assert report.source_type == (AI_GENERATED if generated else AI_EDITED)
    assert [(e["slot"], e["value"], e["strength"]) for e in report.edits] == [
        ("expression", "smiling", 1.0),
        ("hairstyle", "bangs", 0.6),
    ]
    assert report.actions == ("c2pa.created" if generated else "c2pa.opened", "c2pa.edited", "c2pa.edited")
    plain = save_image(scene(), tmp_path / f"b.{suffix}", edited=False)
    assert open_photo(path).image.tobytes() == open_photo(plain).image.tobytes()
    whole = read_with_c2pa(path.read_bytes(), provenance.MIME[report_kind(suffix)])
    active = whole["manifests"][whole["active_manifest"]]
    made = [a for a in active["assertions"][0]["data"]["actions"] if a["action"] == "c2pa.edited"]
    assert {a["digitalSourceType"] for a in made} == {AI_GENERATED if generated else AI_EDITED}
    assert "thumbnail" not in json.dumps(whole) and len(path.read_bytes()) - len(plain.read_bytes()) < 12_000


def report_kind(suffix: str) -> str:
    return {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[suffix]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_not_edited_says_nothing(tmp_path: Path, suffix: str) -> None:
    path = save_image(scene(), tmp_path / f"a.{suffix}", state=EditState())
    assert inspect(path) == Report(path, None, "none")
    assert b"c2pa" not in path.read_bytes() and b"i2edit" not in path.read_bytes()
    face = inspect(save_image(scene(), tmp_path / f"b.{suffix}", state=EditState(), generated=True))
    assert (face.source_type, face.manifest, face.edits, face.actions) == (AI_GENERATED, "valid", (), ("c2pa.created",))
    strip = inspect(save_image(scene(), tmp_path / f"c.{suffix}"))  # edited, but nobody says how
    assert (strip.source_type, strip.manifest, strip.actions) == (AI_EDITED, "valid", ("c2pa.opened", "c2pa.edited"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_change_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = save_image(scene(), tmp_path / f"a.{suffix}", state=STATE)
    content = path.read_bytes()
    last = bytearray(content)
    last[content.rfind(b"IDAT") + 40 if suffix == "png" else len(content) - 40] ^= 1
    edits = content.replace(b"smiling", b"smilinG")  # another edit in the signed list
    mark = content.replace(b"compositeWithTrainedAlgorithmicMedia'", b"compositeWithTrainedAlgorithmicMedIa'")
    mark = mark.replace(
        b'compositeWithTrainedAlgorithmicMedia"', b'compositeWithTrainedAlgorithmicMedIa"'
    )  # in the XMP
    for changed in (bytes(last), edits, mark):
        assert changed != content
        path.write_bytes(with_checksums(changed) if suffix == "png" else changed)
        report = inspect(path)
        assert report.manifest == "changed" and report.problems
        assert "DO NOT RELY ON IT" in report.text and "has not been changed" not in report.text
    path.write_bytes(content)
    assert inspect(path).manifest == "valid"


def test_saving_anew_elsewhere_drops_the_manifest_and_inspect_says_so(tmp_path: Path) -> None:
    path = save_image(scene(), tmp_path / "a.png", state=STATE)
    with Image.open(path) as picture:
        picture.save(tmp_path / "b.png")
    assert inspect(tmp_path / "b.png").manifest == "none"
    assert "carries no C2PA manifest" in inspect(tmp_path / "b.png").text


def test_every_attribute_can_be_listed() -> None:
    for value, strength in [*((value, 1.0) for value in VALUES), (VALUES[0], 0.25), (VALUES[0], 2.0)]:
        content = encode_image(scene(), "a.png", state=EditState.of(value).with_strength(value, strength)).content
        whole = read_with_c2pa(content, "image/png")
        actions = whole["manifests"][whole["active_manifest"]]["assertions"][0]["data"]["actions"]
        told = {"i2edit.slot": SLOT_OF[value], "i2edit.value": value, "i2edit.strength": strength}
        assert actions[1]["parameters"] == told and actions[1]["description"] == f"{SLOT_OF[value]}: {value}"


def test_nothing_personal_is_in_the_manifest(tmp_path: Path) -> None:
    """Neither the photo's name nor anything of its metadata; and no picture of it in small."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Author", "SecretName")
    (tmp_path / "SecretFile.png").write_bytes(b"")
    scene().save(tmp_path / "SecretFile.png", pnginfo=chunks)
    photo = open_photo(tmp_path / "SecretFile.png")
    for suffix in SUFFIXES:
        content = save_image(photo.image, tmp_path / f"out.{suffix}", state=STATE).read_bytes()
        assert b"Secret" not in content and content.count(b"JFIF") <= (suffix == "jpg")
        assert os.fsencode(os.uname().nodename) not in content and b"root@" not in content
    told = json.dumps(manifest(STATE, False))
    assert "thumbnail" not in told and "hash" not in told


# ------------------------------------------------------------------------------------------------ nothing is fetched


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A web server here → its address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    served = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", asked
    served.shutdown()
    thread.join()
    served.server_close()


def test_a_manifest_elsewhere_is_not_fetched(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    plain = io.BytesIO()
    scene().save(plain, "PNG")
    who, signed = signature(), io.BytesIO()
    info = c2pa.C2paSignerInfo(who.algorithm, who.chain, who.key, None)
    offline = {"verify": {"remote_manifest_fetch": False, "verify_after_sign": False}}
    with (
        c2pa.Context(c2pa.Settings.from_dict(offline), c2pa.Signer.from_info(info)) as context,
        c2pa.Builder(json.dumps(manifest(STATE, False)), context) as builder,
    ):
        builder.set_no_embed()
        builder.set_remote_url(f"{address}/manifest.c2pa")
        builder.sign("image/png", io.BytesIO(plain.getvalue()), signed)
    path = tmp_path / "a.png"
    path.write_bytes(signed.getvalue())
    report = inspect(path)
    assert report.manifest == "elsewhere" and "nothing was fetched" in report.text and asked == []
    with pytest.raises(c2pa.C2paError):  # the library by itself does fetch: the test would notice
        read_with_c2pa(path.read_bytes(), "image/png", verify={"remote_manifest_fetch": True})
    assert asked == ["/manifest.c2pa"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs strace")
def test_no_socket_is_opened_for_signing_or_reading(tmp_path: Path, data: Path) -> None:
    """The system's own record of all calls: the library is native code, which Python cannot watch."""
    try:
        subprocess.run(["strace", "-o", "/dev/null", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("strace cannot be used here")
    code = (
        "import sys; from PIL import Image; from i2edit.images import save_image\n"
        "from i2edit.provenance import inspect; from i2edit.ontology import EditState\n"
        "for suffix in ('png', 'jpg', 'webp'):\n"
        "    path = save_image(Image.new('RGB', (64, 64)), sys.argv[1] + '/a.' + suffix, state=EditState.of('bangs'))\n"
        "    assert inspect(path).manifest == 'valid'\n"
    )
    log = tmp_path / "calls"
    watched = ["strace", "-f", "-e", "trace=network,openat", "-o", log, sys.executable, "-c", code, tmp_path]
    subprocess.run(watched, check=True, capture_output=True, timeout=120)
    calls = log.read_text(errors="replace").splitlines()
    assert any("libc2pa" in call and "openat" in call for call in calls)
    assert [call for call in calls if "AF_INET" in call or "connect(" in call] == []


# ------------------------------------------------------------------------------------------------ who signs


def test_an_own_certificate_is_made_once_and_kept_to_oneself(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "i2edit"):
        save_image(scene(), tmp_path / "a.png", state=STATE)
        save_image(scene(), tmp_path / "b.png", state=STATE)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1 and "not who made it" in said[0] and str(data) in said[0]
    file = data / "signing" / "own.pem"
    assert [path.name for path in file.parent.iterdir()] == ["own.pem"]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    names = {inspect(tmp_path / name).signer for name in ("a.png", "b.png")}
    assert len(names) == 1 and names.pop().startswith("i2edit, made on this machine")
    assert "this installation's own certificate, which proves no name" in inspect(tmp_path / "a.png").text
    file.unlink()  # as another installation
    assert "another i2edit installation's own certificate" in inspect(tmp_path / "a.png").text


def test_the_own_chain_is_a_proper_one(data: Path, tmp_path: Path) -> None:
    """By OpenSSL, and by the library when it is told to trust the root."""
    first, root = x509.load_pem_x509_certificates(signature().chain)
    for name, certificate in (("leaf.pem", first), ("root.pem", root)):
        (tmp_path / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "smimesign", "-CAfile", tmp_path / "root.pem"]
    done = subprocess.run([*command, tmp_path / "leaf.pem"], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": OK"), done.stderr
    content = encode_image(scene(), "a.jpg", state=STATE).content
    anchors = {"trust_anchors": (tmp_path / "root.pem").read_text()}
    trusting = read_with_c2pa(content, "image/jpeg", verify={"verify_trust": True, "ocsp_fetch": False}, trust=anchors)
    assert trusting["validation_state"] == "Trusted"
    without = read_with_c2pa(content, "image/jpeg", verify={"verify_trust": True, "ocsp_fetch": False})
    assert without["validation_state"] == "Valid"


def test_a_certificate_in_its_last_month_is_replaced(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "YEARS", 29 / 365)
    old = signature().certificate.serial_number
    monkeypatch.undo()
    monkeypatch.setenv("I2EDIT_DATA", str(data))
    new = signature().certificate
    assert new.serial_number != old and signature().certificate.serial_number == new.serial_number


def own_certificate(folder: Path, kind: str) -> tuple[Path, Path]:
    """A chain and a key made by OpenSSL, as somebody brings them."""
    algorithm = {
        "es256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "es384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "ed25519": ["-algorithm", "ED25519"],
        "ps256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    }[kind]

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    openssl("genpkey", *algorithm, "-out", "key.pem")
    openssl("genpkey", *algorithm, "-out", "root.key")
    subject = "/O=A Newspaper/CN="
    openssl("req", "-x509", "-new", "-key", "root.key", "-subj", f"{subject}root", "-days", "9", "-out", "root.pem",
            "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    openssl("req", "-new", "-key", "key.pem", "-subj", f"{subject}desk", "-out", "leaf.csr")
    (folder / "extensions").write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "8",
            "-extfile", "extensions", "-out", "leaf.pem")  # fmt: skip
    chain = folder / "chain.pem"
    chain.write_bytes((folder / "leaf.pem").read_bytes() + (folder / "root.pem").read_bytes())
    return chain, folder / "key.pem"


@pytest.mark.parametrize("kind", ["es256", "es384", "ed25519", "ps256"])
def test_a_certificate_of_ones_own(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    chain, key = own_certificate(tmp_path, kind)
    monkeypatch.setenv("I2EDIT_C2PA_CERT", str(chain))
    monkeypatch.setenv("I2EDIT_C2PA_KEY", str(key))
    assert signature().algorithm == kind
    report = inspect(save_image(scene(), tmp_path / "a.webp", state=STATE))
    assert report.manifest == "valid" and not report.own and report.signer == "A Newspaper, desk"
    assert "not checked against a list of trusted names" in report.text
    assert not (data / "signing").exists()


# ------------------------------------------------------------------------------------------------ what goes wrong


def told(caplog: pytest.LogCaptureFixture, path: Path) -> str:
    """The note with which a picture was saved unsigned; the picture is whole, and still marked in its XMP."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, "i2edit"):
        save_image(scene(), path, state=STATE)
    (sentence,) = [record.getMessage() for record in caplog.records]
    assert sentence.startswith("The picture was saved without a C2PA manifest: ") and sentence.endswith(".")
    report = inspect(path)
    assert report.manifest == "none" and report.source_type == AI_EDITED
    assert open_photo(path).image.tobytes() == scene().tobytes()
    return sentence


def test_signing_that_fails_does_not_lose_the_picture(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, missing = tmp_path / "a.png", tmp_path / "missing.pem"
    monkeypatch.setenv("I2EDIT_C2PA_CERT", str(missing))
    assert "takes both" in told(caplog, path)
    monkeypatch.setenv("I2EDIT_C2PA_KEY", str(missing))
    assert "missing.pem cannot be read" in told(caplog, path)
    missing.write_text("no certificate")
    assert "is not a PEM file" in told(caplog, path)
    chain, key = own_certificate(tmp_path, "es256")
    monkeypatch.setenv("I2EDIT_C2PA_CERT", str(chain))
    assert "not a PEM private key" in told(caplog, path)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("I2EDIT_C2PA_KEY", str(own_certificate(other, "es256")[1]))
    assert told(caplog, path)  # a key that does not belong to the certificate
    monkeypatch.setenv("I2EDIT_C2PA_KEY", str(key))
    monkeypatch.setenv("I2EDIT_C2PA_CERT", str(tmp_path / "root.pem"))  # not meant for signing
    assert told(caplog, path)
    monkeypatch.delenv("I2EDIT_C2PA_CERT")
    monkeypatch.delenv("I2EDIT_C2PA_KEY")
    (data / "signing").mkdir(parents=True)
    (data / "signing" / "own.pem").write_text("damaged")
    assert "own.pem is damaged" in told(caplog, path)
    (data / "signing" / "own.pem").unlink()
    (data / "signing").rmdir()
    (data / "signing").write_text("a file in the way")
    assert "cannot be used" in told(caplog, path)


def test_without_the_library_pictures_are_saved_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    encoded = encode_image(scene(), "a.jpg", state=STATE)
    (sentence,) = encoded.notes
    assert "c2pa-python cannot be used here" in sentence and b"compositeWithTrained" in encoded.content
    (tmp_path / "a.jpg").write_bytes(encoded.content)
    with pytest.raises(SigningError, match="c2pa-python"):
        inspect(tmp_path / "a.jpg")
    assert encode_image(scene(), "a.jpg", state=EditState()).notes == ()


def test_other_files_are_read_or_refused(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.gif")
    scene().save(tmp_path / "a.bmp")
    for name in ("a.gif", "a.bmp"):
        assert inspect(tmp_path / name) == Report(tmp_path / name, None, "none")
    (tmp_path / "text.png").write_text("hello")
    for name in ("text.png", "missing.png", "."):
        with pytest.raises(PhotoError):
            inspect(tmp_path / name)
    content = bytearray(save_image(scene(), tmp_path / "b.png", state=STATE).read_bytes())
    place = content.find(b"caBX")
    content[place + 12 : place + 400] = bytes(388)
    (tmp_path / "b.png").write_bytes(with_checksums(bytes(content)))
    report = inspect(tmp_path / "b.png")
    assert report.manifest == "unreadable" and "cannot be read" in report.text and report.source_type == AI_EDITED


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_mutilated_manifests_end_in_a_report(tmp_path: Path, suffix: str) -> None:
    path = save_image(scene(), tmp_path / f"a.{suffix}", state=STATE)
    content, dice, states = path.read_bytes(), np.random.default_rng(1), set()
    start = content.find(b"c2pa")
    for _ in range(60):
        bad = bytearray(content)
        for place in dice.integers(start, min(start + 3000, len(bad) - 40), dice.integers(1, 6)):
            bad[place] = dice.integers(256)
        path.write_bytes(with_checksums(bytes(bad)) if suffix == "png" else bad)
        report = inspect(path)
        states.add(report.manifest)
        assert report.text and json.dumps(report.to_json())
    assert states <= {"unreadable", "changed", "none", "valid"} and states & {"unreadable", "changed"}


# ------------------------------------------------------------------------------------------------ EXIF


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_place_and_device_only_when_asked_for(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SomeCamera", 6
    exif.get_ifd(0x8769).update({0x9003: "2026:01:02 03:04:05", 0x927C: b"MakerSecret"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    scene().save(tmp_path / "in.jpg", exif=exif)
    photo = open_photo(tmp_path / "in.jpg")
    assert photo.image.size == (72, 96)  # turned upright
    kept = read_exif(tmp_path / "in.jpg")
    assert kept == read_exif("in.jpg", (tmp_path / "in.jpg").read_bytes())
    without = save_image(photo.image, tmp_path / f"a.{suffix}", state=STATE)
    assert b"SomeCamera" not in without.read_bytes()
    path = save_image(photo.image, tmp_path / f"b.{suffix}", state=STATE, exif=kept)
    with Image.open(path) as result:
        found = result.getexif()
        assert found[0x010F] == "SomeCamera" and 0x0112 not in found
        assert found.get_ifd(0x8825)[2] == (48.0, 8.0, 0.0)
        assert found.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05" and 0x927C not in found.get_ifd(0x8769)
    assert open_photo(path).image.size == (72, 96) and inspect(path).manifest == "valid"


def test_photos_without_exif_or_with_nonsense_in_it(tmp_path: Path) -> None:
    scene().save(tmp_path / "plain.jpg")
    assert read_exif(tmp_path / "plain.jpg") is None
    scene().save(tmp_path / "odd.jpg", exif=b"Exif\0\0" + bytes(range(200)))
    assert read_exif(tmp_path / "odd.jpg") is None
    exif = Image.Exif()
    exif[0x0112] = 3
    scene().save(tmp_path / "turned.jpg", exif=exif)
    assert read_exif(tmp_path / "turned.jpg") is None
    with pytest.raises(PhotoError):
        read_exif(tmp_path / "missing.jpg")


def test_signing_errors_are_output_errors() -> None:
    assert issubclass(SigningError, OutputError)
