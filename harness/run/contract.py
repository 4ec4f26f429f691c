"""Names of the files, columns and keys of a results folder, as the harness uses them; README.md explains them.

``run_directory.schema.json`` states the same for other tools, ``analysis/runs/contract.py`` for the analysis; a test
keeps the three consistent. All code of the harness that reads or writes such a file takes its names from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict

import pyarrow as pa

from harness.landscapes.columns import METADATA_KEY as METADATA_KEY
from harness.landscapes.columns import PARAMETER_PREFIX as PARAMETER_PREFIX
from harness.system.lease import LOCK as LOCK
from harness.system.lease import NOTE as OWNER
from harness.system.sealed_lines import CHECK as CHECK

FORMAT_VERSION: Final = 1
"""Format version of run directories, plans and consolidated files. A file without a version is of version 1.

It rises if an older reader would misread the files, since a name or meaning changed, but not for an added key or
column.
"""

# In a run's directory, RESULTS/<task>/<strategy label>/seed-<n>/
CONFIG: Final = "config.yaml"
ENVIRONMENT: Final = "environment.json"
LOG: Final = "evaluations.jsonl"
EVALUATIONS: Final = "evaluations.parquet"
STRATEGY: Final = "strategy.json"
FAILED: Final = "FAILED"
DONE: Final = "DONE"
ABORTED_PREFIX: Final = "aborted-"
SEED_PREFIX: Final = "seed-"
TEMPORARY: Final = ".*.tmp"
"""Pattern of files being written; leftover ones belonged to a killed process."""

# In a task's folder, RESULTS/<task>/
REFERENCE: Final = "reference.parquet"
REFERENCE_NOTE: Final = "reference.yaml"
RETIMED: Final = "retimed.parquet"

# In the results folder
PLANNED: Final = "planned"
PROVENANCE: Final = "provenance"
CONSOLIDATED: Final = "consolidated.parquet"
"""Written by the analysis; the harness reads only its version and the columns named below."""
BEST: Final = "best.json"
"""The result of ``nearopt tune``."""

RUN_FILES: Final = (CONFIG, ENVIRONMENT, LOG, EVALUATIONS, STRATEGY, FAILED, DONE, LOCK, OWNER)
TASK_FILES: Final = (REFERENCE, REFERENCE_NOTE, RETIMED)
RESULTS_FILES: Final = (PLANNED, PROVENANCE, CONSOLIDATED, BEST)


def run_name(label: str, seed: int) -> Path:
    """The path of a run's directory below its task's folder."""
    return Path(label) / f"{SEED_PREFIX}{seed}"


INDEX: Final = "index"
STATUS: Final = "status"
LATENCY_MS: Final = "latency_ms"
ORACLE_MS: Final = "oracle_ms"
SAMPLES_MS: Final = "samples_ms"
COMPILE_S: Final = "compile_s"
VERIFY_S: Final = "verify_s"
BENCHMARK_S: Final = "benchmark_s"
ASK_S: Final = "ask_s"
TELL_S: Final = "tell_s"
CLOCK_START_S: Final = "clock_start_s"
CLOCK_END_S: Final = "clock_end_s"
WALL_S: Final = "wall_s"
SETUP_S: Final = "setup_s"
ASKED: Final = "asked"
ASKS_S: Final = "asks_s"
KEY: Final = "key"
SEED: Final = "seed"
LABEL: Final = "strategy"
ORIGIN: Final = "origin"
DRAW_PROBABILITY: Final = "draw_probability"
DRAWS: Final = "draws"
PATH: Final = "path"
FINGERPRINT: Final = "fingerprint"
RUN_CONFIG: Final = "config"
ENDED: Final = "ended"
ENDED_FAILED: Final = "failed"
"""The value of ``ended`` in consolidated.parquet for a run with FAILED instead of DONE."""

EVALUATION_COLUMNS: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        INDEX: pa.int64(),
        STATUS: pa.string(),
        LATENCY_MS: pa.float64(),
        ORACLE_MS: pa.float64(),
        SAMPLES_MS: pa.list_(pa.float64()),
        COMPILE_S: pa.float64(),
        VERIFY_S: pa.float64(),
        BENCHMARK_S: pa.float64(),
        ASK_S: pa.float64(),
        TELL_S: pa.float64(),
        CLOCK_START_S: pa.float64(),
        CLOCK_END_S: pa.float64(),
        WALL_S: pa.float64(),
        SETUP_S: pa.float64(),
        ASKED: pa.int64(),
        ASKS_S: pa.list_(pa.float64()),
        "message": pa.string(),
        "repaired": pa.bool_(),
        "alias": pa.bool_(),
        "sm_clock_mhz": pa.int64(),
        "temperature_c": pa.int64(),
        "throttle_reasons": pa.int64(),
    }
)
"""Columns of evaluations.parquet in the order written; one column per parameter follows.

