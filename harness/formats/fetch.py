"""Copy an archive of landscapes from a folder or a plain URL; every file is checked against SHA256SUMS.

Files that are already there with the right checksum are skipped, so that the same command resumes. An existing file
that differs is never replaced: it is reported before anything is fetched. Each file appears only when it is complete
and its checksum is right. SHA256SUMS is written last: a folder that has it is complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError

from harness.errors import UserError
from harness.formats.archive import CHECKSUMS
from harness.formats.archive_source import Listed, Unreached, reached, said_of
from harness.system.atomic import replacing, writing

CHUNK = 1 << 18
MAX_FILE = 1 << 33
"""The most bytes of a file: a server that never stops sending must not fill the disk."""


class _Wrong(Exception):
    """One file does not match the list; fetching goes on with the others."""


@dataclass
class Fetched:
    """The outcome of a fetch.

    Attributes:
        fetched, there: relative paths of the files copied now, and of those that were already there.
        size: bytes copied now.
        faults: the reason for each file that was not copied.
    """

    fetched: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    size: int = 0
    faults: list[str] = field(default_factory=list)


def fetch(listed: Listed, out: Path, told: Callable[[str], None]) -> Fetched:
    """Copy the files of an archive into the folder ``out``.

    Args:
        told: called with the path of each file once it is there.

    Raises:
        UserError: a file in ``out`` differs from the archive's, the source cannot be reached any more, or a file cannot
            be written. Files copied until then stay.
    """
    found = Fetched()
    missing = _missing(listed, out, found, told)
    for digest, path in missing:
        try:
            with reached(listed.source, path):
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
    """Return the files that are not in ``out`` yet.

    Raises:
        UserError: a file in ``out`` differs from the archive's.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"-o {out}: exists and is not a folder: expected a folder for the archive")
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
        raise UserError(f"{other[0]}{more} from the archive's file; nothing was fetched: expected another -o")
    return missing


def _digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _take(listed: Listed, path: str, digest: str, target: Path) -> int:
    """Copy one file and return its size in bytes.

    Raises:
        _Wrong: the file is missing, or does not match the list.
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


def _chunk(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise Unreached(said_of(error)) from None
