"""CLBlast's JSON: the files that its tuners write, ``clblast_<family>_<precision>.json``.

The form is that of ``PrintTimingsToFileAsJSON`` in ``src/tuning/tuning.cpp`` of CNugteren/CLBlast, in later versions
of ``src/tuning/json_logging.hpp``: one object with ``kernel_family``, ``precision``, ``best_kernel``, ``best_time``,
``best_parameters``, ``arg_m`` and the like, facts of the device, and ``results``, an object for each configuration that
ran: ``kernel``, ``time`` (ms, with three digits after the point) and ``parameters``. Configurations that did not
compile, ran into an error or gave a wrong result are not in it, and nothing says how many there were.

The database that CLBlast's scripts build from such files (``sections``) has another form and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import check_distinct
from harness.formats.file import ForeignFile
from harness.formats.flatten import domains, flattened
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.options import ReadOptions
from harness.formats.values import MS_PER_S, samples_of, text_of

MARKS = frozenset({"kernel_family", "best_parameters", "clblast_device_name"})
DEVICE = ("clblast_device_name", "device")


def is_clblast(file: ForeignFile) -> bool:
    """Return whether a file was written by a tuner of CLBlast, or is CLBlast's database."""
    return file.is_json and (not MARKS.isdisjoint(file.document.content) or _is_database(file.document.content))


def _is_database(content: Mapping[str, Any]) -> bool:
    return isinstance(content.get("sections"), list)


def read_clblast(file: ForeignFile, _options: ReadOptions) -> list[ForeignRecording]:
    """Read the recording in a file.

    Raises:
        UserError: the file is damaged, or has only the winner; the message names the file, the result and the field.
    """
    path, content = file.path, file.document.content
    if _is_database(content):
        raise UserError(f"{path}: sections: CLBlast's database of many devices: expected a tuner's own clblast_*.json")
    results = content.get("results")
    if not isinstance(results, list) or not results:
        only = "only the winner is in the file: " if "best_parameters" in content else ""
        raise UserError(f"{path}: results: {only}expected a list with an object per configuration")
    wheres = [f"{path}: results[{i}]" for i in range(len(results))]
    flat = flattened(path, wheres, [_parameters(where, result) for where, result in zip(wheres, results, strict=True)])
    sizes = {name.removeprefix("arg_"): text_of(value) for name, value in content.items() if name.startswith("arg_")}
    return [
        ForeignRecording(
            path=path,
            domains=domains(flat),
            declared=False,
            rows=[_row(where, values, result) for where, values, result in zip(wheres, flat, results, strict=True)],
            device=text_of(next((content[name] for name in DEVICE if content.get(name)), "")),
            kernel=text_of(content.get("kernel_family")),
            problem_size=", ".join(f"{name}={value}" for name, value in sizes.items()),
            timing={
                "source": "CLBlast's tuner",
                "failures": "not in the file: configurations that failed are missing",
                "samples": "one a configuration, to 0.001 ms",
            },
            read_as="ms, CLBlast's unit; failures are not in the file",
        )
    ]


def _parameters(where: str, result: Any) -> Mapping[str, Any]:
    if not isinstance(result, Mapping):
        raise UserError(f"{where}: expected an object")
    check_distinct(where, result)
    parameters = result.get("parameters")
    if not isinstance(parameters, Mapping) or not parameters:
        raise UserError(f"{where}.parameters: expected an object with a value per parameter")
    check_distinct(f"{where}.parameters", parameters)
    return parameters


def _row(where: str, values: Mapping[str, Any], result: Mapping[str, Any]) -> ForeignRow:
    samples = samples_of(f"{where}.time", result.get("time"))
    return ForeignRow(
        where=where, values=values, status=Status.OK, samples_ms=samples, costs_s=(0.0, 0.0, sum(samples) / MS_PER_S)
    )
