"""A strategy in another package: installed by pip, found by its name, run, swept and reported."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from harness.config.plugins import declared
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy
from tests.plugins.conftest import Command
from tests.plugins.packages import write_package

__all__ = ["nearopt"]

SMALL = ("budget.evaluations=20",)


@pytest.mark.slow
def test_an_installed_package_is_swept_and_reported(nearopt_command: Command, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    sweep = ("run", "-m", f"backend.landscape={path}", "strategy=example_greedy,example_bold,random", *SMALL)
    code, out, err = nearopt_command(*sweep, "seed=range(0,3)", "jobs=2")
    assert (code, out.split(":")[0]) == (0, "9 runs done, 0 were done before, 0 failed"), err
    run = tmp_path / "results/toy-8x8-bf16__toy/example_greedy/seed-0"
    written = yaml.safe_load((run / "config.yaml").read_text())
    assert written["strategy"] == {
        "label": "example_greedy", "_target_": "nearopt_example.greedy.Greedy", "epsilon": 0.3,
    }  # fmt: skip
    assert json.loads((run / "environment.json").read_text())["packages"]["nearopt-example"] == "0.3.0"
    bold = yaml.safe_load((run.parents[1] / "example_bold/seed-0/config.yaml").read_text())
    assert bold["strategy"]["epsilon"] == 0.1
    code, out, err = nearopt_command("report", "results")
    assert code == 0, err
    speedups = pd.read_csv(tmp_path / "report/speedups.csv")
    assert {"example_greedy", "example_bold", "random"} <= set(speedups["strategy"])
    code, out, _ = nearopt_command("run", f"backend.landscape={path}", "strategy=example_greedy", "strategy.epsilon=x")
    assert code == 2


@pytest.mark.slow
def test_its_contract_tests_need_nothing_but_pytest(installed: Command, tmp_path: Path) -> None:
    tests = Path(__file__).with_name("nearopt_example") / "tests/test_greedy.py"
    (tmp_path / "test_greedy.py").write_text(tests.read_text())
    code, out, err = installed("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_greedy.py")
    assert code == 0 and " passed" in out, out + err


def test_a_class_in_the_working_directory_needs_no_yaml(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "my_modules_strategy.py").write_text(
        "from harness.strategies.random import RandomSearch\n"
        "class Mine(RandomSearch):\n"
        "    def __init__(self, space, seed, budget, *, alpha: int = 1):\n"
        "        super().__init__(space, seed, budget)\n"
        "class Deaf:\n"
        "    def ask(self, n): return []\n"
    )
    run = ("run", f"backend.landscape={write_toy(tmp_path)}", *SMALL, "strategy._target_=my_modules_strategy.Mine")
    assert nearopt(*run)[0] == 0
    assert nearopt(*run, "strategy.alpha=2", "strategy.label=mine")[0] == 0
    labels = {folder.name for folder in (tmp_path / "results/toy-8x8-bf16__toy").iterdir() if folder.is_dir()}
    assert labels == {"Mine", "mine"}  # never "random", whose YAML was replaced
    code, _, err = nearopt(*run, "strategy.alpha=high", "strategy.label=other")
    assert (code, err) == (2, "nearopt: strategy.alpha=high: expected a whole number\n")
    code, _, err = nearopt(*run[:-1], "strategy._target_=my_modules_strategy.Deaf")
    assert code == 2 and err == (
        "nearopt: strategy._target_: my_modules_strategy.Deaf: has no tell: expected a class with ask and tell\n"
    )
    code, _, err = nearopt(*run[:-1], "strategy._target_=my_modules_strategy.Absent")
    assert code == 2 and "my_modules_strategy.Absent" in err and "HYDRA" not in err and err.count("\n") == 1


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two packages that break every rule."""
    folder = tmp_path / "odd_site"
    write_package(
        folder,
        "odd-one",
        {
            "nearopt.strategies": {
                "odd_broken": "odd_module_that_breaks:Strategy",
                "odd_absent": "odd_module:Absent",
                "odd_mute": "odd_module:Mute",
                "odd_number": "odd_module:NUMBER",
                "odd_twice": "odd_module:Fine",
                "random": "odd_module:Fine",
            },
            "nearopt.kernels": {"odd_kernel": "odd_module:Mute"},
            "nearopt.config": {"odd": "odd_nowhere.conf"},
        },
        {
            "odd_module_that_breaks.py": "import odd_module_that_nobody_has\n",
            "odd_module.py": "from harness.strategies.random import RandomSearch as Fine\n"
            "NUMBER = 3\nclass Mute:\n    def tell(self, evaluations): pass\n",
        },
    )
    write_package(folder, "odd-two", {"nearopt.strategies": {"odd_twice": "odd_module:Fine"}}, {})
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("strategy=odd_broken", "odd-one 1.0: entry point nearopt.strategies: odd_broken = odd_module_that_breaks:"
         "Strategy: cannot be imported: ModuleNotFoundError: No module named 'odd_module_that_nobody_has'"),
        ("strategy=odd_absent", "cannot be imported: AttributeError: module 'odd_module' has no attribute 'Absent'"),
        ("strategy=odd_mute", "strategy=odd_mute: odd_module:Mute: has no ask: expected a class with ask and tell"),
        ("strategy=odd_number", "odd_module:NUMBER: int: expected a class with ask and tell"),
        ("strategy=odd_twice", "strategy=odd_twice: odd-one and odd-two declare the same name: keep only one"),
        ("strategy=random", "strategy=random: nearopt and odd-one declare the same name: keep only one"),
        ("task=odd_kernel", "task=odd_kernel: odd_module.Mute: expected a class derived from kernels.base.Kernel"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_package_is_one_line(nearopt: Nearopt, tmp_path: Path, choice: str, says: str) -> None:
    code, out, err = nearopt("run", f"backend.landscape={write_toy(tmp_path)}", choice)
    assert (code, out) == (2, "")
    *warning, error = err.splitlines()
    assert says in error and error.startswith("nearopt: ")
    assert warning == ["nearopt: odd-one: nearopt.config: odd_nowhere.conf: no such folder; ignored"]


def test_a_package_is_known_as_soon_as_it_is_installed_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for there in (False, True, False):
        if there:
            write_package(tmp_path, "late", {"nearopt.strategies": {"late": "late:Late"}}, {})
        elif (information := tmp_path / "late-1.0.dist-info").exists():
            shutil.rmtree(information)
        os.utime(tmp_path, ns=(0, tmp_path.stat().st_mtime_ns + 1))  # a file system's clock may tick slower than this
        assert ("late" in {plugin.name for plugin in declared()["nearopt.strategies"]}) is there


@pytest.mark.usefixtures("odd")
def test_a_broken_package_is_in_nobody_elses_way(nearopt: Nearopt, tmp_path: Path) -> None:
    code, _, _ = nearopt("run", f"backend.landscape={write_toy(tmp_path)}", "strategy=sobol", *SMALL)
    assert code == 0


def test_a_yaml_of_ones_own_may_not_hide_behind_a_name_of_nearopts(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "mine/strategy").mkdir(parents=True)
    file = tmp_path / "mine/strategy/sobol.yaml"
    file.write_text("_target_: harness.strategies.random.RandomSearch\nlabel: sobol\n")
    run = ("run", "--config-dir", tmp_path / "mine", f"backend.landscape={write_toy(tmp_path)}", *SMALL)
    assert nearopt(*run)[0] == 0
    code, _, err = nearopt(*run, "strategy=sobol")
    assert (code, err) == (2, f"nearopt: {file}: NearOpt already has strategy=sobol: choose another name\n")
