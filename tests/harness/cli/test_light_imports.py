"""A short command imports only what it needs, because imports take most of its time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.summaries import landscape_summaries
from harness.system.cache import VARIABLE
from harness.system.resources import CHECKOUT
from tests.harness.toy import write_toy

HEAVY = (
    "torch",
    "triton",
    "pandas",
    "scipy",
    "matplotlib",
    "pyarrow.compute",
    "pyarrow.dataset",
    "sklearn",
    "optuna",
    "wandb",
)
"""Neither a replay of random search nor a table of landscapes that was worked out before needs one of them."""
SHORT = """
import sys
from harness.cli import main
assert main({command}) == 0
heavy = [name for name in {heavy} if name in sys.modules]
assert not heavy, heavy
"""


@pytest.mark.parametrize("command", ["run", "landscapes"])
def test_heavy_modules_stay_out_of_short_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    landscape = write_toy(tmp_path)
    words = {
        "run": ["run", f"backend.landscape={landscape}", f"results={tmp_path / 'r'}", "budget.evaluations=5"],
        "landscapes": ["landscapes", str(landscape)],
    }
    landscape_summaries([landscape])
    code = SHORT.format(command=words[command], heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, timeout=500, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
