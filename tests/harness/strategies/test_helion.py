"""Helion's autotuners under the shared contract, and on Helion's own spaces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from harness.errors import UserError
from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.helion import ALGORITHMS, HelionSearch
from harness.strategies.helion.space import fragment, tunable_of, value_of
from harness.testing import StrategyContract, spaces
from harness.testing.driver import drive, trace
from search_spaces.device import H100
from search_spaces.helion import configuration_of, description_of, helion_space
from search_spaces.matmul import matmul_space
from search_spaces.space import SearchSpace


class HelionContract(StrategyContract):
    asks = 25
    ends_early = True
    exempt: ClassVar = {"test_a_pickled_copy_goes_on_like_the_original": "its search is suspended halfway, in a stack"}
    algorithm: str
    options: ClassVar[dict[str, int]] = {"initial_population": 20}

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return HelionSearch(space, seed, budget, algorithm=self.algorithm, options=self.options)


class TestRandomSearch(HelionContract):
    algorithm = "RandomSearch"
    options: ClassVar[dict[str, int]] = {"count": 40}


@pytest.mark.slow
class TestPatternSearch(HelionContract):
    algorithm = "PatternSearch"


@pytest.mark.slow
class TestDifferentialEvolution(HelionContract):
    algorithm = "DifferentialEvolutionSearch"
    options: ClassVar[dict[str, int]] = {"population_size": 8}


@pytest.mark.slow
class TestDESurrogate(HelionContract):
    algorithm = "DESurrogateHybrid"
    options: ClassVar[dict[str, int]] = {"population_size": 8}


@pytest.mark.slow
class TestLFBOPattern(HelionContract):
    algorithm = "LFBOPatternSearch"


@pytest.mark.slow
class TestLFBOTree(HelionContract):
    algorithm = "LFBOTreeSearch"


# -- on spaces of Helion's own -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def native() -> SearchSpace:
    from kernels.helion.softmax import HelionSoftmax

    return HelionSoftmax(4096, 2560).space(H100)


def build(space: SearchSpace, seed: int = 0, **arguments: Any) -> HelionSearch:
    return HelionSearch(space, np.random.SeedSequence(seed), Budget(evaluations=40), **arguments)


@pytest.mark.parametrize(
    "algorithm", [pytest.param(name, marks=[pytest.mark.slow] * (name != "LFBOTreeSearch")) for name in ALGORITHMS]
)
def test_replay_is_deterministic_per_seed(native: SearchSpace, algorithm: str) -> None:
    pool = native.restricted(np.unique(native.sample_codes(np.random.default_rng(0), 300), axis=0))
    options = {"count": 60} if algorithm == "RandomSearch" else {}
    runs = [
        drive(build(pool, seed, algorithm=algorithm, options=options), pool, evaluations=40, batch=7)
        for seed in (0, 0, 1)
    ]
    traces = [trace(run, pool) for run in runs]
    assert traces[0] == traces[1] != traces[2]
    assert all(len(run) == 40 for run in runs)


def test_it_starts_from_the_compiler_s_seeds_if_it_may(native: SearchSpace) -> None:
    options = {"initial_population": 5}
    with_seeds, without = (build(native, compiler_seeds=seeds, options=options).ask(5) for seeds in (True, False))
    description = description_of(native)
    assert description is not None
    (seed,) = (configuration_of(config, native) for config in description["seeds"])
    assert seed in [dict(configuration) for configuration in with_seeds[:2]]
    assert seed not in [dict(configuration) for configuration in without]


def test_what_helion_times_again_is_counted_apart(native: SearchSpace) -> None:
    strategy = build(native, algorithm="PatternSearch", options={"initial_population": 10, "max_generations": 1})
    done = drive(strategy, native, evaluations=2000, batch=50)
    facts = strategy.facts()
    assert facts["measured"] == len(done) < 2000  # it ended by itself
    assert facts["retimed"]["final"] >= 2
    assert facts["retiming_device_s"]["final"] > 0


def test_a_repair_is_learned_as_what_was_measured(native: SearchSpace) -> None:
    """In a pool of two, a search of a hundred proposals sees two configurations."""
    pool = native.restricted(np.unique(native.sample_codes(np.random.default_rng(0), 2), axis=0))
    done = drive(build(pool), pool, evaluations=10)
    assert len(done) == 2
    assert all(evaluation.repaired for evaluation in done)


def test_it_ends_where_nothing_works(native: SearchSpace) -> None:
    strategy = build(native, options={"initial_population": 5})
    assert 0 < len(drive(strategy, native, lambda *_: Status.COMPILE_TIMEOUT, evaluations=50)) <= 5


def test_keywords_of_helion_s_benchmark_are_known_or_named() -> None:
    from harness.strategies.helion.search import CallbackProvider, Retimings

    provider = CallbackProvider(lambda _: [])
    assert provider.benchmark([], desc="", raise_if_no_viable_config=False) == []
    with pytest.raises(UserError, match=r"calls benchmark\(\) with budget_s=…: expected helion 1\.4\.0 … 1\.5\.1"):
        provider.benchmark([], budget_s=3)
    assert Retimings().time([lambda: 2.0], repeat=3, desc="") == [2.0]
    with pytest.raises(
        UserError, match=r"calls autotune_benchmark_fn\(\) with pairs=…: expected helion 1\.4\.0 … 1\.5\.1"
    ):
        Retimings().time([], repeat=3, pairs=True)


def test_a_space_that_another_helion_described_is_one_clear_line(native: SearchSpace) -> None:
    description = {**(description_of(native) or {}), "helion": "9.9", "reduction_fusion": True}
    description["host_tensor_descriptors"], description["capability"] = True, [8, 0]
    with pytest.raises(UserError, match=r"helion 9\.9, whose host_tensor_descriptors"):
        build(helion_space(description)).ask(1)


def test_arguments_are_checked(native: SearchSpace) -> None:
    with pytest.raises(UserError, match="algorithm=Simplex"):
        build(native, algorithm="Simplex")
    with pytest.raises(UserError, match="no argument populaton"):
        build(native, options={"populaton": 3}).ask(1)


@pytest.mark.slow
def test_a_pair_of_versions_that_does_not_fit_is_one_clear_line(tmp_path: Path) -> None:
    broken = tmp_path / "site" / "helion"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no name new_api in torch')")
    command = [sys.executable, "-m", "harness.cli", "run", "task=softmax-4096x2560-bf16", "strategy=helion_lfbo_tree"]
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(broken.parent), str(root)])}
    command.append(f"results={tmp_path / 'results'}")
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "no name new_api in torch" in line and "expected a pair that fits" in line


@pytest.mark.parametrize("make", [spaces.plain, spaces.conditional, spaces.permuted])
def test_tunables_stand_for_our_values(make: Callable[[], SearchSpace]) -> None:
    for parameter in make().parameters:
        made = fragment(parameter)
        for value in parameter.values:
            assert value_of(parameter, tunable_of(parameter, value)) == value
        assert value_of(parameter, made.default()) in parameter.values
        assert value_of(parameter, made.random()) in parameter.values


def test_blocks_and_warps_are_what_helion_treats_specially() -> None:
    categories = {p.name: fragment(p).category().name for p in matmul_space(512, 512, 512, "bf16", H100).parameters}
    assert categories["block_m"] == "BLOCK_SIZE"
    assert categories["num_warps"] == "NUM_WARPS"
    assert categories["schedule"] == "UNSET"