They are the fields of :class:`~harness.evaluation.Evaluation` and of its device state, where each is explained.
"""
PARAMETER_TYPES: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64(), "permutation": pa.list_(pa.int64()), "other": pa.string()}
)
"""Type of a parameter's column by the NumPy kind of its values; null where the parameter is inactive."""
REFERENCE_COLUMNS: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        KEY: pa.string(),
        STATUS: pa.string(),
        LATENCY_MS: pa.float64(),
        ORACLE_MS: pa.float64(),
        SAMPLES_MS: pa.list_(pa.float64()),
        COMPILE_S: pa.float64(),
        VERIFY_S: pa.float64(),
        BENCHMARK_S: pa.float64(),
        ORIGIN: pa.string(),
        DRAW_PROBABILITY: pa.float64(),
        DRAWS: pa.float64(),
    }
)
"""Columns of reference.parquet. ``draw_probability`` was added later: a sweep rewrites files that lack it. ``draws``
exists only for recordings of independent draws."""
RETIMED_COLUMNS: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        LABEL: pa.dictionary(pa.int32(), pa.string()),
        SEED: pa.int64(),
        INDEX: pa.int64(),
        KEY: pa.dictionary(pa.int32(), pa.string()),
        ORACLE_MS: pa.float64(),
        SAMPLES_MS: pa.list_(pa.float32()),
    }
)


def parameter_column(name: str) -> str:
    """The column of a search-space parameter."""
    return f"{PARAMETER_PREFIX}{name}"


class DecidingDocument(TypedDict):
    """The part of config.yaml that decides the results: ``config_hash`` is the digest of exactly this part.

    ``streams`` states how random numbers follow from ``seed`` (:mod:`harness.run.streams`); absent, and not hashed, in
    runs of version 1. The following keys exist only in the runs that they concern. ``schedule``, in asynchronous runs:
    ``kind`` (async), ``workers``, ``ask_ahead``. ``start``, in runs that begin with given configurations: ``source``,
    ``configurations``. ``source``, in runs that learn from earlier tunings: sizes, and ``of`` with a digest of each.
    ``rules``, in runs that end evaluations early: the options of the active rules (:mod:`harness.rules`).
    """

    task: str
    strategy: dict[str, Any]
    seed: int
    streams: NotRequired[int]
    budget: dict[str, Any]
    batch: int
    backend: dict[str, Any]
    schedule: NotRequired[dict[str, Any]]
    start: NotRequired[dict[str, Any]]
    source: NotRequired[dict[str, Any]]
    rules: NotRequired[dict[str, Any]]


class ConfigDocument(DecidingDocument):
    """config.yaml."""

    format_version: NotRequired[int]
    config_hash: str
    code_digest: NotRequired[str]
    reference: dict[str, Any]
    chosen_on: NotRequired[list[str]]


STREAMS: Final = "streams"
SCHEDULE: Final = "schedule"
START: Final = "start"
SOURCE: Final = "source"
RULES: Final = "rules"
UNSAID: Final = frozenset({STREAMS, SCHEDULE, START, SOURCE, RULES})
"""Deciding keys that are absent, and not hashed, where a run behaves as before the key existed."""
FIRST_STREAMS: Final = 1
"""The version of the streams of a run whose config.yaml does not state it."""
NOT_DECIDING: Final = frozenset({"format_version", "config_hash", "code_digest", "chosen_on"})
"""Keys of config.yaml that messages about the differences between two runs do not name."""


class DoneDocument(TypedDict):
    """DONE."""

    status: Literal["complete"]
    evaluations: int
    ended: str
    config_hash: str
    evaluations_sha256: NotRequired[str]
    utilisation: NotRequired[float]
    check: NotRequired[str]


class FailedDocument(TypedDict):
    """FAILED."""

    message: str
    final: bool
    trace: str


class EnvironmentDocument(TypedDict):
    """The content of environment.json without the backend's entries."""

    git: dict[str, Any]
    packages: dict[str, str]
    python: str
    platform: str
    host: str
    cpus: int | None
    threads: str | None
    argv: list[str]


class FullEnvironmentDocument(EnvironmentDocument):
    """environment.json."""

    started: NotRequired[str]
    source: NotRequired[dict[str, Any]]

    backend: dict[str, Any]


class PlannedGroup(TypedDict):
    """Planned runs of one strategy on one task."""

    task: str
    strategy: str
    seeds: list[int]


class PlanDocument(TypedDict):
    """The content of a file in planned/."""

    version: int
    runs: list[PlannedGroup]


class ReferenceNote(TypedDict):
    """The content of reference.yaml: which recording the task's runs replay, and facts about it."""

    landscape_sha256: str
    reference_sha256: NotRequired[str]
    task: NotRequired[str]
    kernel: NotRequired[str]
    device: NotRequired[dict[str, Any]]
    coverage: NotRequired[dict[str, Any]]
    vendor: NotRequired[dict[str, Any]]
    roofline: NotRequired[dict[str, Any]]
    shape: NotRequired[dict[str, Any]]
    dtype: NotRequired[str]
    default: NotRequired[dict[str, Any]]


REFERENCE_FACTS: Final = ("task", "kernel", "device", "coverage", "vendor", "roofline", "shape", "dtype")
"""Keys of reference.yaml that are copied from the landscape's metadata, if present there."""


class RetimedFacts(TypedDict):
    """How a task's runs were timed again; ``failed``: configurations that failed then."""

    device: dict[str, Any]
    versions: dict[str, str]
    retiming: dict[str, Any]
    failed: NotRequired[int]
    vendor: NotRequired[dict[str, Any]]


class RetimedDocument(RetimedFacts):
    """The JSON document in the metadata of retimed.parquet."""

    retimed_at: str
    scales: dict[str, float]
