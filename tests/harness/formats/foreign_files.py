"""One small file of each format, in its published form, of a function whose optimum is known.

``LATENCY_US`` is least, 10 µs, at block 64 with 4 warps; block 128 with 8 warps fails.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from math import log2
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import IntDistribution
from optuna.trial import TrialState, create_trial

BLOCKS, WARPS = (32, 64, 128), (2, 4, 8)
GRID = [(block, warps) for block in BLOCKS for warps in WARPS]
BEST = {"block": 64, "num_warps": 4}
BEST_MS = 0.010
FAILS = (128, 8)


def latency_us(block: int, warps: int) -> float:
    """The latency in µs of a configuration that works."""
    return 10.0 + 4.0 * abs(log2(block / 64)) + 2.0 * abs(log2(warps / 4))


def kernel_config(block: int, warps: int) -> dict[str, Any]:
    """Return the content of ``triton.Config.__dict__``."""
    return {
        "kwargs": {"block": block}, "num_warps": warps, "num_ctas": 1, "num_stages": 3, "maxnreg": None,
        "pre_hook": None, "ir_override": None,
    }  # fmt: skip


def triton_timings(block: int, warps: int) -> list[float]:
    """Return the result of ``do_bench(quantiles=(0.5, 0.2, 0.8))``, in ms."""
    if (block, warps) == FAILS:
        return [float("inf")] * 3
    ms = latency_us(block, warps) / 1e3
    return [ms, ms * 0.98, ms * 1.05]


def triton(folder: Path) -> Path:
    """Write the file as Triton does; a test compares the two."""
    path = folder / "softmax.autotune.json"
    pairs = [(kernel_config(*one), triton_timings(*one)) for one in GRID]
    path.write_text(json.dumps({"key": [4096, "torch.bfloat16"], "configs_timings": pairs}))
    return path


def helion(folder: Path) -> Path:
    """Write the file as ``AutotuneLogSink`` does; a test compares the two."""
    path = folder / "softmax.csv"
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["run_id", "timestamp_s", "config_id", "generation", "status", "perf_ms", "compile_time_s", "config"]
    )
    for i, (block, warps) in enumerate(GRID):
        config = f"Config(block={block}, num_stages=1, num_warps={warps}, pid_type='flat')"
        failed = (block, warps) == FAILS
        perf = "" if failed else f"{latency_us(block, warps) / 1e3:.6f}"
        writer.writerow(["0f3a", f"{i}.00", f"c{i}", 0, "started", "", "1.50", config])
        writer.writerow(["0f3a", f"{i}.50", f"c{i}", 0, "error" if failed else "ok", perf, "1.50", config])
    path.write_text(out.getvalue())
    return path


def ktt(folder: Path) -> Path:
    """Write the file as ``JsonConverters.cpp`` does, in microseconds."""
    path = folder / "softmax.ktt.json"

    def result(block: int, warps: int) -> dict[str, Any]:
        failed = (block, warps) == FAILS
        duration = 0.0 if failed else latency_us(block, warps)
        values = {"block": block, "num_warps": warps}
        pairs = [{"Name": name, "Value": value, "ValueType": "UnsignedInt"} for name, value in values.items()]
        return {
            "CompilationOverhead": 9265.11, "ComputationResults": [] if failed else [{"Duration": duration}],
            "Configuration": pairs, "DataMovementOverhead": 7161.783, "ExtraDuration": 0.0,
            "KernelName": "softmax_kernel", "Status": "DeviceLimitsExceeded" if failed else "Ok",
            "TotalDuration": duration, "TotalOverhead": 119152.0, "ValidationOverhead": 10290.98,
        }  # fmt: skip

    metadata = {
        "ComputeApi": "CUDA", "Device": "NVIDIA H100", "GlobalSizeType": "CUDA", "KttVersion": "2.3.1",
        "Platform": "NVIDIA CUDA", "TimeUnit": "Microseconds", "Timestamp": "2026-04-21 07:19:06 UTC",
    }  # fmt: skip
    path.write_text(json.dumps({"Metadata": metadata, "Results": [result(*one) for one in GRID]}, indent=2))
    return path


def autotvm_record(block: int, warps: int, task: str = "softmax.cuda") -> dict[str, Any]:
    """Write the file as ``record.encode`` does: costs in s, 1e9 for a failure."""
    failed = (block, warps) == FAILS
    return {
        "input": ["cuda -keys=cuda,gpu -arch=sm_90 -model=h100", task, [["TENSOR", [4096, 2560], "float32"]], {}],
        "config": {
            "index": block * 8 + warps, "code_hash": None,
            "entity": [["block", "ot", block], ["num_warps", "ot", warps], ["tile_x", "sp", [-1, 4]]],
        },
        "result": [[1e9] if failed else [latency_us(block, warps) / 1e6] * 3, 4 if failed else 0, 1.25, 1676344759.5],
        "version": 0.2,
        "tvm_version": "0.10.0",
    }  # fmt: skip


def autotvm(folder: Path) -> Path:
    """Write the log of one task."""
    path = folder / "softmax.log"
    path.write_text("".join(json.dumps(autotvm_record(*one)) + "\n" for one in GRID))
    return path


def clblast(folder: Path) -> Path:
    """Write the file as ``PrintTimingsToFileAsJSON`` does, without the failures."""
    path = folder / "clblast_xsoft_32.json"
    results = [
        {"kernel": "XSoft", "time": round(latency_us(block, warps) / 1e3, 3),
         "parameters": {"PRECISION": 32, "block": block, "num_warps": warps}}
        for block, warps in GRID if (block, warps) != FAILS
    ]  # fmt: skip
    facts = {
        "kernel_family": "xsoft", "precision": "32", "best_kernel": "XSoft", "best_time": "0.01",
        "best_parameters": "PRECISION=32 block=64 num_warps=4", "arg_m": "4096", "arg_n": "2560",
        "clblast_device_type": "GPU", "clblast_device_vendor": "NVIDIA", "clblast_device_architecture": "SM9.0",
        "clblast_device_name": "NVIDIA H100", "device": "NVIDIA H100", "device_core_clock": "1980",
    }  # fmt: skip
    path.write_text(json.dumps({**facts, "results": results}, indent=2))
    return path


def optuna_study(storage: Any) -> optuna.Study:
    """Make a study of the whole grid in ms, with one trial that is still waiting."""
    study = optuna.create_study(storage=storage, study_name="softmax")
    spaces = {"block": IntDistribution(32, 128), "num_warps": IntDistribution(2, 8)}
    for block, warps in GRID:
        failed = (block, warps) == FAILS
        study.add_trial(create_trial(
            params={"block": block, "num_warps": warps}, distributions=spaces,
            value=None if failed else latency_us(block, warps) / 1e3,
            state=TrialState.FAIL if failed else TrialState.COMPLETE,
        ))  # fmt: skip
    study.enqueue_trial({"block": 64, "num_warps": 8})
    return study


def optuna_sqlite(folder: Path) -> Path:
    """Write a storage with Optuna."""
    path = folder / "mine.db"
    optuna_study(f"sqlite:///{path}")
    return path


def optuna_journal(folder: Path) -> Path:
    """Write a journal with Optuna."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = folder / "mine.journal"
    optuna_study(JournalStorage(JournalFileBackend(str(path))))
    return path


