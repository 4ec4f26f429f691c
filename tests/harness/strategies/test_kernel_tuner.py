"""Kernel Tuner's strategies under the shared contract."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation import RepairedConfiguration
from harness.strategies.base import Budget, Strategy
from harness.strategies.kernel_tuner import STRATEGIES, KernelTuner
from harness.strategies.kernel_tuner.space import FlatSpace
from harness.testing import StrategyContract, drive, spaces
from harness.testing.driver import trace
from search_spaces.parameter import Boolean, Ordinal
from search_spaces.space import SearchSpace

pytest.importorskip("kernel_tuner", reason="kernel-tuner is not installed")
pytest.importorskip("pyatf", reason="pyatf is not installed")

import pyatf
from kernel_tuner.searchspace import Searchspace

from harness.strategies.kernel_tuner.search import pyatf_as_kernel_tuner_expects_it


class Contract(StrategyContract):
    __test__ = False
    asks = 20
    ends_early = True
    exempt: ClassVar = {"test_a_pickled_copy_goes_on_like_the_original": "its search is suspended halfway, in a stack"}
    strategy: str

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return KernelTuner(space, seed, budget, strategy=self.strategy)

    @pytest.mark.parametrize("batch", [1, 3, 8])
    def test_batches_are_full_until_the_end(self, batch: int) -> None:
        """It asks for as many as it needs, regardless of what the run loop would take."""
        space = spaces.conditional()
        asked = self.build(space).ask(batch)
        assert 1 <= len(asked) <= batch
        assert len({space.key(configuration) for configuration in asked}) == len(asked)

    def test_a_space_beyond_enumeration(self) -> None:
        with pytest.raises(UserError, match="Kernel Tuner lists its space"):
            self.build(spaces.huge())


class TestGeneticAlgorithm(Contract):
    __test__ = True
    strategy = "genetic_algorithm"


class TestSimulatedAnnealing(Contract):
    __test__ = True
    strategy = "simulated_annealing"


class TestPSO(Contract):
    __test__ = True
    strategy = "pso"


class TestDifferentialEvolution(Contract):
    __test__ = True
    strategy = "diff_evo"

    def test_the_order_of_a_recorded_pool_does_not_matter(self) -> None:
        """Kernel Tuner 1.5.0 calls np.shuffle, which does not exist, if the population is the whole space, as here."""
        with pytest.raises(AttributeError, match="shuffle"):
            super().test_the_order_of_a_recorded_pool_does_not_matter()
        whole = spaces.plain()
        turned = whole.restricted(whole.codes()[::-1])
        traces = [trace(drive(self.build(each), each, evaluations=self.asks), each) for each in (whole, turned)]
        assert traces[0] == traces[1]


class TestGreedyILS(Contract):
    __test__ = True
    strategy = "greedy_ils"


class TestDualAnnealing(Contract):
    __test__ = True
    strategy = "dual_annealing"


class TestPyATF(Contract):
    __test__ = True
    strategy = "pyatf_strategies"


class TestHybridVNDX(Contract):
    __test__ = True
    strategy = "hybrid_vndx"
    exempt: ClassVar = {
        **Contract.exempt,
        "test_the_unit_of_latency_does_not_matter": "the temperature has the unit of the latency",
    }


class TestAdaptiveTabuGreyWolf(Contract):
    __test__ = True
    strategy = "adaptive_tabu_greywolf"
    exempt: ClassVar = {
        **Contract.exempt,
        "test_the_unit_of_latency_does_not_matter": "the temperature has the unit of the latency",
    }


class TestBayesOpt(Contract):
    __test__ = True
    strategy = "bayes_opt"


def block_space() -> SearchSpace:
    """The spaces have ties in size and in constraints, one of them Kernel Tuner's own."""
    return SearchSpace(
        [
            Ordinal("tile", (1, 2, 4), "log2"),
            Ordinal("block_size_x", (16, 32, 64), "log2"),
            Boolean("pad"),
            Ordinal("block_size_y", (1, 2, 4, 8), "log2"),
            Boolean("fast"),
        ],
        constraints=["block_size_x * tile <= 128", "pad == 0 or tile > 1", "fast == 0 or block_size_y < 8"],
    )


