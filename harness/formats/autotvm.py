"""AutoTVM's logs: JSON lines, as ``autotvm.callback.log_to_file`` appends them.

The form is that of ``encode`` in ``python/tvm/autotvm/record.py`` of apache/tvm (version 0.2): ``input`` (target, task,
arguments, keyword arguments), ``config`` with ``entity``, a list of name, kind and value, ``result`` (costs in s, error
number, total cost of the evaluation in s, time stamp) and ``version``. Version 0.1, which TopHub uses, has the same in
``i`` and ``r``, and the configuration in ``e``. What a reader must know:

* Kinds (``ConfigEntity.to_json_dict``): ``sp`` the factors of a split, -1 for the one that follows; ``re`` an order;
  ``an`` annotations; ``ot`` any value.
* The error numbers are those of ``MeasureErrorNo`` (``autotvm/measure/measure.py``); a failure costs 1e9 s.
* A log may contain the tunings of many tasks; each becomes a recording.
* The rows are the configurations that a search tried. ``autotvm.record.pick_best`` and TopHub keep only the best of
  each task, which is not a landscape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.file import ForeignFile
from harness.formats.flatten import domains, flattened
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.options import ReadOptions
from harness.formats.values import MS_PER_S, cost_of, samples_of, shown, text_of

ERRORS = (
    Status.OK,
    Status.OUT_OF_RESOURCES,  # the template cannot be instantiated: too many threads, too much memory
    Status.COMPILE_ERROR,
    Status.COMPILE_ERROR,
    Status.RUNTIME_ERROR,
    Status.WRONG_RESULT,
    Status.COMPILE_TIMEOUT,
    Status.RUN_TIMEOUT,
    Status.RUNTIME_ERROR,
)
"""By error number."""
NAMES = (
    "NO_ERROR",
    "INSTANTIATION_ERROR",
    "COMPILE_HOST",
    "COMPILE_DEVICE",
    "RUNTIME_DEVICE",
    "WRONG_ANSWER",
    "BUILD_TIMEOUT",
    "RUN_TIMEOUT",
    "UNKNOWN_ERROR",
)
_MODEL = re.compile(r"-model=(\S+)")


@dataclass(frozen=True, slots=True)
class _Record:
    """A line of the log: its place, its task (target, name and arguments as text), its configuration and its result."""

    where: str
    task: tuple[str, str, str]
    configuration: Mapping[str, Any]
    result: Sequence[Any]


def is_autotvm(file: ForeignFile) -> bool:
    """Return whether the first line of a file is a record."""
    first = file.first_object
    return {"input", "config", "result"} <= first.keys() or {"i", "r", "v"} <= first.keys()


def read_autotvm(file: ForeignFile, _options: ReadOptions) -> list[ForeignRecording]:
    """Read a recording for each task in the log.

    Raises:
        UserError: a record is damaged, named by file, line and field; or every task has only one record.
    """
    tasks: dict[tuple[str, str, str], list[_Record]] = {}
    complete = True
    for line, found in file.json_lines():
        if found is None:
            complete = False
            break
        record = _record(f"{file.path}: line {line}", found)
        tasks.setdefault(record.task, []).append(record)
    if all(len(records) == 1 for records in tasks.values()):
        raise UserError(
            f"{file.path}: {len(tasks)} records of {len(tasks)} tasks, the winner of each: "
            "expected the log of the tuning, before pick_best"
        )
    return [
        _recording(file, records, str(i) if len(tasks) > 1 else "", complete)
        for i, records in enumerate(tasks.values())
    ]


def _record(where: str, found: Mapping[str, Any]) -> _Record:
    task, result = found.get("input", found.get("i")), found.get("result", found.get("r"))
    if not isinstance(task, list) or len(task) < 4 or not all(isinstance(part, str) for part in task[:2]):
        raise UserError(f"{where}: input: expected a list of target, task, arguments and keyword arguments")
    config = found.get("config", task[5] if len(task) > 5 else None)
    entity = config.get("entity", config.get("e")) if isinstance(config, Mapping) else None
    if not isinstance(entity, list) or not entity:
        raise UserError(f"{where}: config.entity: expected a list with a name, a kind and a value per parameter")
    if not isinstance(result, list) or len(result) < 3:
        raise UserError(f"{where}: result: expected a list of costs, error number, whole cost and time stamp")
    target, name = task[0], task[1]
    arguments = json.dumps(task[2:4])
    return _Record(where, (target, name, arguments), _values(where, entity), result)


def _values(where: str, entity: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in entity:
        if not isinstance(part, list) or len(part) != 3 or not isinstance(part[0], str):
            raise UserError(f"{where}: config.entity: {shown(part)}: expected a list of name, kind and value")
        if part[0] in found:
            raise UserError(f"{where}: config.entity: {shown(part[0])} is listed twice: expected it once")
        found[part[0]] = part[2]
    return found


def _recording(file: ForeignFile, records: Sequence[_Record], name: str, complete: bool) -> ForeignRecording:
    wheres = [record.where for record in records]
    flat = flattened(file.path, wheres, [record.configuration for record in records])
    target, task, arguments = records[0].task
    model = _MODEL.search(target)
    return ForeignRecording(
        path=file.path,
        domains=domains(flat),
        declared=False,
        rows=[_row(record, values) for record, values in zip(records, flat, strict=True)],
        complete=complete,
        device=text_of(model.group(1) if model else target.split(" ")[0]),
        kernel=text_of(task),
        problem_size=text_of(arguments),
        timing={"source": "AutoTVM's log", "benchmark_s": "all that the evaluation cost, its compilation too"},
        read_as="s, AutoTVM's unit",
        name=name,
        searched=True,
        left_out={} if complete else {"last line that was cut off": 1},
    )


def _row(record: _Record, values: Mapping[str, Any]) -> ForeignRow:
    where, (costs, error, whole, *_) = record.where, record.result
    if type(error) is not int or not 0 <= error < len(ERRORS):
        raise UserError(f"{where}: result[1]={shown(error)}: expected an error number, 0 to {len(ERRORS) - 1}")
    status = ERRORS[error]
    return ForeignRow(
        where=where,
        values=values,
        status=status,
        samples_ms=samples_of(f"{where}: result[0]", costs, MS_PER_S) if status is Status.OK else (),
        costs_s=(0.0, 0.0, cost_of(f"{where}: result[2]", whole, 1.0)),
        message="" if status is Status.OK else NAMES[error],
    )
