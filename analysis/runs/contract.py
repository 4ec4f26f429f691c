"""What the analysis calls the files, columns and keys of a results folder: see ``harness/run/README.md``.

The harness has names of its own for them (``harness/run/contract.py``), since neither imports the other; a test holds
both to ``harness/run/run_directory.schema.json``. Every other module of the analysis takes the names from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NotRequired, TypedDict

import pyarrow as pa

FORMAT_VERSION: Final = 1
"""The newest that is known here, of run directories, plans and consolidated files; what says none is of version 1."""

# In a run's directory
CONFIG: Final = "config.yaml"
ENVIRONMENT: Final = "environment.json"
EVALUATIONS: Final = "evaluations.parquet"
LOG: Final = "evaluations.jsonl"
STRATEGY: Final = "strategy.json"
FAILED: Final = "FAILED"
DONE: Final = "DONE"
UNCHECKED_DONE: Final = frozenset({"status", "evaluations", "ended", "config_hash", "evaluations_sha256"})
"""The keys of a DONE without a check, as an older NearOpt wrote it."""
LOCK: Final = ".lock"
OWNER: Final = ".owner"
OWNER_S: Final = 90.0
"""An .owner that was not touched for so long belongs to nobody."""
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
"""What is read of a run's directory."""
ALL_RUN_FILES: Final = (CONFIG, ENVIRONMENT, LOG, EVALUATIONS, STRATEGY, FAILED, DONE)
"""What of it must be a file where it is there."""
ANY_DEVICE: Final = "__*"
"""The end of a planned task whose device is known only where it runs."""
ENDED_FAILED: Final = "failed"
"""How a run ended that left FAILED instead of DONE."""
TASK_FILES: Final = (REFERENCE, REFERENCE_NOTE, RETIMED)
RESULTS_FILES: Final = (PLANNED, CONSOLIDATED)

# In environment.json
STARTED: Final = "started"
"""When the run began, ISO 8601 in UTC; of several runs the first. Older runs do not say."""
LAST_STARTED: Final = "last_started"
"""Of several runs."""

METADATA_KEY: Final = b"nearopt"
"""Of the JSON document in the metadata of a Parquet file."""

OK_STATUS: Final = "ok"
"""The status of an evaluation that has a latency."""

CHECK: Final = "check"
"""Of a line of the log; absent in older ones."""
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
"""Of every line of the log."""
NULLABLE_NUMBERS: Final = frozenset({LATENCY_MS, ORACLE_MS})

REQUIRED_NUMBERS: Final = (LATENCY_MS, ORACLE_MS, CLOCK_END_S)
"""Columns of evaluations.parquet that become numbers, and that every run has."""
OPTIONAL_NUMBERS: Final = (ASK_S, TELL_S, COMPILE_S, VERIFY_S, BENCHMARK_S, WALL_S, ALIAS)
"""Those that older or imported runs lack."""
EVALUATION_COLUMNS: Final = (STATUS, *REQUIRED_NUMBERS)
OPTIONAL_EVALUATION_COLUMNS: Final = (REPAIRED, INDEX, *OPTIONAL_NUMBERS)

LANDSCAPE_SHA256: Final = "landscape_sha256"
"""In reference.yaml: of the landscape file that the table is of."""
REFERENCE_SHA256: Final = "reference_sha256"
"""In reference.yaml: of the bytes of reference.parquet; absent in older studies."""
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
"""Columns of consolidated.parquet with a list of numbers a run; null where the run has not logged them."""
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
    """config.yaml. The harness writes all of it; a study can be read without what is not required here."""

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
"""What a run is of whose config.yaml does not say: one seed draws the same random numbers on every task."""
NOT_DECIDING: Final = frozenset({"format_version", "config_hash", "code_digest", "chosen_on"})
"""Keys of config.yaml that are not named among the differences between two runs."""

REFERENCE_FACTS: Final = ("task", "kernel", "device", "coverage", "vendor", "roofline", "shape", "dtype", "default")
"""Keys of reference.yaml, and of a landscape's metadata, that a report tells."""


class ConsolidatedDocument(TypedDict):
    """The JSON document in the metadata of consolidated.parquet: its version, and the environment of one run."""

    version: str
    environment: dict[str, Any]
