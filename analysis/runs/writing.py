"""Write files of a report atomically, and report write errors clearly.

``harness/system/atomic.py`` does the same, because the two halves do not import each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AnalysisError
from analysis.media import csv_safe
from analysis.runs.temporaries import remove_left_over, temporary

if TYPE_CHECKING:
    import pandas as pd

_STREAMS = frozenset(map(Path, ("/dev", "/dev/fd", "/proc/self/fd")))
"""Folders whose files are written directly."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling of ``path`` that replaces it only when the block ends without an error, so that a full disk
    does not destroy an earlier report.

    A device or a standard stream is written directly.
    """
    if _written_itself(path):
        yield path
        return
    remove_left_over(path.parent)
    written = temporary(path.absolute())  # PyArrow would take a:b/c as an address
    try:
        yield written
        written.replace(path)
    except OSError as error:
        raise _of(path, written, error) from None
    finally:
        with suppress(OSError):  # the disk's error is the one to report
            written.unlink(missing_ok=True)


def _written_itself(path: Path) -> bool:
    """Whether a file must not be replaced: ``/dev/null``, ``/dev/stdout``, or a shell's ``/dev/fd/63``."""
    return path.absolute().parent in _STREAMS or path.is_char_device() or path.is_block_device()


def _of(path: Path, written: Path, error: OSError) -> OSError:
    """An error of the temporary file, reported for the intended file."""
    if error.errno is None or error.filename not in (None, str(written)):
        return error
    return OSError(error.errno, os.strerror(error.errno), str(path))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors into one clear line about ``path``.

    Raises:
        AnalysisError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or (os.strerror(error.errno) if error.errno else (str(error).splitlines() or ["?"])[0])
        raise AnalysisError(f"{path}: cannot be written ({reason})") from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file and create its folders.

    Raises:
        AnalysisError: it cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as written:
            written.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8, as :func:`write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_csv(frame: pd.DataFrame, path: Path, float_format: str) -> Path:
    """Write a table without its index, safe for spreadsheets, as :func:`write_bytes` does; return ``path``."""
    write_text(path, csv_safe(frame).to_csv(index=False, float_format=float_format, lineterminator="\n"))
    return path
