"""The names of files, columns and keys of a results folder in the analysis; see ``harness/run/README.md``.

The harness has its own names (``harness/run/contract.py``), because the two halves do not import each other; a test
checks both against ``harness/run/run_directory.schema.json``. All other modules of the analysis use these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NotRequired, TypedDict

import pyarrow as pa

FORMAT_VERSION: Final = 1
"""The newest supported version of run directories, plans and consolidated files; without a version it is 1."""

# In a run's directory
CONFIG: Final = "config.yaml"
ENVIRONMENT: Final = "environment.json"
EVALUATIONS: Final = "evaluations.parquet"
LOG: Final = "evaluations.jsonl"
STRATEGY: Final = "strategy.json"
FAILED: Final = "FAILED"
DONE: Final = "DONE"
UNCHECKED_DONE: Final = frozenset({"status", "evaluations", "ended", "config_hash", "evaluations_sha256"})
"""The keys of a DONE without a checksum, as an older NearOpt wrote it."""
LOCK: Final = ".lock"
OWNER: Final = ".owner"
OWNER_S: Final = 90.0
"""Seconds after which an untouched .owner is stale."""
ABORTED_PREFIX: Final = "aborted-"
SEED_PREFIX: Final = "seed-"

# In a task's folder
REFERENCE: Final = "reference.parquet"
REFERENCE_NOTE: Final = "reference.yaml"
RETIMED: Final = "retimed.parquet"

# In the results folder
PLANNED: Final = "planned"
CONSOLIDATED: Final = "consolidated.parquet"

RUN_FILES: Final = (CONFIG, ENVIRONMENT, EVALUATIONS, LOG, FAILED, DONE, LOCK, OWNER)
"""The files of a run's directory that are read."""
ALL_RUN_FILES: Final = (CONFIG, ENVIRONMENT, LOG, EVALUATIONS, STRATEGY, FAILED, DONE)
"""Names in it that must be files if they exist."""
ANY_DEVICE: Final = "__*"
"""The ending of a planned task whose device is known only when it runs."""
ENDED_FAILED: Final = "failed"
"""The ``ended`` of a run that left FAILED instead of DONE."""
TASK_FILES: Final = (REFERENCE, REFERENCE_NOTE, RETIMED)
RESULTS_FILES: Final = (PLANNED, CONSOLIDATED)

# In environment.json
STARTED: Final = "started"
"""When the run began, ISO 8601 in UTC; of several runs the first. Older runs do not record it."""
LAST_STARTED: Final = "last_started"
"""When the last of several runs began."""

METADATA_KEY: Final = b"nearopt"
"""The key of the JSON document in the metadata of a Parquet file."""

OK_STATUS: Final = "ok"
"""The status of an evaluation that has a latency."""

CHECK: Final = "check"
"""The checksum of a line of the log; absent in older logs."""
STATUS: Final = "status"
INDEX: Final = "index"
REPAIRED: Final = "repaired"
MESSAGE: Final = "message"
LATENCY_MS: Final = "latency_ms"
ORACLE_MS: Final = "oracle_ms"
SAMPLES_MS: Final = "samples_ms"
CLOCK_END_S: Final = "clock_end_s"
ASK_S: Final = "ask_s"
TELL_S: Final = "tell_s"
COMPILE_S: Final = "compile_s"
VERIFY_S: Final = "verify_s"
BENCHMARK_S: Final = "benchmark_s"
WALL_S: Final = "wall_s"
SETUP_S: Final = "setup_s"
ALIAS: Final = "alias"
KEY: Final = "key"
ORIGIN: Final = "origin"
DRAW_PROBABILITY: Final = "draw_probability"
DRAWS: Final = "draws"

STATUSES: Final = frozenset(
    {
        "ok", "compile_error", "out_of_resources", "compile_timeout", "run_timeout", "wrong_result", "runtime_error",
        "worker_crash",
    }
)  # fmt: skip
LOGGED_NUMBERS: Final = (
    LATENCY_MS, ORACLE_MS, COMPILE_S, VERIFY_S, BENCHMARK_S, ASK_S, TELL_S, "clock_start_s", CLOCK_END_S,
)  # fmt: skip
"""Keys of every line of the log."""
NULLABLE_NUMBERS: Final = frozenset({LATENCY_MS, ORACLE_MS})

