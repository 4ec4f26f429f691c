"""Ask latency at 100 observations over 10,000 candidates: conditional_gp, the forests, Optuna's GP and Ax.

    python -m tests.benchmarks.ask_latency [--ours 40] [--forests 20] [--optuna 10] [--ax 2]

All are told the same 100 random evaluations and asked in turn (interleaved, so that a busy machine slows all of them),
and are told the outcome of every ask. conditional_gp is first told 100 one at a time with asks in between, as in a run:
its asks include refits as often as they are due. Threads as the environment says.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from hydra.utils import instantiate

from harness.evaluation import Configuration
from harness.strategies.base import Budget, Strategy
from harness.testing import evaluation, smooth_latency
from search_spaces.parameter import Boolean, Ordinal
from search_spaces.space import SearchSpace

OBSERVATIONS = 100
CONF = Path(__file__).parents[2] / "conf" / "strategy"


def space_of_ten_thousand() -> SearchSpace:
    """Return a space of seven parameters and a derived feature, with 10,000 configurations."""
    steps = [Ordinal(f"p{i}", tuple(range(5)), "linear") for i in range(4)]
    sizes = Ordinal("size", (16, 32, 64, 128), "log2")
    return SearchSpace([*steps, sizes, Boolean("pad"), Boolean("swap")], features={"area": "p0 * p1 + size"})


def build(name: str, space: SearchSpace) -> Strategy:
    """Build a strategy with the arguments of its YAML."""
    values = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    values = {name: value for name, value in values.items() if name not in ("label", "chosen_on")}
    made: Strategy = instantiate({**values, "_partial_": True, "_convert_": "all"})(
        space, np.random.SeedSequence(0), Budget(evaluations=1000)
    )
    return made


def tell(strategy: Strategy, space: SearchSpace, index: int, asked: Sequence[Configuration]) -> None:
    """Evaluate the asked configurations."""
    strategy.tell([evaluation(index + i, c, smooth_latency(space, c)) for i, c in enumerate(asked)])


def timed_ask(strategy: Strategy, space: SearchSpace, index: int) -> float:
    """Time one ask in s, then tell its outcome."""
    start = time.perf_counter()
    asked = strategy.ask(1)
    spent_s = time.perf_counter() - start
    tell(strategy, space, index, asked)
    return spent_s


def prepared(name: str, space: SearchSpace) -> Strategy:
    """Build a strategy with 100 evaluations: its own proposals if asks are cheap, otherwise one large random batch.

    Ax and Optuna's GP start with random points anyway; a batch that is asked before anything was told is random.
    """
    strategy = build(name, space)
    if name == "conditional_gp":
        for index in range(OBSERVATIONS):
            timed_ask(strategy, space, index)
        return strategy
    tell(strategy, space, 0, strategy.ask(OBSERVATIONS))
    return strategy


def main() -> None:
    """Print a table of medians, 95th percentiles and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option, default in (("ours", 40), ("forests", 20), ("optuna", 10), ("ax", 2)):
        parser.add_argument(f"--{option}", type=int, default=default)
    options = parser.parse_args()
    space = space_of_ten_thousand()
    asks = {"conditional_gp": options.ours, "lfbo": options.forests, "rf_ei": options.forests}
    asks |= {"optuna_gp": options.optuna, "ax": options.ax}
    strategies = {name: prepared(name, space) for name, count in asks.items() if count}
    spent: dict[str, list[float]] = {name: [] for name in strategies}
    for turn in range(max(asks.values())):
        for name, strategy in strategies.items():
            # Spread the few asks of the slow over the whole time of the fast.
            if len(spent[name]) <= turn * asks[name] // max(asks.values()):
                spent[name].append(timed_ask(strategy, space, OBSERVATIONS + turn))
    ours = 1e3 * float(np.median(spent["conditional_gp"]))
    print("| strategy | asks | median (ms) | p95 (ms) | median / conditional_gp's |\n|---|---|---|---|---|")
    for name, seconds in spent.items():
        ms = 1e3 * np.array(seconds)
        print(
            f"| {name} | {len(ms)} | {np.median(ms):.1f} | {np.quantile(ms, 0.95):.1f} | {np.median(ms) / ours:.1f} |"
        )


if __name__ == "__main__":
    main()
