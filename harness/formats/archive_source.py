"""Open an archive of landscapes, in a folder or at a plain URL, and read its list of files, SHA256SUMS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, url2pathname, urlopen

from harness.errors import UserError
from harness.formats.archive import CHECKSUMS
from harness.formats.values import shown
from harness.system.atomic import reason
from harness.system.near import expected_name
from harness.system.text import one_line

SCHEMES = ("http", "https", "file")
TIMEOUT_S = 30.0
"""The longest wait for a server's next bytes, in s."""
MAX_LIST = 1 << 24
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class Unreached(Exception):
    """The source failed while a file was being read; a failure of the local disk is an OSError."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of files of an archive.

    Attributes:
        source: the archive's folder, or its URL without the query.
        files: digests and relative paths.
        text: the content of SHA256SUMS.
        opened: opens a file of the archive by its relative path.
    """

    source: str
    files: tuple[tuple[str, str], ...]
    text: bytes
    opened: Callable[[str], IO[bytes]]


def read_list(given: str) -> Listed:
    """Read the list of the archive at a URL or in a folder.

    Raises:
        UserError: there is no list, it cannot be reached, or one of its lines is damaged or leads out of the folder.
    """
    source, opened = _source(given)
    with reached(source, CHECKSUMS):
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


@contextmanager
def reached(source: str, path: str) -> Iterator[None]:
    """Turn errors of the network into one line.

    Raises:
        UserError: instead of them.
    """
    try:
        yield
    except Unreached as error:
        said = str(error)
    except (HTTPException, OSError) as error:
        said = said_of(error)
    else:
        return
    raise UserError(f"{source}: {path} cannot be read ({said}): expected an archive; the same command resumes")


def said_of(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    return one_line(reason(cause) if isinstance(cause, OSError) else cause or type(cause).__name__, 200)


def _source(given: str) -> tuple[str, Callable[[str], IO[bytes]]]:
    """Return the source's name in messages, and a function that opens one of its files.

    Raises:
        UserError: the address is not supported.
    """
    scheme = _ADDRESS.match(given)
    if scheme is None:
        return _folder(Path(given))
    name = scheme.group(1).lower()
    if name not in SCHEMES:
        expected = expected_name(name, SCHEMES)
        raise UserError(f"{one_line(given, 200)}: unsupported address {name}: expected {expected}")
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
    return f"{source}: no archive here ({CHECKSUMS}: {why}): expected the output of `nearopt landscapes archive`"


def _files(source: str, text: bytes) -> Iterator[tuple[str, str]]:
    """Yield digests and relative paths.

    Raises:
        UserError: a line is damaged, or its path leads out of the folder.
    """
    try:
        lines: Sequence[str] = text.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{source}: {CHECKSUMS} is not text: expected a digest and a path on each line") from None
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
