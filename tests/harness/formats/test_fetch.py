"""Archives are fetched from a folder and from a web server; damaged files are refused, none is left incomplete."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.formats import fetch as module
from harness.formats.archive import CARD, CHECKSUMS, OWN, write_archive
from harness.formats.archive_source import read_list
from harness.formats.fetch import fetch
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

pytestmark = pytest.mark.usefixtures("undrawn")
__all__ = ["nearopt"]
NAME = "toy-8x8-bf16__toy"
FILES = 5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_archive([write_toy(folder)], folder / "archive", lambda _: None)
    return folder / "archive"


@pytest.fixture
def archive(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "archive")


@dataclass
class Server:
    """The requested paths, and the paths that fail: with a status, or ``cut`` after half of the bytes."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    breaks: dict[str, int | str] = field(default_factory=dict)


@pytest.fixture
def server(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    state = Server()

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix("/")
            state.asked.append(self.path)
            broken = state.breaks.get(path)
            if isinstance(broken, int):
                self.send_error(broken)
            elif broken == "cut":
                data = (archive / path).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            else:
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(archive))) as running:
        state.url = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield state
        running.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["folder", "list", "file", "http", "slash"])
def test_all_of_it_comes_checked_and_once(
    nearopt: Nearopt, archive: Path, server: Server, tmp_path: Path, kind: str
) -> None:
    source = {
        "folder": str(archive), "list": str(archive / CHECKSUMS), "file": archive.as_uri(), "http": server.url,
        "slash": f"{server.url}/?token=a",
    }[kind]  # fmt: skip
    code, said, err = nearopt("fetch", source, "-o", "here")
    assert (code, err) == (0, ""), err
    assert said.startswith(f"here: {FILES} fetched (0.")
    assert said.endswith(f"0 there already, 0 failed of {FILES} files; 1 landscapes in here/{OWN}\n")
    assert contents(tmp_path / "here") == contents(archive)
    before = len(server.asked)
    code, said, _ = nearopt("fetch", source, "-o", "here")
    assert code == 0 and f"0 fetched (0.0 MB), {FILES} there already" in said
    assert [path.partition("?")[0] for path in server.asked[before:]] == [f"/{CHECKSUMS}"] * (kind in ("http", "slash"))
    assert all(path.endswith("?token=a") for path in server.asked) or kind != "slash"


@pytest.mark.slow
def test_what_was_fetched_is_replayed(nearopt: Nearopt, archive: Path, tmp_path: Path) -> None:
    assert nearopt("fetch", archive, "-o", "here")[0] == 0
    found = tmp_path / f"here/{OWN}/{NAME}.parquet"
    assert nearopt("run", f"backend.landscape={found}", "budget.evaluations=3")[0] == 0


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (404, "HTTP 404 Not Found"),
        (500, "HTTP 500 "),
        ("cut", "bytes have SHA-256 "),
    ],
)
def test_a_file_that_is_wrong_does_not_stop_the_others(
    nearopt: Nearopt, archive: Path, server: Server, tmp_path: Path, broken: int | str, words: str
) -> None:
    server.breaks[f"cache/{NAME}.json"] = broken
    code, said, err = nearopt("fetch", server.url, "-o", "here")
    assert (code, err.count("\n")) == (2, 1) and f"{server.url}: cache/{NAME}.json: " in err and words in err, err
    assert f"{FILES - 1} fetched" in said and f"1 failed of {FILES} files" in said
    wanted = {path: data for path, data in contents(archive).items() if not path.startswith(("cache", CHECKSUMS))}
    assert contents(tmp_path / "here") == wanted  # nothing half, and no list that would call it complete
    server.breaks.clear()
    asked = len(server.asked)
    code, said, _ = nearopt("fetch", server.url, "-o", "here")
    assert code == 0 and said.startswith("here: 1 fetched (") and f", {FILES - 1} there already" in said
    assert server.asked[asked:] == [f"/{CHECKSUMS}", f"/cache/{NAME}.json"]
    assert contents(tmp_path / "here") == contents(archive)


