"""Detect damage in a run's directory; ``analysis/runs/damage.py`` implements the same rules."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.run import contract
from harness.run.log_lines import read_lines
from harness.run.own_name import misnamed
from harness.system.documents import read_json, read_text
from harness.system.sealed_lines import CHECK, Seals

FILES = (
    contract.CONFIG, contract.ENVIRONMENT, contract.LOG, contract.EVALUATIONS, contract.STRATEGY, contract.FAILED,
    contract.DONE,
)  # fmt: skip
"""Names that must be files if they exist."""
UNCHECKED = contract.DoneDocument.__annotations__.keys() - {CHECK}
"""Keys of a DONE without a checksum; with other keys it was not written by an older NearOpt."""
BEYOND_REPAIR = (
    f"{contract.CONFIG} is not a file", f"{contract.CONFIG} is not readable", f"{contract.CONFIG} says ",
    f"{contract.DONE} is not readable", "is a file where", "is a link to",
)  # fmt: skip
"""Beginnings of messages about damage that hides what the directory held; then nothing is moved unasked."""
UNREADABLE = "cannot be read ("
"""Part of messages about a folder or file that this user may not read, which may be undamaged."""


def refused(directory: Path, wrong: str) -> str:
    """Damage that a user must resolve, in a few words; empty if there is none or it can be repaired.

    Args:
        wrong: the result of :func:`damage`.
    """
    if wrong.startswith(BEYOND_REPAIR) or UNREADABLE in wrong:
        return wrong
    return "" if wrong else blocked(directory)


def blocked(directory: Path) -> str:
    """What is in the place of the task's or the label's folder of a run; empty if nothing blocks it."""
    for folder in (directory.parent.parent, directory.parent):
        try:
            os.scandir(folder).close()
        except FileNotFoundError:
            return f"{folder.name} is a link to nothing where a folder belongs" if folder.is_symlink() else ""
        except NotADirectoryError:
            return f"{folder.name} is a file where a folder belongs"
        except OSError as error:
            return f"{folder.name} {UNREADABLE}{error.strerror})"
    return ""


def to_move(directory: Path) -> list[str]:
    """The files to move before a damaged run can run again; the log stays if it can be followed."""
    wrong = damage(directory)
    if not wrong:
        return []
    names = [name for name in FILES if (directory / name).exists() and not (directory / name).is_file()]
    if (directory / contract.DONE).exists():
        names += [contract.DONE, contract.EVALUATIONS, contract.STRATEGY]
        names += [] if (directory / contract.CONFIG).exists() else [contract.LOG]
    elif (directory / contract.FAILED).exists() and not _failed_readable(directory / contract.FAILED):
        names.append(contract.FAILED)
    return [name for name in dict.fromkeys(names) if (directory / name).exists()]


def damage(directory: Path, deep: bool = True) -> str:
    """The damage of a run's directory, in a few words; empty if there is none.

    Args:
        deep: also check the evaluations of a finished run.
    """
    try:
        return _damage(directory, deep)
    except OSError as error:
        file = Path(error.filename or directory)
        with suppress(OSError):  # even its size is unknown if its folder is unreadable
            if file.name in FILES and file.stat():
                return f"{file.name} {UNREADABLE}{error.strerror})"
        return blocked(directory) or f"{UNREADABLE}{error.strerror})"


def _damage(directory: Path, deep: bool) -> str:
    if not directory.is_dir():
        if directory.is_symlink():
            return "is a link to nothing where a run's folder belongs"
        return "is a file where a run's folder belongs" if directory.exists() else ""
    there = _there(directory)
    for name in FILES:
        if not there.get(name, True):
            return f"{name} is not a file"
    wrong = _by_its_files(directory, there, deep)
    return wrong or (misnamed(directory) if contract.CONFIG in there else "")


def _by_its_files(directory: Path, there: Mapping[str, bool], deep: bool) -> str:
    if contract.DONE in there:
        return _of_done(directory, there, deep)
    if contract.FAILED in there and not _failed_readable(directory / contract.FAILED):
        return f"{contract.FAILED} is not readable"
    return read_lines((directory / contract.LOG).read_bytes()).fault if contract.LOG in there else ""


def _there(directory: Path) -> dict[str, bool]:
    """Names in a folder, without dangling links, and whether each is a file.

    A sweep checks thousands of runs, and listing a folder is faster than looking up each name.
    """
    with os.scandir(directory) as entries:
        files = {entry.name: entry.is_file() for entry in entries}
    return {name: is_file for name, is_file in files.items() if is_file or (directory / name).exists()}


def read_done(file: Path) -> tuple[contract.DoneDocument, bool]:
    """The content of DONE, and whether its checksum confirms it; an older NearOpt wrote no checksum.

    Raises:
        OSError, UnicodeDecodeError: as :func:`harness.system.documents.read_text`.
        ValueError: the text is not JSON, has the wrong form, or was changed after it was written.
    """
    text, seals = read_text(file), Seals()
    try:
        done: contract.DoneDocument = json.loads(text)
        rows, _ = done["evaluations"], done["ended"]
        changed = seals.fault(text.removesuffix("\n").encode()) or not (seals.sealed or done.keys() <= UNCHECKED)
    except (TypeError, KeyError, RecursionError):
        raise ValueError("not what belongs there") from None
    if changed or not isinstance(rows, int):
        raise ValueError("changed after it was written")
    return done, bool(seals.sealed)


def _of_done(directory: Path, there: Mapping[str, bool], deep: bool) -> str:
    try:
        done, whole = read_done(directory / contract.DONE)
    except (OSError, ValueError):
        return f"{contract.DONE} is not readable"
    if contract.CONFIG not in there:
        return f"{contract.DONE} without {contract.CONFIG}"
    if contract.EVALUATIONS not in there:
        return f"{contract.DONE} without {contract.EVALUATIONS}"
    return parquet_damage(directory / contract.EVALUATIONS, done, whole) if deep else ""


def parquet_damage(file: Path, done: contract.DoneDocument, whole: bool = False) -> str:
    """Damage of a finished run's evaluations: unreadable, or not those that DONE describes.

    Args:
        whole: whether DONE is confirmed; then a file with the digest in it is not opened, which would be slow.
    """
    rows, sha256 = done["evaluations"], done.get("evaluations_sha256")
    try:
        data = file.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            return f"{file.name} does not match the digest in {contract.DONE}"
        if sha256 is not None and whole:
            return ""
        there = pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows
    except (OSError, ValueError, pa.ArrowException):
        return f"{file.name} is not readable"
    return "" if there == rows else f"{file.name} has {there} rows, {contract.DONE} says {rows}"


def _failed_readable(file: Path) -> bool:
    try:
        said = read_json(file)
        return bool({"message", "final", "trace"} <= said.keys())
    except (OSError, ValueError, AttributeError):
        return False


def unverified(directory: Path) -> bool:
    """Whether the log of an unfinished run begins with lines without checksums, which an older NearOpt wrote."""
    log = directory / contract.LOG
    try:
        with log.open("rb") as stream:
            first = stream.readline()
    except OSError:
        return False
    return first.endswith(b"\n") and read_lines(first).unverified > 0
