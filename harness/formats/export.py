"""Write landscapes as files that Kernel Tuner's simulation mode and autotuning_methodology read.

Conditions and permutations are flattened (see :mod:`~.flat`). ``time``, which these tools minimise, is the oracle
latency, so that their optimum is ours; ``times`` are the samples. Of a sampled landscape only the uniform rows are
written, because they represent its space.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.cache import COST_FIELDS, TAKEN
from harness.formats.values import MS_PER_S
from harness.landscapes.landscape import Landscape
from harness.system.atomic import replacing
from search_spaces.flat import flat_domains, flat_rows

KERNEL_TUNER_CLASS = {
    Status.COMPILE_ERROR: "CompilationFailedConfig",
    Status.COMPILE_TIMEOUT: "CompilationFailedConfig",
    Status.OUT_OF_RESOURCES: "InvalidConfig",
}
"""All other failures are RuntimeFailedConfig."""
INVALIDITY = {
    Status.OK: "correct",
    Status.COMPILE_ERROR: "compile",
    Status.COMPILE_TIMEOUT: "compile",
    Status.OUT_OF_RESOURCES: "constraints",
    Status.RUN_TIMEOUT: "timeout",
    Status.WRONG_RESULT: "correctness",
}
"""All other failures are "runtime"."""


def export(landscape: Landscape, format_: str, out: Path) -> Path:
    """Write a landscape as a Kernel Tuner ``cache`` or as ``t4`` results; gzipped if ``out`` ends in ``.gz``.

    Raises:
        UserError: the format is unknown, a parameter has a name that the format uses, or ``out`` cannot be written.
    """
    if format_ not in FORMATS:
        raise UserError(f"--format {format_}: expected one of {', '.join(FORMATS)}")
    for name in landscape.space.names:
        if name in TAKEN:
            raise UserError(f"{landscape.path}: parameter {name!r}: Kernel Tuner has another use for this name")
    data = FORMATS[format_](landscape)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as temporary:
            temporary.write_bytes(gzip.compress(data, mtime=0) if out.suffix == ".gz" else data)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error})") from None
    return out


def _cache(landscape: Landscape) -> bytes:
    header = {
        "device_name": landscape.metadata["device"]["name"],
        "kernel_name": str(landscape.metadata.get("kernel") or landscape.name.split("-")[0]),
        "problem_size": _problem_size(landscape.metadata.get("shape")),
        "tune_params_keys": list(landscape.space.names),
        "tune_params": flat_domains(landscape.space),
        "objective": "time",
    }
    records = b",\n".join(
        orjson.dumps(",".join(str(value) for value in configuration.values()))
        + b": "
        + orjson.dumps({**configuration, **_outcome(landscape, row)})
        for row, configuration in _rows(landscape)
    )
    # Kernel Tuner recognises a closed cache by one record per line and these last bytes.
    return orjson.dumps(header)[:-1] + b',\n"cache": {\n' + records + b"}\n}"


def _outcome(landscape: Landscape, row: int) -> dict[str, Any]:
    status = landscape.status[row]
    costs = dict(zip(COST_FIELDS, _costs_ms(landscape, row), strict=True))
    rest = {**costs, "strategy_time": 0, "framework_time": 0}
    if status is not Status.OK:
        return {"__error__": KERNEL_TUNER_CLASS.get(status, "RuntimeFailedConfig"), **rest}
    return {"time": float(landscape.oracle_ms[row]), "times": landscape.samples_ms[row], **rest}


def _t4(landscape: Landscape) -> bytes:
    results = [{"configuration": configuration, **_result(landscape, row)} for row, configuration in _rows(landscape)]
    document = {"metadata": {"timeunit": "milliseconds"}, "schema_version": "1.0.0", "results": results}
    return orjson.dumps(document)


def _result(landscape: Landscape, row: int) -> dict[str, Any]:
    status = landscape.status[row]
    ok = status is Status.OK
    compile_ms, verify_ms, benchmark_ms = _costs_ms(landscape, row)
    # The methodology package accepts a number or the name of Kernel Tuner's class as a value, and nothing else.
    value = float(landscape.oracle_ms[row]) if ok else KERNEL_TUNER_CLASS.get(status, "RuntimeFailedConfig")
    return {
        "times": {
            "compilation": compile_ms,
            "benchmark": benchmark_ms,
            "framework": 0,
            "search_algorithm": 0,
            "validation": verify_ms,
            "runtimes": landscape.samples_ms[row],
        },
        "invalidity": INVALIDITY.get(status, "runtime"),
        "correctness": int(ok),
        "measurements": [{"name": "time", "value": value, "unit": "ms"}],
        "objectives": ["time"],
    }


def _rows(landscape: Landscape) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the row and the flat configuration of everything in the searchable space."""
    flat = flat_rows(flat_domains(landscape.space), landscape.codes)
    for row in np.flatnonzero(landscape.searchable).tolist():
        yield row, dict(zip(landscape.space.names, flat[row], strict=True))


def _costs_ms(landscape: Landscape, row: int) -> list[float]:
    return [cost_s * MS_PER_S for cost_s in landscape.costs_s[row].tolist()]


def _problem_size(shape: Any) -> list[int]:
    """Return the numbers of a shape: Kernel Tuner requires them, though its simulation mode does not use them."""
    sizes = shape.get("problem_size", list(shape.values())) if isinstance(shape, Mapping) else []
    whole = [size for size in (sizes if isinstance(sizes, list) else [sizes]) if type(size) is int]
    return whole or [1]


FORMATS: dict[str, Callable[[Landscape], bytes]] = {"cache": _cache, "t4": _t4}
