"""An archive of landscapes from a folder or a plain URL: every file is checked against SHA256SUMS, or is not there.

What is there and right is not fetched again, so that the same command resumes. A file that is there and differs is
nobody's to replace: it is named before anything is fetched. Each file appears whole, under its checksum, and SHA256SUMS
last of all: a folder that has it is complete.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, url2pathname, urlopen

from harness.errors import UserError
from harness.formats.archive import CHECKSUMS
from harness.formats.values import shown
from harness.system.atomic import reason, replacing, writing
from harness.system.near import expected_name
from harness.system.text import one_line

SCHEMES = ("http", "https", "file")
TIMEOUT_S = 30.0
"""Without a byte."""
CHUNK = 1 << 18
MAX_LIST = 1 << 24
MAX_FILE = 1 << 33
"""Bytes: a server that never ends must not fill the disk."""
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class _Wrong(Exception):
    """One file that is not what the list says; the others may be."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An archive's list of files.

    Attributes:
        source: where it is: a folder, or a URL without its query.
        files: digests and relative paths.
        text: SHA256SUMS as it is.
        opened: opens a file of the archive by its relative path.
    """

    source: str
    files: tuple[tuple[str, str], ...]
    text: bytes
    opened: Callable[[str], IO[bytes]]


@dataclass
class Fetched:
    """What became of the files.

    Attributes:
        fetched, there: relative paths of those that came now, and that were there.
        size: bytes that came now.
        faults: why a file did not come.
    """

    fetched: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    size: int = 0
    faults: list[str] = field(default_factory=list)


def read_list(given: str) -> Listed:
    """The list of the archive at a URL or in a folder.

    Raises:
        UserError: there is none, it cannot be reached, or a line of it is damaged or leads out of the folder.
    """
    source, opened = _source(given)
    with _reached(source, CHECKSUMS):
        try:
            with closing(opened(CHECKSUMS)) as stream:
                text = stream.read(MAX_LIST + 1)
        except HTTPError as error:
            with closing(error):
                raise UserError(_no_archive(source, f"HTTP {error.code} {error.reason}")) from None
        except FileNotFoundError:
            raise UserError(_no_archive(source, "no such file")) from None
    if len(text) > MAX_LIST:
        raise UserError(f"{source}: {CHECKSUMS} has more than {MAX_LIST >> 20} MiB: expected an archive's list")
    return Listed(source, tuple(_files(source, text)), text, opened)


def fetch(listed: Listed, out: Path, told: Callable[[str], None]) -> Fetched:
    """Bring the files of an archive into the folder ``out``.

    Args:
        told: called with each file's path when it is there.

    Raises:
        UserError: a file in ``out`` differs from the archive's, the source cannot be reached any more, or a file cannot
            be written. What came until then stays, whole.
    """
    found = Fetched()
    missing = _missing(listed, out, found, told)
    for digest, path in missing:
        try:
            with _reached(listed.source, path):
                found.size += _take(listed, path, digest, out / path)
        except _Wrong as wrong:
            found.faults.append(f"{listed.source}: {path}: {wrong}")
            continue
        found.fetched.append(path)
        told(path)
    if not found.faults:
        with writing(out / CHECKSUMS), replacing(out / CHECKSUMS) as written:
            written.write_bytes(listed.text)
    return found


def _missing(listed: Listed, out: Path, found: Fetched, told: Callable[[str], None]) -> list[tuple[str, str]]:
    """The files that are not there yet.

    Raises:
        UserError: others are there, and differ.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"-o {out}: exists and is no folder: expected one for the archive")
    missing, other = [], []
    for digest, path in listed.files:
        target = out / path
        if not target.exists():
            missing.append((digest, path))
        elif target.is_file() and _digest_of(target) == digest:
            found.there.append(path)
            told(path)
        else:
            other.append(str(target))
    if other:
        more = f" and {len(other) - 1} more differ" if len(other) > 1 else " differs"
        raise UserError(
            f"{other[0]}{more} from the archive's: nothing was fetched: expected another -o, or it moved away"
        )
    return missing


