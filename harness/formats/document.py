"""Read a JSON file of another tool, plain or gzipped and of limited size; a truncated cache gives what it still has."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from harness.errors import UserError
from harness.system.text import one_line

MAX_BYTES = 1 << 29
"""The most bytes of unpacked JSON text: a small gzip file may unpack to more than any machine's memory."""
MAX_RATIO = 100
"""The largest ratio of unpacked to packed bytes above :data:`FREE_BYTES`; for recordings it is 10 to 40."""
FREE_BYTES = 1 << 24
MAX_VALUES = 60_000_000
"""The most commas, including those in strings: a number takes 32 bytes of memory."""
MAX_CONTAINERS = 5_000_000
"""The most objects and lists. Three bytes of text make one, which takes up to 250 bytes of memory."""
MAX_UNFINISHED = 1 << 20
"""The most characters of the incomplete record at the end of a truncated cache."""
WHITESPACE = " \t\r\n"


class Repeating(dict[str, Any]):
    """An object whose text lists a name twice with different values; it keeps the last of them."""

    repeated = ""


def check_distinct(where: str, given: Any) -> None:
    """Refuse an object that lists a name twice with different values.

    Raises:
        UserError: ``given`` is such an object; the message states the name.
    """
    if isinstance(given, Repeating):
        raise UserError(f"{where}: {given.repeated!r} is listed twice, with different values: expected one of them")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    first: dict[str, Any] = {}
    for name, value in pairs:
        if repr(first.setdefault(name, value)) != repr(value):  # 1 is not true
            repeating = Repeating(found)
            repeating.repeated = one_line(name, 80)
            return repeating
    return found


@dataclass(frozen=True)
class Document:
    """A file's JSON object, and whether the file was complete."""

    path: Path
    content: dict[str, Any]
    complete: bool = True


def read_document(path: Path) -> Document:
    """Read the object in a JSON file. A cache that was truncated while it was written gives its complete records.

    Raises:
        UserError: the file cannot be read, is damaged or too large; the message names the file and the reason.
    """
    data = read_bytes(path)
    if data.count(b"[") + data.count(b"{") > MAX_CONTAINERS:
        raise UserError(f"{path}: more than {MAX_CONTAINERS} objects and lists: expected a smaller recording")
    if data.count(b",") > MAX_VALUES:
        raise UserError(f"{path}: more than {MAX_VALUES} values: expected a smaller recording")
    try:
        text = data.decode(json.detect_encoding(data), "surrogatepass")
        del data
        content = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        try:
            salvaged = None if isinstance(error, UnicodeError) else _cut_off_cache(text)
        except (ValueError, IndexError, RecursionError):
            salvaged = None
        if salvaged is None:
            raise UserError(f"{path}: not a complete JSON file ({_line(error)})") from None
        return Document(path, salvaged, complete=False)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected an object: a Kernel Tuner cache, T4 results or a T1 description")
    check_distinct(str(path), content)
    return Document(path, content)


def _line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return one_line(error, 120) or type(error).__name__


def read_bytes(path: Path, expected: str = "a JSON file") -> bytes:
    """Return the bytes of a file, unpacked if it is gzipped.

    Args:
        expected: what the caller expected, for messages.

    Raises:
        UserError: the file cannot be read, is damaged, or is too large.
    """
    with _opened(path, expected) as (file, packed):
        limit = min(MAX_BYTES, FREE_BYTES + MAX_RATIO * path.stat().st_size) if packed else MAX_BYTES
        data = file.read(limit + 1)
    if len(data) > limit:
        bomb = f" in a packed file of {path.stat().st_size >> 10} KiB" if limit < MAX_BYTES else ""
        raise UserError(f"{path}: more than {limit >> 20} MiB of text{bomb}: expected a smaller recording")
    return data


def read_head(path: Path, size: int) -> bytes:
    """Return the first ``size`` bytes of a file, unpacked if it is gzipped; fewer if a packed file is truncated.

    Raises:
        UserError: the file cannot be read.
    """
    with _opened(path, "a recording") as (file, _):
        return file.read(size)


@contextmanager
def _opened(path: Path, expected: str) -> Iterator[tuple[IO[bytes], bool]]:
    """Open a file, which is unpacked if it is gzipped, and tell whether it is.

    Raises:
        UserError: the file cannot be read or is damaged, also if that shows only inside the ``with`` block.
    """
    try:
        if not path.is_file():
            raise (
                IsADirectoryError(None, "not a regular file") if path.exists() else FileNotFoundError(2, "no such file")
            )
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb") as file:
            yield file, packed
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: not a complete gzip file ({_line(error)})") from None
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        reason = getattr(error, "strerror", None) or _line(error)
        raise UserError(f"{path}: cannot be read ({reason}): expected {expected}") from None


def _cut_off_cache(text: str) -> dict[str, Any] | None:
    """Return the complete records of a truncated cache; ``None`` if the text is damaged in any other way.

    Kernel Tuner appends one record at a time, and writes the file's two closing braces at the end of the session.
    """
    decode = json.JSONDecoder(object_pairs_hook=_object).raw_decode
    content: dict[str, Any] = {}
    at = _after(text, 0, "{")
    while True:
        key, at = decode(text, at)
        at = _after(text, at, ":")
        if key == "cache":
            break
        content[key], at = decode(text, at)
        at = _after(text, at, ",")
    content["cache"] = records = {}
    at = _after(text, at, "{")
    while at < len(text):
        if text[at] == "}":
            return content if text[at + 1 :].strip(WHITESPACE) == "" else None
        start = at
        try:
            key, at = decode(text, start)
            record, at = decode(text, _after(text, at, ":"))
            at = _skip(text, at)
            if at < len(text) and text[at] != "}":
                at = _after(text, at, ",")
        except (ValueError, IndexError):
            return content if _unfinished(text[start:]) else None
        records[key] = record
    return content


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in WHITESPACE:
        at += 1
    return at


def _after(text: str, at: int, mark: str) -> int:
    """Return the position after ``mark``, which must come next.

    Raises:
        ValueError: something else comes next.
        IndexError: the text ends.
    """
    at = _skip(text, at)
    if text[at] != mark:
        raise ValueError(mark)
    return _skip(text, at + 1)


def _unfinished(rest: str) -> bool:
    """Whether a text is the beginning of one record, and not a damaged record that is followed by others."""
    if len(rest) > MAX_UNFINISHED:
        return False
    depth, quoted, escaped = 0, False, False
    for character in rest:
        if quoted:
            if character == "\n":
                return False
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if depth <= 0:
                return False
    return True
