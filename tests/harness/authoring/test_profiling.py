"""``nearopt profile``: readings of strategies of known cost, and what ends a profile early."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from harness.authoring.profiling import checkpoints, memory_bytes
from harness.evaluation import Configuration, Evaluation
from harness.run import loop
from harness.strategies.random import RandomSearch
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]


class Sleepy(RandomSearch):
    """An ask takes 0.5 ms longer with each observation, and 1 MB of each observation is kept.

    The strategy advances the clock itself, in its own process, so the load of the machine has no effect.
    """

    def __init__(self, *arguments: object, **fields: object) -> None:
        super().__init__(*arguments, **fields)  # type: ignore[arg-type]
        self.told: list[bytes] = []
        self.now_s = 0.0
        loop.perf_counter = lambda: self.now_s  # type: ignore[attr-defined]

    def ask(self, n: int) -> Sequence[Configuration]:
        self.now_s += 5e-4 * len(self.told)
        return super().ask(n)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.now_s += 1e-4
        self.told += [b"\1" * 1_000_000 for _ in evaluations]


class Stuck(RandomSearch):
    """A strategy that hangs after eleven asks."""

    asked = 0

    def ask(self, n: int) -> Sequence[Configuration]:
        self.asked += 1
        if self.asked > 11:
            time.sleep(600)
        return super().ask(n)


class Breaks(RandomSearch):
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        if evaluations[0].index == 15:
            raise ValueError("told too much")


YAML = "_target_: tests.harness.authoring.test_profiling.{}\nlabel: {}\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine/strategy"
    folder.mkdir(parents=True)
    for name in ("Sleepy", "Stuck", "Breaks"):
        (folder / f"{name.lower()}.yaml").write_text(YAML.format(name, name.lower()))
    return folder.parent


def test_readings_are_evenly_spaced_and_hold_the_decades() -> None:
    assert checkpoints(100) == [10, 15, 22, 32, 46, 68, 100]
    assert checkpoints(1000)[6:] == [100, 147, 215, 316, 464, 681, 1000]
    assert checkpoints(200)[-3:] == [100, 147, 200]


@pytest.mark.slow
def test_cost_and_memory_are_what_they_were_made(nearopt: Nearopt, tmp_path: Path, mine: Path) -> None:
    words = (
        "profile",
        "sleepy",
        f"backend.landscape={write_toy(tmp_path)}",
        "--beside",
        "random",
        "--config-dir",
        mine,
    )
    code, out, err = nearopt(*words, "--observations", 100, "-o", "p")
    assert code == 0, err
    assert out.splitlines()[-1] == "p/ask-cost.png"
    readings = pd.read_csv(tmp_path / "p/ask-cost.csv").set_index(["strategy", "observations"])
    sleepy = readings.loc["sleepy"]
    assert list(sleepy.index) == checkpoints(100) and sleepy.index[0] == 10 and sleepy.index[-1] == 100
    # At 100 observations the mean over the last fifth is 0.5 ms · 89.5.
    assert sleepy.loc[100, "ask_s"] == pytest.approx(5e-4 * 89.5)
    assert sleepy.loc[10, "ask_s"] == pytest.approx(5e-4 * 8.5)
    assert list(sleepy["tell_s"]) == pytest.approx([1e-4] * len(sleepy))
    assert (readings.loc["random"][["ask_s", "tell_s"]] > 0).all(axis=None)
    if memory_bytes():
        assert 80e6 < sleepy.loc[100, "memory_bytes"] < 200e6
        assert readings.loc["random"].loc[100, "memory_bytes"] < 40e6
    growth = pd.read_csv(tmp_path / "p/growth.csv").set_index("strategy")
    assert growth.loc["sleepy", "exponent"] == pytest.approx(1.0, abs=0.05)
    assert (tmp_path / "p/ask-cost.pdf").exists()


@pytest.mark.slow
def test_a_dear_strategy_is_ended_by_the_limit(nearopt: Nearopt, tmp_path: Path, mine: Path) -> None:
    words = ("profile", "stuck", f"backend.landscape={write_toy(tmp_path)}", "--beside", "random", "--config-dir", mine)
    code, out, _ = nearopt(*words, "--observations", 100, "--time-limit-s", 5)
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("stuck"))
    assert int(line.split()[1]) == 10 and "(time limit)" in line


def test_a_strategy_that_breaks_is_named(nearopt: Nearopt, tmp_path: Path, mine: Path) -> None:
    words = ("profile", "breaks", f"backend.landscape={write_toy(tmp_path)}", "--beside", "", "--config-dir", mine)
    code, _, err = nearopt(*words, "--observations", 20)
    assert code == 1 and "breaks: ValueError: told too much" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("random", "--observations", "10"), "--observations 10: expected 20 or more"),
        (("random", "--observations", "100000"), "--observations 100000: "),
        (("random", "--time-limit-s", "0"), "--time-limit-s 0.0: expected more than 0"),
        (("random", "backend=live"), "profiles run in replay"),
        (("nope",), "strategy=nope: no such strategy"),
        (("random", "strategy.label=x"), "strategy.label=x: expected names of strategies"),
    ],
)
def test_what_is_wrong_is_one_line(nearopt: Nearopt, words: tuple[str, ...], says: str) -> None:
    code, out, err = nearopt("profile", *words, "--beside", "")
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1