def _digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _take(listed: Listed, path: str, digest: str, target: Path) -> int:
    """Bring one file, and its size in bytes.

    Raises:
        _Wrong: it is not there, or is not what the list says.
    """
    try:
        stream = listed.opened(path)
    except HTTPError as error:
        with closing(error):
            raise _Wrong(f"HTTP {error.code} {error.reason}") from None
    except FileNotFoundError:
        raise _Wrong("no such file") from None
    with closing(stream), writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as written, written.open("wb") as file:
            sha256, size = hashlib.sha256(), 0
            while chunk := _chunk(stream):
                size += len(chunk)
                sha256.update(chunk)
                if size > MAX_FILE:
                    raise _Wrong(f"more than {MAX_FILE >> 30} GiB")
                file.write(chunk)
            if sha256.hexdigest() != digest:
                raise _Wrong(f"its {size} bytes have SHA-256 {sha256.hexdigest()[:12]}…: expected {digest[:12]}…")
    return size


class _Unreached(Exception):
    """The source failed in the middle of a file; told apart from a disk that does."""


def _chunk(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise _Unreached(_said(error)) from None


@contextmanager
def _reached(source: str, path: str) -> Iterator[None]:
    """Turn the network's errors into one line.

    Raises:
        UserError: instead of them.
    """
    try:
        yield
    except _Unreached as error:
        said = str(error)
    except (HTTPException, OSError) as error:
        said = _said(error)
    else:
        return
    raise UserError(f"{source}: {path} cannot be read ({said}): expected an archive; the same command resumes")


def _said(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    return one_line(reason(cause) if isinstance(cause, OSError) else cause or type(cause).__name__, 200)


def _source(given: str) -> tuple[str, Callable[[str], IO[bytes]]]:
    """How a source is called in messages, and what opens a file of it.

    Raises:
        UserError: an address of another kind.
    """
    scheme = _ADDRESS.match(given)
    if scheme is None:
        return _folder(Path(given))
    name = scheme.group(1).lower()
    if name not in SCHEMES:
        expected = expected_name(name, SCHEMES)
        raise UserError(f"{one_line(given, 200)}: {name} is no kind of address that is fetched: expected {expected}")
    try:
        parts = urlsplit(given)
        host = parts.hostname
    except ValueError as error:
        raise UserError(f"{one_line(given, 200)}: no address ({error}): expected http://HOST/FOLDER") from None
    if name == "file":
        return _folder(Path(url2pathname(parts.path)))
    if not host:
        raise UserError(f"{one_line(given, 200)}: no address: expected {name}://HOST/FOLDER")
    base = parts.path.removesuffix(CHECKSUMS).rstrip("/")

    def opened(path: str) -> IO[bytes]:
        address = urlunsplit(parts._replace(path=f"{base}/{quote(path)}", fragment=""))
        stream: IO[bytes] = urlopen(Request(address, headers={"User-Agent": "nearopt"}), timeout=TIMEOUT_S)
        return stream

    return urlunsplit(parts._replace(path=base, query="", fragment="")), opened


def _folder(folder: Path) -> tuple[str, Callable[[str], IO[bytes]]]:
    base = folder.parent if folder.name == CHECKSUMS else folder
    return str(base), lambda path: (base / path).open("rb")


def _no_archive(source: str, why: str) -> str:
    return f"{source}: no archive here ({CHECKSUMS}: {why}): expected what `nearopt landscapes archive` wrote"


def _files(source: str, text: bytes) -> Iterator[tuple[str, str]]:
    """Digests and paths.

    Raises:
        UserError: a line is damaged, or its path leads out of the folder.
    """
    try:
        lines: Sequence[str] = text.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{source}: {CHECKSUMS} is no text: expected a digest and a path a line") from None
    seen: set[str] = set()
    for i, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise UserError(f"{source}: {CHECKSUMS}: line {i}: {shown(line)}: expected a SHA-256 digest and a path")
        digest, path = found.groups()
        if not _is_inside(path):
            raise UserError(f"{source}: {CHECKSUMS}: line {i}: {shown(path)}: expected a path inside the archive")
        if path in seen:
            raise UserError(f"{source}: {CHECKSUMS}: line {i}: {shown(path)} is listed twice: expected it once")
        seen.add(path)
        yield digest, path
    if not seen:
        raise UserError(f"{source}: {CHECKSUMS} lists no file: expected an archive")


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    plain = path.isprintable() and "\\" not in path and str(pure) == path
    return plain and not pure.is_absolute() and ".." not in pure.parts and path != CHECKSUMS
