"""Detect damage in a run's directory; ``harness/run/damage.py`` implements the same rules."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.runs import contract
from analysis.runs.documents import read_json, read_text
from analysis.runs.log_lines import is_as_written, read_lines
from analysis.runs.own_name import misnamed

FILES = contract.ALL_RUN_FILES
UNREADABLE = "cannot be read ("
"""Part of messages about a folder or file that this user may not read, which may be undamaged."""


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
    for name in FILES:
        if (directory / name).exists() and not (directory / name).is_file():
            return f"{name} is not a file"
    wrong = _by_its_files(directory, deep)
    return wrong or (misnamed(directory) if (directory / contract.CONFIG).exists() else "")


def _by_its_files(directory: Path, deep: bool) -> str:
    if (directory / contract.DONE).exists():
        return _of_done(directory, deep)
    if (directory / contract.FAILED).exists() and not _failed_readable(directory / contract.FAILED):
        return f"{contract.FAILED} is not readable"
    log = directory / contract.LOG
    return read_lines(log.read_bytes()).fault if log.exists() else ""


def _of_done(directory: Path, deep: bool) -> str:
    try:
        text = read_text(directory / contract.DONE)
        done = json.loads(text)
        rows, _ = done["evaluations"], done["ended"]
        expected = None if done.keys() <= contract.UNCHECKED_DONE else True
        if is_as_written(text.removesuffix("\n").encode()) is not expected:
            return f"{contract.DONE} is not readable"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return f"{contract.DONE} is not readable"
    if not (directory / contract.CONFIG).exists():
        return f"{contract.DONE} without {contract.CONFIG}"
    if not (directory / contract.EVALUATIONS).exists():
        return f"{contract.DONE} without {contract.EVALUATIONS}"
    return parquet_damage(directory / contract.EVALUATIONS, rows, done.get("evaluations_sha256")) if deep else ""


def parquet_damage(file: Path, rows: object, sha256: object) -> str:
    """Damage of a finished run's evaluations: unreadable, or not those that DONE describes."""
    try:
        data = file.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            return f"{file.name} does not match the digest in {contract.DONE}"
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
