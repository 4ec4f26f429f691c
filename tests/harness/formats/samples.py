"""Small documents of every foreign format, and the places of the real recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.formats.imports import Imported, import_file
from harness.landscapes.landscape import Landscape, read_landscape

EXTERNAL = Path(__file__).resolve().parents[4] / "shared" / "external-landscapes"
if not EXTERNAL.is_dir():  # a worktree lies one folder deeper than a clone
    EXTERNAL = EXTERNAL.parents[2] / "shared" / "external-landscapes"
RECORDINGS = sorted(EXTERNAL.glob("*.json.gz"))
CACHES = [path for path in RECORDINGS if "_T4" not in path.name]
NOT_HERE = "the shared recordings are not here"

COSTS = {"compile_time": 1500, "verification_time": 0, "benchmark_time": 250.0}


def cache() -> dict[str, Any]:
    """Return a cache with every kind of parameter and failure."""

    def record(x: int, pad: int, mode: str, **rest: Any) -> dict[str, Any]:
        return {"x": x, "pad": pad, "mode": mode, "tile": 3, "depth": 1, **rest}

    return {
        "device_name": "Some GPU",
        "kernel_name": "k",
        "problem_size": [64],
        "tune_params_keys": ["x", "pad", "mode", "tile", "depth"],
        "tune_params": {"x": [16, 32, 64], "pad": [0, 1], "mode": ["a", "b"], "tile": [3, 5], "depth": [1]},
        "cache": {
            "16,0,a,3,1": record(16, 0, "a", time=2.1, times=[3.0, 2.0, 2.0], **COSTS),
            "32,1,b,3,1": record(32, 1, "b", time="CompilationFailedConfig", compile_time=4000),
            "64,1,b,3,1": record(64, 1, "b", time=1e20, __error__="InvalidConfig"),
            "64,0,a,3,1": record(64, 0, "a", time=1.5),
        },
    }


def t4() -> dict[str, Any]:
    """Return the same recording as T4 results, as benchmark_hub writes them."""

    def result(x: int, pad: int, mode: str, invalidity: str, value: Any, **times: Any) -> dict[str, Any]:
        return {
            "configuration": {"x": x, "pad": pad, "mode": mode, "tile": 3, "depth": 1},
            "times": {"framework": 0, "search_algorithm": 0, **times},
            "invalidity": invalidity,
            "correctness": int(invalidity == "correct"),
            "measurements": [{"name": "time", "value": value, "unit": ""}],
            "objectives": ["time"],
        }

    return {
        "metadata": {"timeunit": "miliseconds"},
        "schema_version": "1.0.0",
        "results": [
            result(
                16, 0, "a", "correct", 2.1, runtimes=[3.0, 2.0, 2.0], compilation=1500, validation=0, benchmark=250.0
            ),
            result(32, 1, "b", "compile", "CompilationFailedConfig", compilation=4000),
            result(64, 1, "b", "constraints", "InvalidConfig"),
            result(64, 0, "a", "correct", 1.5),
        ],
    }


def t1() -> dict[str, Any]:
    """Return a space that consists of exactly the four configurations."""
    domains = {"x": "[2**i for i in range(4, 7)]", "pad": "[0, 1]", "mode": "['a', 'b']", "tile": "[3]", "depth": [1]}
    return {
        "General": {"BenchmarkName": "k"},
        "ConfigurationSpace": {
            "TuningParameters": [{"Name": name, "Type": "int", "Values": values} for name, values in domains.items()],
            "Conditions": [
                {"Expression": "(mode == 'a') == (pad == 0)", "Parameters": ["mode"]},
                {"Expression": "x * depth <= LIMIT or pad == 1", "Parameters": []},
                {"Expression": "x != 32 or pad == 1"},
                {"Expression": "x > 16 or pad == 0"},
            ],
        },
        "BenchmarkConfig": {"LIMIT": 64, "note": "text"},
        "KernelSpecification": {"BenchmarkName": "other"},
    }


def imported(folder: Path, document: Any, space: Any = None) -> Landscape:
    """Import a document through a file and return its landscape."""
    return read_landscape(import_document(folder, document, space).out)


def import_document(folder: Path, document: Any, space: Any = None) -> Imported:
    source, described = folder / "cache.json", folder / "T1.json"
    source.write_text(document if isinstance(document, str) else json.dumps(document))
    if space is not None:
        described.write_text(json.dumps(space))
    return import_file(source, folder / "k-64__somegpu.parquet", None if space is None else described)


def by_x_and_mode(landscape: Landscape) -> dict[tuple[Any, Any], int]:
    """Index the rows by the two parameters that distinguish them."""
    decoded = [landscape.space.decode(codes) for codes in landscape.codes]
    return {(configuration["x"], configuration["mode"]): row for row, configuration in enumerate(decoded)}
