"""A landscape written only with pandas and the committed schema is replayed, listed and reported."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.harness.cli.test_cli import Nearopt, nearopt

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["nearopt"]

SPACE = {
    "parameters": [
        {"name": "algo", "kind": "categorical", "values": ["direct", "split"]},
        {"name": "tile", "kind": "ordinal", "values": [16, 32, 64], "scale": "log2"},
        {"name": "unroll", "kind": "boolean"},
        {"name": "parts", "kind": "integer", "low": 2, "high": 4, "step": 2, "active_when": "algo == 'split'"},
        {"name": "order", "kind": "permutation", "length": 3},
    ]
}


def write(path: Path, frame: pd.DataFrame) -> Path:
    metadata = {
        "schema_version": 1,
        "task": "conv-7x7-fp16",
        "device": {"name": "RTX 4090", "slug": "rtx4090"},
        "space": SPACE,
        "coverage": {"kind": "exhaustive"},
    }
    table = pa.Table.from_pandas(frame)
    pq.write_table(table.replace_schema_metadata({b"nearopt": json.dumps(metadata).encode()}), path)
    return path


def frame() -> pd.DataFrame:
    """Write indices as int64, a conditional integer as float64 with NaN, a boolean as 0 and 1, lists, and no costs."""
    rows = [
        {"config.algo": a, "config.tile": t, "config.unroll": u, "config.parts": p, "config.order": list(o)}
        for a, t, u in itertools.product(["direct", "split"], [16, 32, 64], [0, 1])
        for p in ([2.0, 4.0] if a == "split" else [np.nan])
        for o in itertools.permutations(range(3))
    ]
    table = pd.DataFrame(rows)
    rng = np.random.default_rng(0)
    table["status"] = np.where(rng.random(len(table)) < 0.1, "runtime_error", "ok")
    table["latency_ms"] = np.where(table["status"] == "ok", rng.lognormal(0, 0.5, len(table)), np.nan)
    table["oracle_ms"] = table["latency_ms"]
    return table.sample(frac=1, random_state=1)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.slow
def test_minimal_fields_are_enough(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write(tmp_path / "conv 7x7.parquet", frame())
    code, out, err = nearopt(
        "run", "-m", "jobs=1", f"backend.landscape='{path}'", "strategy=random,optuna_tpe,conditional_gp",
        "seed=range(0,2)", "budget.evaluations=12",
    )  # fmt: skip
    assert (code, out.split(":")[0]) == (0, "6 runs done, 0 were done before, 0 failed"), err
    code, out, err = nearopt("report", "results")
    assert code == 0, err
    table = pd.read_csv(tmp_path / "report/speedups.csv")
    assert set(table["axis"]) == {"evaluations"}  # without costs, seconds say nothing
    assert set(table["strategy"]) == {"random", "optuna_tpe", "conditional_gp"}
    code, out, err = nearopt("landscapes", path)
    assert (code, err) == (0, "")
    assert "conv 7x7" in out


def test_a_landscape_where_everything_failed_replays_and_reports(nearopt: Nearopt, tmp_path: Path) -> None:
    failed = frame().assign(status="compile_error", latency_ms=np.nan, oracle_ms=np.nan)
    path = write(tmp_path / "failed.parquet", failed)
    sweep = ("run", "-m", "jobs=1", f"backend.landscape={path}", "strategy=random,optuna_tpe", "budget.evaluations=9")
    assert nearopt(*sweep)[0] == 1, "nothing succeeded"
    assert nearopt("report", "results")[0] == 0
