"""What of a run's directory cannot be as the harness left it: ``analysis/runs/damage.py`` says the same of the same."""

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
"""What must be a file where it is there."""
UNCHECKED = contract.DoneDocument.__annotations__.keys() - {CHECK}
"""What DONE has where it has no check: with another key it is not as an older NearOpt wrote it."""
BEYOND_REPAIR = (
    f"{contract.CONFIG} is no file", f"{contract.CONFIG} is not readable", f"{contract.CONFIG} says ",
    f"{contract.DONE} is not readable", "is a file where", "is a link to",
)  # fmt: skip
"""How damage begins after which nobody can tell what was here: nothing is moved without being asked to."""
UNREADABLE = "cannot be read ("
"""In what is said of a folder or file that this user may not look into: perhaps nothing is wrong with it."""


def refused(directory: Path, wrong: str) -> str:
    """Damage that somebody must look at, in a few words; empty where there is none or it can be repaired.

    Args:
        wrong: what :func:`damage` says of it.
    """
    if wrong.startswith(BEYOND_REPAIR) or UNREADABLE in wrong:
        return wrong
    return "" if wrong else blocked(directory)


def blocked(directory: Path) -> str:
    """What stands where the task's or the label's folder of a run belongs; empty where nothing is in the way."""
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
    """The files that stand in the way of running again what is damaged here; the log stays where it can be followed."""
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
    """What is wrong, in a few words; empty where nothing is.

    Args:
        deep: look into the evaluations of a finished run too.
    """
    try:
        return _damage(directory, deep)
    except OSError as error:
        file = Path(error.filename or directory)
        with suppress(OSError):  # not even its size can be told where its folder is closed
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
            return f"{name} is no file"
    wrong = _by_its_files(directory, there, deep)
    return wrong or (misnamed(directory) if contract.CONFIG in there else "")


def _by_its_files(directory: Path, there: Mapping[str, bool], deep: bool) -> str:
    if contract.DONE in there:
        return _of_done(directory, there, deep)
    if contract.FAILED in there and not _failed_readable(directory / contract.FAILED):
        return f"{contract.FAILED} is not readable"
    return read_lines((directory / contract.LOG).read_bytes()).fault if contract.LOG in there else ""


def _there(directory: Path) -> dict[str, bool]:
    """What lies in a folder, links that lead nowhere left out, and whether it is a file.

    A sweep asks this of thousands of runs: to list a folder takes less than to ask for each name.
    """
    with os.scandir(directory) as entries:
        files = {entry.name: entry.is_file() for entry in entries}
    return {name: is_file for name, is_file in files.items() if is_file or (directory / name).exists()}


def read_done(file: Path) -> tuple[contract.DoneDocument, bool]:
    """What DONE says, and whether its check shows that it is as it was written; an older NearOpt wrote none.

    Raises:
        OSError, UnicodeDecodeError: as :func:`harness.system.documents.read_text`.
        ValueError: no JSON, not what belongs there, or not as it was written.
    """
    text, seals = read_text(file), Seals()
    try:
        done: contract.DoneDocument = json.loads(text)
        rows, _ = done["evaluations"], done["ended"]
        changed = seals.fault(text.removesuffix("\n").encode()) or not (seals.sealed or done.keys() <= UNCHECKED)
    except (TypeError, KeyError, RecursionError):
        raise ValueError("not what belongs there") from None
    if changed or not isinstance(rows, int):
        raise ValueError("not as it was written")
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
    """Of a finished run's evaluations: not readable, or other ones than DONE speaks of.

    Args:
        whole: DONE is as it was written; then a file of the digest that it has is not opened, which takes long.
    """
    rows, sha256 = done["evaluations"], done.get("evaluations_sha256")
    try:
        data = file.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            return f"{file.name} is not the one whose digest {contract.DONE} has"
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
    """Whether the log of a run that is not done begins with lines without a check: an older NearOpt wrote them."""
    log = directory / contract.LOG
    try:
        with log.open("rb") as stream:
            first = stream.readline()
    except OSError:
        return False
    return first.endswith(b"\n") and read_lines(first).unverified > 0
