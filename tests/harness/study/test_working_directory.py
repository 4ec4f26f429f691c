"""The working directory is not imported: nothing in it is executed except what a run names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.system.resources import CHECKOUT
from tests.harness.toy import write_toy

START = "import sys\nfrom harness.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
"""As the console script does, whose own folder comes first on the path, and not the working directory."""
STRATEGY = "from harness.strategies.random import RandomSearch\nclass Mine(RandomSearch):\n    pass\n"


def nearopt(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "bin/nearopt.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(START)
    (tmp_path / "here").mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**environment, "PYTHONPATH": str(CHECKOUT)},
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
        check=False,
    )


def sweep(tmp_path: Path, *overrides: str) -> list[str]:
    return ["run", "-m", f"backend.landscape={write_toy(tmp_path)}", "budget.evaluations=3", "seed=0,1", "jobs=2",
            *overrides]  # fmt: skip


def plant(folder: Path, *names: str) -> Path:
    """Write modules that leave a mark when they are executed."""
    mark = folder / "RAN"
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"open({str(mark)!r}, 'a').write({name!r})\n")
    return mark


@pytest.mark.slow
def test_modules_called_as_the_standard_librarys_and_hydras_plugins_are_not_run(tmp_path: Path) -> None:
    names = ("signal.py", "types.py", "socket.py", "struct.py", "pickle.py", "hydra_plugins/x.py")
    mark = plant(tmp_path / "here", *names)
    done = nearopt(tmp_path, *sweep(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 runs done")
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("place", ["here", pytest.param("config", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "launcher",
    [[], *(pytest.param([f"hydra/launcher={name}"], marks=pytest.mark.slow) for name in ("joblib", "submitit_local"))],
)
def test_a_strategy_that_a_run_names_is_found_there(tmp_path: Path, place: str, launcher: list[str]) -> None:
    if launcher:
        pytest.importorskip(launcher[0].partition("=")[2].partition("_")[0])
    for folder in ("here", "config"):
        (tmp_path / folder).mkdir()
    (tmp_path / place / "my_strategy.py").write_text(STRATEGY)
    mark = plant(tmp_path / place, "signal.py")
    arguments = sweep(tmp_path, "strategy._target_=my_strategy.Mine", *launcher)
    done = nearopt(tmp_path, *arguments, "--config-dir", str(tmp_path / "config"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 runs done") and not mark.exists()
