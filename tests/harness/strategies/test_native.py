"""Search strategies without a model, against their YAML files and against random search."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra.utils import get_class

from harness.strategies.base import Budget, Strategy
from harness.strategies.differential_evolution import DifferentialEvolution
from harness.strategies.genetic import Genetic
from harness.strategies.local_search import LocalSearch
from harness.strategies.pattern_search import PatternSearch
from harness.strategies.random import RandomSearch
from harness.testing import drive
from search_spaces.parameter import Boolean, Categorical, Ordinal
from search_spaces.space import SearchSpace

NAMES = (
    "random_hierarchical",
    "random_heuristic",
    "grid",
    "sobol",
    "local_search",
    "pattern_search",
    "genetic",
    "differential_evolution",
    "catcma",
)


@pytest.mark.parametrize("name", NAMES)
def test_yaml_holds_the_defaults(name: str) -> None:
    values = yaml.safe_load(Path(f"conf/strategy/{name}.yaml").read_text())
    signature = inspect.signature(get_class(values.pop("_target_")))
    assert values.pop("label") == name
    assert values == {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}


@pytest.mark.parametrize(
    "strategy",
    [
        LocalSearch,
        Genetic,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (PatternSearch, DifferentialEvolution)),
    ],
)
def test_what_learns_beats_random_on_a_smooth_kernel(strategy: type[Strategy]) -> None:
    sizes = tuple(2**i for i in range(8))
    space = SearchSpace(
        [
            *(Ordinal(f"block_{axis}", sizes, "log2") for axis in "mnk"),
            Categorical("order", ("row", "column", "group")),
            Ordinal("group", (2, 4, 8), "log2", active_when="order == 'group'"),
            Boolean("pad"),
        ],
        constraints=("block_m * block_n * block_k <= 65536",),
    )

    def best(built: type[Strategy], seed: int) -> float:
        made = built(space, np.random.SeedSequence(seed), Budget())  # type: ignore[call-arg]
        return min(e.latency_ms for e in drive(made, space, evaluations=100) if e.latency_ms is not None)

    ours = np.mean([best(strategy, seed) for seed in range(8)])
    assert ours < np.mean([best(RandomSearch, seed) for seed in range(8)])  # type: ignore[arg-type]
