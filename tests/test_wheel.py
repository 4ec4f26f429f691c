"""An installed NearOpt contains its configuration and landscapes, because they are in the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_wheel_replays_without_the_checkout(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("nearopt-*.whl")
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel, cwd=tmp_path)
    where = run(sys.executable, "-c", "import harness, kernels; print(harness.__file__, kernels.__file__)",
                cwd=tmp_path, path=site)  # fmt: skip
    assert where.count(str(site)) == 2
    listed = run(sys.executable, "-m", "harness.cli", "landscapes", cwd=tmp_path, path=site)
    for name in ("matmul-", "attention-", "layernorm-", "softmax-"):
        assert name in listed
    task = next(word for word in listed.split() if word.startswith("softmax-")).split("__")[0]
    run(sys.executable, "-m", "harness.cli", "run", f"task={task}", "budget.evaluations=5", cwd=tmp_path, path=site)
    assert list((tmp_path / "results").rglob("evaluations.parquet"))
    assert {"README.md", "run_directory.schema.json"} <= {file.name for file in (site / "harness/run").iterdir()}
    gated = run(sys.executable, "-m", "harness.cli", "gate", "random", "--against", "random", "--suite", "ci",
                cwd=tmp_path, path=site)  # fmt: skip
    assert f"baseline: {site}" in gated
    assert gated.splitlines()[-1] == "pass: every run of random took as long as the baseline's"
