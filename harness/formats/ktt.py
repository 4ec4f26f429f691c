"""KTT's own JSON: the output of ``Tuner::SaveResults(…, OutputFormat::JSON)``.

The form is that of ``Source/Output/JsonConverters.cpp`` of HiPerCoRe/KTT (2.0 to 2.3). The project has an example in
``Tutorials/03KernelTuning/FullSearchSpace.ktt.json``. ``Metadata`` has ``Device``, ``TimeUnit`` (Nanoseconds,
Microseconds, Milliseconds, Seconds) and more; ``Results`` has an object for each evaluation:

* ``Configuration``: a list of ``Name`` and ``Value`` (with ``ValueType``, in earlier versions ``IsDouble``);
* ``Status``: Ok, ComputationFailed, ValidationFailed, CompilationFailed or DeviceLimitsExceeded; a timeout is a
  ComputationFailed;
* ``TotalDuration``: the latency, which is the durations of ``ComputationResults`` plus ``ExtraDuration``; it has no
  meaning unless the status is Ok;
* ``CompilationOverhead`` and ``ValidationOverhead``, in versions that have them.

All times are in ``TimeUnit``.
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
from harness.formats.units import SHORT, seconds_of
from harness.formats.values import MS_PER_S, cost_of, samples_of, shown, text_of

STATUSES = {
    "Ok": Status.OK,
    "ComputationFailed": Status.RUNTIME_ERROR,
    "ValidationFailed": Status.WRONG_RESULT,
    "CompilationFailed": Status.COMPILE_ERROR,
    "DeviceLimitsExceeded": Status.OUT_OF_RESOURCES,
}
COSTS = ("CompilationOverhead", "ValidationOverhead")


def is_ktt(file: ForeignFile) -> bool:
    """Return whether KTT wrote a file."""
    return file.is_json and {"Metadata", "Results"} <= file.document.content.keys()


def read_ktt(file: ForeignFile, _options: ReadOptions) -> list[ForeignRecording]:
    """Read a recording for each kernel in a file.

    Raises:
        UserError: the file is damaged; the message names the file, the result and the field.
    """
    path, content = file.path, file.document.content
    metadata, results = content.get("Metadata"), content.get("Results")
    if not isinstance(metadata, Mapping):
        raise UserError(f"{path}: Metadata: expected an object")
    check_distinct(f"{path}: Metadata", metadata)
    unit_s = seconds_of(metadata.get("TimeUnit"))
    if unit_s is None:
        raise UserError(
            f"{path}: Metadata.TimeUnit={shown(metadata.get('TimeUnit'))}: expected one of Nanoseconds, Microseconds, "
            "Milliseconds, Seconds"
        )
    if not isinstance(results, list) or not results:
        raise UserError(f"{path}: Results: expected a list with an object per evaluation")
    kernels: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for i, result in enumerate(results):
        where = f"{path}: Results[{i}]"
        if not isinstance(result, Mapping):
            raise UserError(f"{where}: expected an object")
        check_distinct(where, result)
        kernels.setdefault(text_of(result.get("KernelName")), []).append((where, result))
    return [
        _recording(file, metadata, kernel, of, unit_s, kernel if len(kernels) > 1 else "")
        for kernel, of in kernels.items()
    ]


def _recording(
    file: ForeignFile,
    metadata: Mapping[str, Any],
    kernel: str,
    results: list[tuple[str, Mapping[str, Any]]],
    unit_s: float,
    name: str,
) -> ForeignRecording:
    wheres = [where for where, _ in results]
    flat = flattened(file.path, wheres, [_configuration(where, result) for where, result in results])
    return ForeignRecording(
        path=file.path,
        domains=domains(flat),
        declared=False,
        rows=[_row(where, values, result, unit_s) for values, (where, result) in zip(flat, results, strict=True)],
        device=text_of(metadata.get("Device")),
        kernel=kernel,
        timing={"source": "KTT", "benchmark_s": "not in the file: the latency stands for it"},
        read_as=f"{SHORT[unit_s]}, as Metadata.TimeUnit says",
        name=name,
    )


def _configuration(where: str, result: Mapping[str, Any]) -> dict[str, Any]:
    pairs = result.get("Configuration")
    if not isinstance(pairs, list) or not pairs:
        raise UserError(f"{where}.Configuration: expected a list with a Name and a Value per parameter")
    found: dict[str, Any] = {}
    for pair in pairs:
        if not isinstance(pair, Mapping) or not isinstance(pair.get("Name"), str) or "Value" not in pair:
            raise UserError(f"{where}.Configuration: {shown(pair)}: expected an object with a Name and a Value")
        if pair["Name"] in found:
            raise UserError(f"{where}.Configuration: {shown(pair['Name'])} is listed twice: expected it once")
        found[pair["Name"]] = pair["Value"]
    return found


def _row(where: str, values: Mapping[str, Any], result: Mapping[str, Any], unit_s: float) -> ForeignRow:
    said = result.get("Status")
    status = STATUSES.get(said) if isinstance(said, str) else None
    if status is None:
        raise UserError(f"{where}.Status={shown(said)}: expected one of {', '.join(STATUSES)}")
    samples: tuple[float, ...] = ()
    if status is Status.OK:
        samples = samples_of(f"{where}.TotalDuration", result.get("TotalDuration"), unit_s * MS_PER_S)
    compile_s, verify_s = (cost_of(f"{where}.{name}", result.get(name), unit_s) for name in COSTS)
    return ForeignRow(
        where=where,
        values=values,
        status=status,
        samples_ms=samples,
        costs_s=(compile_s, verify_s, sum(samples) / MS_PER_S),
        message="" if status is Status.OK else text_of(said),
    )
