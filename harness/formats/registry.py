"""The formats that can be read, and how to find the format of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import UserError
from harness.formats.autotvm import is_autotvm, read_autotvm
from harness.formats.cache import read_cache
from harness.formats.clblast import is_clblast, read_clblast
from harness.formats.file import ForeignFile
from harness.formats.foreign import ForeignRecording
from harness.formats.helion_log import is_helion, read_helion
from harness.formats.ktt import is_ktt, read_ktt
from harness.formats.options import REPEATS, ReadOptions
from harness.formats.optuna_storage import is_optuna, read_optuna
from harness.formats.t1 import is_t1
from harness.formats.t4 import read_t4
from harness.formats.table import is_table, read_table
from harness.formats.triton_autotune import is_triton, read_triton
from harness.formats.units import unit_option
from harness.formats.winners import winners_fault
from harness.system.near import expected_name

CACHE_FIELDS = frozenset({"cache", "tune_params"})
TABLE_OPTIONS = frozenset({"--config-columns", "--time-column", "--status-column", "--unit", "--repeats"})


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: its value of ``--format``.
        title: its name in messages.
        recognises: tells by a file's content whether the file has this format.
        read: reads a file's recordings, at least one.
        takes: the options for facts that the file does not state.
    """

    name: str
    title: str
    recognises: Callable[[ForeignFile], bool]
    read: Callable[[ForeignFile, ReadOptions], list[ForeignRecording]]
    takes: frozenset[str] = frozenset()


def _is_cache(file: ForeignFile) -> bool:
    return file.is_json and not CACHE_FIELDS.isdisjoint(file.document.content)


def _is_t4(file: ForeignFile) -> bool:
    return file.is_json and "results" in file.document.content


FORMATS = (
    Format("optuna", "an Optuna storage", is_optuna, read_optuna, frozenset({"--unit"})),
    Format("autotvm", "a log of AutoTVM", is_autotvm, read_autotvm),
    Format("helion", "a log of Helion", is_helion, read_helion),
    Format("triton", "a file of Triton's autotuner", is_triton, read_triton),
    Format("ktt", "results of KTT", is_ktt, read_ktt),
    Format("clblast", "a file of CLBlast's tuner", is_clblast, read_clblast),
    Format("cache", "a Kernel Tuner cache", _is_cache, lambda file, _: [read_cache(file.document)]),
    Format("t4", "T4 results", _is_t4, lambda file, _: [read_t4(file.document)]),
    Format("table", "a table", is_table, read_table, TABLE_OPTIONS),
)
"""The formats in order of precedence: CLBlast's files have ``results`` like T4, and any text may be a table."""
BY_NAME = {format_.name: format_ for format_ in FORMATS}


def format_of(file: ForeignFile, name: str | None = None) -> Format | None:
    """Return the requested format, or the one that a file has; ``None`` if it is unknown.

    Raises:
        UserError: there is no format of that name, or the file cannot be read.
    """
    if name is not None:
        if name not in BY_NAME:
            raise UserError(f"--format {name}: there is no such format: expected {expected_name(name, list(BY_NAME))}")
        return BY_NAME[name]
    return next((format_ for format_ in FORMATS if format_.recognises(file)), None)


def recordings(file: ForeignFile, options: ReadOptions) -> list[ForeignRecording]:
    """Read the recordings in a file.

    Raises:
        UserError: the file is damaged, or its format does not take an option that was given.
    """
    if options.unit is not None:
        unit_option(options.unit)
    if options.repeats not in (None, *REPEATS):
        raise UserError(f"--repeats {options.repeats}: expected {' or '.join(REPEATS)}")
    found = format_of(file, options.format)
    if found is None:
        raise UserError(f"{file.path}: {_what_else(file)}")
    for option in options.given():
        if option not in found.takes:
            raise UserError(f"{option}: {file.path} is read as {found.title}: expected no {option}")
    return found.read(file, options)


def _what_else(file: ForeignFile) -> str:
    """Explain why a file has no known format."""
    expected = f"expected one of {', '.join(BY_NAME)}"
    if file.is_json:
        if is_t1(file.document):
            return "a T1 description is not a recording: give it as --space"
        if fault := winners_fault(file.document.content):
            return f"{fault}: expected every configuration that was measured"
        return f"unknown format: {expected}"
    return f"unknown format: {expected}"
