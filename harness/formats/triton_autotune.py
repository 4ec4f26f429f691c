"""Triton's ``<kernel>.autotune.json``, in which ``@triton.autotune(cache_results=True)`` caches the results of one key.

The form is that of ``Autotuner.check_disk_cache`` in ``triton/runtime/autotuner.py`` (Triton 3.7). A file is one object
with ``key``, the values for which the kernel was tuned (those of the arguments that ``key=[…]`` names, then data
types), and ``configs_timings``, a pair for each configuration: ``Config.__dict__`` (``kwargs``, ``num_warps``,
``num_ctas``, ``num_stages``, ``maxnreg``, ``pre_hook``, ``ir_override``) and the result of ``do_bench`` in ms, which is
the median, the 20% and the 80% quantile. A configuration that ran out of resources, failed a compile-time assertion or
failed in ptxas has Infinity; the file does not say which. Configurations with a ``pre_hook`` are not in the file.
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
from harness.formats.values import as_json, is_failure, samples_of, text_of

FIELDS = frozenset({"key", "configs_timings"})
ENDING = ".autotune.json"
NO_PARAMETERS = frozenset({"kwargs", "pre_hook"})


def is_triton(file: ForeignFile) -> bool:
    """Return whether Triton's autotuner wrote a file."""
    return file.is_json and "configs_timings" in file.document.content


def read_triton(file: ForeignFile, _options: ReadOptions) -> list[ForeignRecording]:
    """Read the recording in a file.

    Raises:
        UserError: the file is damaged; the message names the file, the pair and the field.
    """
    path, content = file.path, file.document.content
    pairs = content.get("configs_timings")
    if not isinstance(pairs, list) or not pairs:
        raise UserError(f"{path}: configs_timings: expected a list of pairs, a configuration and its timings")
    wheres = [f"{path}: configs_timings[{i}]" for i in range(len(pairs))]
    configurations = [_configuration(where, pair) for where, pair in zip(wheres, pairs, strict=True)]
    flat = flattened(path, wheres, configurations)
    key = content.get("key")
    parts = key if isinstance(key, list) else [key]
    return [
        ForeignRecording(
            path=path,
            domains=domains(flat),
            declared=False,
            rows=[_row(where, values, pair[1]) for where, values, pair in zip(wheres, flat, pairs, strict=True)],
            kernel=path.name.removesuffix(ENDING),
            problem_size=text_of(", ".join(map(str, parts))),
            timing={
                "source": "Triton's autotuner",
                "samples": "the median that do_bench returned, without its quantiles",
            },
            read_as="ms, as do_bench returns it",
            name="-".join(map(str, parts)),
        )
    ]


def _configuration(where: str, pair: Any) -> dict[str, Any]:
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], Mapping):
        raise UserError(f"{where}: expected a pair, a configuration and its timings")
    config, kwargs = pair[0], pair[0].get("kwargs")
    check_distinct(where, config)
    if not isinstance(kwargs, Mapping):
        raise UserError(f"{where}: kwargs: expected an object with the kernel's own parameters")
    check_distinct(f"{where}: kwargs", kwargs)
    twice = sorted(set(kwargs) & (set(config) - NO_PARAMETERS))
    if twice:
        raise UserError(f"{where}: kwargs.{twice[0]}: the configuration has one of its own: expected one of them")
    return {**kwargs, **{name: value for name, value in config.items() if name not in NO_PARAMETERS}}


def _row(where: str, values: Mapping[str, Any], given: Any) -> ForeignRow:
    """Read one configuration; the first of several timings is the median."""
    timing = given[0] if isinstance(given, list) and given else given
    failed = is_failure(timing)
    return ForeignRow(
        where=where,
        values=values,
        status=Status.OUT_OF_RESOURCES if failed else Status.OK,
        samples_ms=() if failed else samples_of(f"{where}: timings", timing),
        costs_s=(0.0, 0.0, 0.0),
        message=f"its timing is {as_json(timing)}: resources, an assertion or ptxas" if failed else "",
    )
