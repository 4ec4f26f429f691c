"""Helion's log of a tuning: ``<base>.csv``, which Helion writes if ``HELION_AUTOTUNE_LOG=<base>`` is set.

The form is that of ``AutotuneLogSink`` in ``helion/autotuner/logger.py`` (Helion 1.4): a header, then a row for each
step of an evaluation with ``run_id``, ``timestamp_s``, ``config_id``, ``generation``, ``status``, ``perf_ms``,
``compile_time_s`` and ``config``, the text of a ``helion.Config``. What a reader must know:

* Each evaluation has a row ``started`` and a row with its outcome: ``ok``, ``error``, ``timeout`` or
  ``peer_compilation_fail``. An evaluation that only started killed its process, or was running when the log ended.
* A configuration that is timed again has further rows, which count as further samples.
* Several tunings that share ``<base>`` follow each other and are distinguished by ``run_id``, which a log may lack.
  If Helion was asked to write ``<base>.meta.jsonl``, it names their kernel and device.
* The rows are the configurations that a search tried.
"""

from __future__ import annotations

import ast
import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.file import ForeignFile
from harness.formats.flatten import domains, flattened
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.options import ReadOptions
from harness.formats.values import cost_of, samples_of, shown, text_of

NEEDED = ("status", "perf_ms", "config")
STARTED = "started"
STATUSES = {
    "ok": Status.OK,
    "error": Status.RUNTIME_ERROR,
    # Helion compiles ahead under a time limit; the rare timeout of a run has the same status.
    "timeout": Status.COMPILE_TIMEOUT,
    "peer_compilation_fail": Status.COMPILE_ERROR,
}
MAX_CONFIG = 1 << 16


@dataclass(frozen=True, slots=True)
class _Step:
    """A row of the log."""

    where: str
    run: str
    config: str
    status: str
    samples_ms: tuple[float, ...]
    compile_s: float


def is_helion(file: ForeignFile) -> bool:
    """Return whether a file has the header of a log."""
    return set(NEEDED) <= set(file.first_line.split(",")) and not file.is_json


def read_helion(file: ForeignFile, _options: ReadOptions) -> list[ForeignRecording]:
    """Read a recording for each tuning in the log.

    Raises:
        UserError: the log is damaged; the message names the file, the line and the column.
    """
    runs: dict[str, list[_Step]] = defaultdict(list)
    for step in _steps(file):
        runs[step.run].append(step)
    if not runs:
        raise UserError(f"{file.path}: no evaluation below the header: expected a row for each")
    facts = _facts(file.path)
    return [
        _recording(file.path, steps, facts.get(run, {}), run[:8] if len(runs) > 1 else "")
        for run, steps in runs.items()
    ]


def _steps(file: ForeignFile) -> Iterator[_Step]:
    path = file.path
    reader = csv.DictReader(file.text.split("\n"))
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{path}: column {missing[0]!r} is missing: expected the header of a Helion log")
    try:
        for row in reader:
            where = f"{path}: line {reader.line_num}"
            if None in row or None in row.values():
                raise UserError(f"{where}: expected {len(reader.fieldnames or ())} cells, as in the header")
            yield _step(where, row)
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}: expected a Helion log") from None


def _step(where: str, row: Mapping[str, str]) -> _Step:
    status = row["status"]
    if status != STARTED and status not in STATUSES:
        raise UserError(f"{where}: status={shown(status)}: expected one of {', '.join((STARTED, *STATUSES))}")
    return _Step(
        where=where,
        run=row.get("run_id", ""),
        config=row["config"],
        status=status,
        samples_ms=samples_of(f"{where}: perf_ms", _number(where, row, "perf_ms")) if status == "ok" else (),
        compile_s=cost_of(f"{where}: compile_time_s", _number(where, row, "compile_time_s"), 1.0),
    )


def _number(where: str, row: Mapping[str, str], name: str) -> float | None:
    text = row.get(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise UserError(f"{where}: {name}={shown(text)}: expected a number, or nothing") from None


def _recording(path: Path, steps: list[_Step], facts: Mapping[str, Any], name: str) -> ForeignRecording:
    by_config: dict[str, list[_Step]] = defaultdict(list)
    for step in steps:
        by_config[step.config].append(step)
    firsts = [of[0] for of in by_config.values()]
    wheres = [first.where for first in firsts]
    flat = flattened(path, wheres, [parse_config(first.where, first.config) for first in firsts])
    rows = [_row(of, values) for of, values in zip(by_config.values(), flat, strict=True)]
    return ForeignRecording(
        path=path,
        domains=domains(flat),
        declared=False,
        rows=rows,
        device=text_of(facts.get("hardware")),
        kernel=text_of(facts.get("kernel_name")),
        problem_size=text_of(facts.get("input_shapes")),
        timing={
            "source": "Helion's log",
            "benchmark_s": "not in the log: the samples stand for it",
        },
        read_as="ms, column 'perf_ms'",
        name=name,
        searched=True,
    )


def _row(steps: list[_Step], values: Mapping[str, Any]) -> ForeignRow:
    """Combine the steps of one configuration: its samples if it ever ran, else its first failure."""
    samples = tuple(sample for step in steps for sample in step.samples_ms)
    ended = [step for step in steps if step.status != STARTED]
    failure = None if samples else (ended[0].status if ended else STARTED)
    status = Status.OK if failure is None else STATUSES.get(failure, Status.WORKER_CRASH)
    return ForeignRow(
        where=steps[0].where,
        values=values,
        status=status,
        samples_ms=samples,
        costs_s=(max(step.compile_s for step in steps), 0.0, sum(samples) / 1e3),
        message="started, and no outcome" if failure == STARTED else (failure or ""),
    )


def parse_config(where: str, text: str) -> dict[str, Any]:
    """Parse ``Config(block_sizes=[64], num_warps=4)`` or ``helion.Config(…)`` without running anything.

    Raises:
        UserError: the text has another form.
    """
    wrong = UserError(f"{where}: config={shown(text)}: expected Config(name=value, …)")
    if len(text) > MAX_CONFIG:
        raise wrong
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args or ast.unparse(call.func) not in ("Config", "helion.Config"):
            raise wrong
        return {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg is not None}
    except (SyntaxError, ValueError, MemoryError, RecursionError, TypeError):
        raise wrong from None


def _facts(log: Path) -> dict[str, dict[str, Any]]:
    """Read ``<base>.meta.jsonl`` beside a log, by run; empty if there is none."""
    beside = log.with_suffix(".meta.jsonl")
    if not beside.is_file():
        return {}
    found: dict[str, dict[str, Any]] = {}
    for _, record in ForeignFile(beside).json_lines():
        if record is not None and isinstance(record.get("run_id"), str):
            found[record["run_id"]] = record
    return found