def test_the_list_has_the_order_of_kernel_tuner_s_own() -> None:
    space = block_space()
    flat = FlatSpace(space)
    theirs = Searchspace(flat.tune_params, list(space.constraints), 10**9)
    assert theirs.list == flat.rows


def test_pyatf_s_trees_are_those_of_the_constraints() -> None:
    """The same coordinates lead to the same configurations as with Kernel Tuner's own constraints."""
    space = block_space()
    flat = FlatSpace(space)
    coordinates = [tuple(row) for row in 1 - np.random.default_rng(0).random((300, len(space.names)))]
    found = []
    with pyatf_as_kernel_tuner_expects_it():
        for restrictions, blocks in ((list(space.constraints), ["block_size_x", "block_size_y"]), (flat.rules(), [])):
            built = Searchspace(
                flat.tune_params, restrictions, 10**9, blocks, defer_construction=True, framework="pyatf"
            )
            tree = pyatf.search_space.SearchSpace(*built.get_tune_params_pyatf())
            found.append([tree.get_configuration(each) for each in coordinates])
    assert found[0] == found[1]
    assert {tuple(c[name] for name in space.names) for c in found[1]} <= set(flat.rows)


def test_a_recorded_pool_is_all_that_pyatf_sees() -> None:
    space = block_space()
    restricted = space.restricted(space.codes()[::7])
    done = drive(KernelTuner(restricted, np.random.SeedSequence(0), Budget(), strategy="pyatf_strategies"), restricted)
    assert not any(isinstance(e.configuration, RepairedConfiguration) for e in done)


def evaluated(strategy: str, space: SearchSpace, evaluations: int, seed: int = 0) -> KernelTuner:
    built = KernelTuner(space, np.random.SeedSequence(seed), Budget(evaluations), strategy=strategy)
    drive(built, space, evaluations=evaluations)
    return built


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_budget_is_spent_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    facts = evaluated(strategy, spaces.plain(), 40).facts()
    assert 10 <= facts["measured"] <= 40  # dual annealing counts repeats
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_trace_is_the_same_in_every_process_and_in_its_first_run(strategy: str) -> None:
    """The trace depends neither on hashes of strings nor on other imports."""
    script = (
        "import numpy as np; from harness.strategies.base import Budget; from harness.testing import drive, spaces;"
        "from harness.strategies.kernel_tuner import KernelTuner; space = spaces.plain();"
        "print([[space.key(e.configuration) for e in drive("
        f"KernelTuner(space, np.random.SeedSequence(5), Budget(30), strategy={strategy!r}), space, evaluations=30)]"
        " for _ in range(2)])"
    )
    traces = []
    for seed in ("1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
        traces += ast.literal_eval(done.stdout.decode())
    assert all(trace == traces[0] for trace in traces)


def test_a_breakdown_ends_the_run_and_is_told() -> None:
    space = spaces.conditional()  # smaller than a generation of Kernel Tuner's differential evolution
    facts = evaluated("diff_evo", space, 50).facts()
    assert facts["stopped"].startswith("IndexError")


def test_options_reach_kernel_tuner() -> None:
    built = KernelTuner(
        spaces.plain(), np.random.SeedSequence(0), Budget(20), strategy="genetic_algorithm", options={"popsize": 4}
    )
    assert len(built.ask(50)) <= 4
    with pytest.raises(ValueError, match="Unrecognized option"):
        KernelTuner(spaces.plain(), np.random.SeedSequence(0), Budget(20), strategy="pso", options={"size": 4}).ask(1)


def test_an_unknown_strategy_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="strategy=none: expected one of genetic_algorithm"):
        KernelTuner(spaces.plain(), np.random.SeedSequence(0), Budget(), strategy="none")


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "harness.strategies.kernel_tuner.search", raising=False)
    monkeypatch.setitem(sys.modules, "kernel_tuner.interface", None)
    with pytest.raises(UserError, match=r"pip install 'nearopt\[kernel-tuner\]'"):
        KernelTuner(spaces.plain(), np.random.SeedSequence(0), Budget(), strategy="pso")