REQUIRED_NUMBERS: Final = (LATENCY_MS, ORACLE_MS, CLOCK_END_S)
"""Numeric columns of evaluations.parquet that every run has."""
OPTIONAL_NUMBERS: Final = (ASK_S, TELL_S, COMPILE_S, VERIFY_S, BENCHMARK_S, WALL_S, ALIAS)
"""Numeric columns that older or imported runs lack."""
EVALUATION_COLUMNS: Final = (STATUS, *REQUIRED_NUMBERS)
OPTIONAL_EVALUATION_COLUMNS: Final = (REPAIRED, INDEX, *OPTIONAL_NUMBERS)

LANDSCAPE_SHA256: Final = "landscape_sha256"
"""In reference.yaml: the digest of the landscape file behind the table."""
REFERENCE_SHA256: Final = "reference_sha256"
"""In reference.yaml: the digest of reference.parquet; absent in older studies."""
REFERENCE_COLUMNS: Final = (STATUS, LATENCY_MS, ORACLE_MS)
"""Of reference.parquet, and of landscape files, which are read alike."""
OPTIONAL_REFERENCE_COLUMNS: Final = (KEY, COMPILE_S, VERIFY_S, BENCHMARK_S, ORIGIN, DRAW_PROBABILITY, DRAWS)

LABEL: Final = "strategy"
SEED: Final = "seed"
RETIMED_COLUMNS: Final = (LABEL, SEED, INDEX, ORACLE_MS)

PATH: Final = "path"
FINGERPRINT: Final = "fingerprint"
RUN_CONFIG: Final = "config"
ENDED: Final = "ended"
REPAIRS: Final = "repairs"
OK: Final = "ok"
LISTS: Final = (*REQUIRED_NUMBERS, *OPTIONAL_NUMBERS)
"""Columns of consolidated.parquet with a list of numbers per run; null if the run did not log them."""
CONSOLIDATED_COLUMNS: Final[Mapping[str, pa.DataType]] = MappingProxyType(
    {
        PATH: pa.string(),
        FINGERPRINT: pa.string(),
        RUN_CONFIG: pa.string(),
        ENDED: pa.string(),
        REPAIRS: pa.int64(),
        OK: pa.list_(pa.bool_()),
        **{name: pa.list_(pa.float64()) for name in LISTS},
    }
)


class ConfigDocument(TypedDict):
    """config.yaml. The harness writes all keys; a study can be read without those not required here."""

    format_version: NotRequired[int]
    task: str
    strategy: dict[str, Any]
    seed: int
    streams: NotRequired[int]
    budget: dict[str, Any]
    batch: NotRequired[int]
    backend: NotRequired[dict[str, Any]]
    schedule: NotRequired[dict[str, Any]]
    start: NotRequired[dict[str, Any]]
    source: NotRequired[dict[str, Any]]
    rules: NotRequired[dict[str, Any]]
    config_hash: NotRequired[str]
    code_digest: NotRequired[str]
    chosen_on: NotRequired[list[str]]
    reference: NotRequired[dict[str, Any]]


STREAMS: Final = "streams"
FIRST_STREAMS: Final = 1
"""The version of random streams if config.yaml does not say: a seed draws the same numbers on every task."""
NOT_DECIDING: Final = frozenset({"format_version", "config_hash", "code_digest", "chosen_on"})
"""Keys of config.yaml that do not count as differences between two runs."""

REFERENCE_FACTS: Final = ("task", "kernel", "device", "coverage", "vendor", "roofline", "shape", "dtype", "default")
"""Keys of reference.yaml, and of a landscape's metadata, that a report shows."""


class ConsolidatedDocument(TypedDict):
    """The JSON document in the metadata of consolidated.parquet: its version, and the environment of one run."""

    version: str
    environment: dict[str, Any]