def frame() -> pd.DataFrame:
    """Return a table whose column names are not identifiers, with an empty time for a failure."""
    rows = [
        {"run": i, "block": block, "num_warps": warps,
         "latency": None if (block, warps) == FAILS else latency_us(block, warps)}
        for i, (block, warps) in enumerate(GRID)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def table_csv(folder: Path) -> Path:
    """Write a table with pandas."""
    path = folder / "mine.csv"
    frame().to_csv(path)
    return path


def table_parquet(folder: Path) -> Path:
    """Write a table with pandas, with its own index."""
    path = folder / "mine.parquet"
    frame().set_index("run").to_parquet(path)
    return path


TABLE = ("--config-columns", "block,num_warps", "--time-column", "latency", "--unit", "us")
FILES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...], str]] = {
    "triton": (triton, (), "ms, as do_bench returns it"),
    "helion": (helion, (), "ms, column 'perf_ms'"),
    "ktt": (ktt, (), "us, as Metadata.TimeUnit says"),
    "autotvm": (autotvm, (), "s, AutoTVM's unit"),
    "clblast": (clblast, (), "ms, CLBlast's unit; failures are not in the file"),
    "optuna-sqlite": (optuna_sqlite, ("--unit", "ms"), "ms, as --unit says"),
    "optuna-journal": (optuna_journal, ("--unit", "ms"), "ms, as --unit says"),
    "table-csv": (table_csv, TABLE, "us, as --unit says"),
    "table-parquet": (table_parquet, TABLE, "us, as --unit says"),
}
"""By format: what writes a file, the options that it needs, and the unit that is printed."""
