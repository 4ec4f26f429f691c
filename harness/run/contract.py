"""What the harness calls the files, columns and keys of a results folder. README.md beside this file is the page.

``run_directory.schema.json`` says the same to anybody's tools, ``analysis/runs/contract.py`` to the analysis; a test
holds the three together. Whoever in the harness writes or reads such a file takes its names from here.
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
"""Of run directories, plans and consolidated files. One without a version is of version 1.

It rises when an older reader would misread the files: a name or a meaning changes. A key or column more is no reason.
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
"""Files being written; those that are left belonged to a process that was killed."""

# In a task's folder, RESULTS/<task>/
REFERENCE: Final = "reference.parquet"
REFERENCE_NOTE: Final = "reference.yaml"
RETIMED: Final = "retimed.parquet"

# In the results folder
PLANNED: Final = "planned"
PROVENANCE: Final = "provenance"
CONSOLIDATED: Final = "consolidated.parquet"
"""The analysis writes it; here only its version and the columns named below are read."""
BEST: Final = "best.json"
"""What ``nearopt tune`` found."""

RUN_FILES: Final = (CONFIG, ENVIRONMENT, LOG, EVALUATIONS, STRATEGY, FAILED, DONE, LOCK, OWNER)
TASK_FILES: Final = (REFERENCE, REFERENCE_NOTE, RETIMED)
RESULTS_FILES: Final = (PLANNED, PROVENANCE, CONSOLIDATED, BEST)


def run_name(label: str, seed: int) -> Path:
    """A run's directory below its task's folder."""
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
"""Of consolidated.parquet: how a run ended that left FAILED instead of DONE."""

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
"""evaluations.parquet in the order written; a column a parameter follows.

They are the fields of :class:`~harness.evaluation.Evaluation` and of its device state, which says what each means.
"""
PARAMETER_TYPES: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64(), "permutation": pa.list_(pa.int64()), "other": pa.string()}
)
"""Of a parameter's column, by the kind of NumPy type of its values; null where the parameter is inactive."""
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
"""reference.parquet. ``draw_probability`` came later: files without it are read, and written again by a sweep.
``draws`` is there for recordings of independent draws alone."""
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
    """The column of a search space's parameter."""
    return f"{PARAMETER_PREFIX}{name}"


class DecidingDocument(TypedDict):
    """What of config.yaml decides the results: its ``config_hash`` is the digest of this and of nothing else.

    ``streams`` is how random numbers follow from ``seed`` (:mod:`harness.run.streams`); absent, and so in no hash, in
    runs of version 1. ``schedule`` is there in asynchronous runs alone: ``kind`` (async), ``workers``, ``ask_ahead``.
    ``start`` is there in runs that begin with given configurations alone: ``source``, ``configurations``.
    ``source`` is there in runs that learn from earlier tunings alone: sizes, and ``of`` with a digest of each.
    ``rules`` has the options of rules that end evaluations early (:mod:`harness.rules`), in runs with such rules alone.
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
"""What decides a run and is absent, and in no hash, where it is as it was before there was a choice."""
FIRST_STREAMS: Final = 1
"""What a run is of whose config.yaml does not say."""
NOT_DECIDING: Final = frozenset({"format_version", "config_hash", "code_digest", "chosen_on"})
"""Keys of config.yaml that are not named among the differences between two runs."""


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
    """environment.json without what the backend adds."""

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
    """Runs of one strategy on one task."""

    task: str
    strategy: str
    seeds: list[int]


class PlanDocument(TypedDict):
    """A file in planned/."""

    version: int
    runs: list[PlannedGroup]


class ReferenceNote(TypedDict):
    """reference.yaml: which recording the task's runs replay, and what is known of it."""

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
"""Keys of reference.yaml that are as in the landscape's metadata, where it has them."""


class RetimedFacts(TypedDict):
    """How a task's runs were timed again."""

    device: dict[str, Any]
    versions: dict[str, str]
    retiming: dict[str, Any]
    vendor: NotRequired[dict[str, Any]]


class RetimedDocument(RetimedFacts):
    """The JSON document in the metadata of retimed.parquet."""

    retimed_at: str
    scales: dict[str, float]