def test_a_wrong_checksum_is_a_line_that_says_both(archive: Path, tmp_path: Path) -> None:
    (archive / CARD).write_text("another card")
    found = fetch(read_list(str(archive)), tmp_path / "here", lambda _: None)
    assert found.faults == [
        next(f for f in found.faults if f.startswith(f"{archive}: {CARD}: its 12 bytes have SHA-256 "))
    ]
    assert "…: expected " in found.faults[0] and not (tmp_path / "here" / CARD).exists()


def test_what_is_there_and_differs_is_nobodys_to_replace(nearopt: Nearopt, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / CARD).write_text("my notes")
    code, said, err = nearopt("fetch", archive, "-o", "here")
    assert (code, said) == (
        2,
        "",
    ) and f"here/{CARD} differs from the archive's file; nothing was fetched: expected" in err
    assert contents(tmp_path / "here") == {CARD: b"my notes"}
    code, _, err = nearopt("fetch", archive, "-o", tmp_path / "here" / CARD)
    assert code == 2 and "exists and is not a folder" in err


def test_ctrl_c_leaves_whole_files_and_says_how_far(
    nearopt: Nearopt, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = module._chunk
    chunks = iter([b"half"])

    def interrupted(stream: Any) -> bytes:
        if not (tmp_path / f"here/t4/{NAME}_T4.json.gz").exists():
            return read(stream)
        if (half := next(chunks, None)) is not None:
            return half
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_chunk", interrupted)
    code, said, err = nearopt("fetch", archive, "-o", "here")
    assert (code, said) == (130, "")
    assert f"interrupted (2 of {FILES} files are in here); the same command resumes" in err
    assert set(contents(tmp_path / "here")) == {f"{OWN}/{NAME}.parquet", f"t4/{NAME}_T4.json.gz"}
    monkeypatch.setattr(module, "_chunk", read)
    assert "3 fetched" in nearopt("fetch", archive, "-o", "here")[1]


def test_a_full_disk_is_one_line_and_no_half_file(
    nearopt: Nearopt, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "here"))

    monkeypatch.setattr(module.hashlib, "sha256", full)  # between opening the file and its first byte
    code, said, err = nearopt("fetch", archive, "-o", "here")
    assert (code, said, err.count("\n")) == (2, "", 1) and "cannot be written (No space left on device)" in err, err
    assert contents(tmp_path / "here") == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nothing", "line 1: 'nothing': expected a SHA-256 digest and a path"),
        (f"{'0' * 64}  /etc/passwd", "'/etc/passwd': expected a path inside the archive"),
        (f"{'0' * 64}  a/../../b", "expected a path inside the archive"),
        (f"{'0' * 64}  a\\b", "expected a path inside the archive"),
        (f"{'0' * 64}  {CHECKSUMS}", "expected a path inside the archive"),
        (f"{'0' * 64}  a\x1b[2J", "expected a path inside the archive"),
        (f"{'0' * 64}  a\n{'1' * 64}  a", "line 2: 'a' is listed twice"),
        ("", "lists no file: expected an archive"),
        ("\udcff", "is not text"),
    ],
)
def test_a_list_that_is_wrong_is_refused_before_anything_is_written(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / CHECKSUMS).write_bytes(line.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError) as caught:
        read_list(str(tmp_path / "odd"))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_archive_is_one_line(server: Server, tmp_path: Path) -> None:
    server.breaks[CHECKSUMS] = 404
    for source, words in (
        (
            server.url,
            f"no archive here ({CHECKSUMS}: HTTP 404 Not Found): expected the output of `nearopt",
        ),
        (str(tmp_path), f"no archive here ({CHECKSUMS}: no such file)"),
        ("http://127.0.0.1:9/x", "SHA256SUMS cannot be read (Connection refused): expected an archive"),
        ("ftp://a/b", "unsupported address ftp: expected one of http, https, file"),
        ("http:///x", "no address: expected http://HOST/FOLDER"),
        ("http://[x", "no address ("),
    ):
        with pytest.raises(UserError) as caught:
            read_list(source)
        assert words in str(caught.value) and "\n" not in str(caught.value), caught.value
