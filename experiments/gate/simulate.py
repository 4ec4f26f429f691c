"""How often a gate gives each verdict if the truth is known: ``simulation.csv``.

    python -m experiments.gate.simulate [--gates 2000] [--suite ci]

Times to target are drawn from a law with a known ERT: geometric (ERT is its mean for any budget), ten random
evaluations before a geometric search, or the committed baselines' own times, drawn with replacement. A slowdown is
simulated by wasting evaluations: each evaluation is preceded by a geometric number of useless ones, with the share that
makes the geometric-mean ERT at the budget 1.3 times as large. The code of ``nearopt gate`` judges.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.gate.baseline_file import read_baseline
from analysis.gate.judge import Plan, Verdict
from analysis.gate.power import Draw, Floats, held, resampled, slowing_share, wasted
from harness.gate.suite import load_suite

HERE = Path(__file__).parent
BASELINES = HERE.parent / "baselines"
SUITE = load_suite("default")
"""The suite; ``ci`` has other tasks, another budget and its own plan."""
BUDGET, TASKS = SUITE.evaluations, len(SUITE.landscapes)
PLAN = Plan(SUITE.looks, SUITE.target, SUITE.slowdown, SUITE.alpha, SUITE.power)
EMPIRICAL = ("conditional_gp", "pattern_search", "local_search", "genetic", "optuna_tpe", "random")
DRAWS = 40_000


@dataclass(frozen=True)
class Law:
    """A strategy with a known law of times, and its number of seeds in the baseline."""

    name: str
    draw: Draw
    baseline_seeds: int


def laws() -> Iterator[Law]:
    """The laws, from easy to hard."""
    means = np.geomspace(25, 60, TASKS)
    yield Law("geometric", lambda rng, n, seeds: _geometric(rng, means, n, seeds, 0), 40)
    yield Law("ten random, then geometric", lambda rng, n, seeds: _geometric(rng, means - 10, n, seeds, 10), 40)
    slow = np.geomspace(60, 150, TASKS)
    yield Law("geometric, half of the runs miss", lambda rng, n, seeds: _geometric(rng, slow, n, seeds, 0), 40)
    for name in EMPIRICAL:
        if (file := BASELINES / f"{name}.json").is_file():
            tasks = read_baseline(file).times.tasks.values()
            times = [task.times[PLAN.target] for task in tasks]
            yield Law(name, _drawn_from(times), min(map(len, times)))


def _drawn_from(times: Sequence[Floats]) -> Draw:
    return lambda rng, gates, seeds: resampled(rng, times, gates, seeds)


def _geometric(rng: np.random.Generator, means: Floats, gates: int, seeds: int, before: int) -> Floats:
    """Draw T such that T - ``before`` is geometric with these means; none of the first ``before`` hits."""
    return before + rng.geometric(1 / means[:, None], (gates, len(means), seeds)).astype(np.float64)


def simulate(law: Law, slowdown: float, gates: int, rng: np.random.Generator, plan: Plan = PLAN) -> dict[str, object]:
    """One row of the table."""
    share = slowing_share(law.draw, slowdown, BUDGET, rng, DRAWS)
    candidate = wasted(law.draw(rng, gates, plan.looks[-1]), share, rng)
    said = verdicts(candidate, law.draw(rng, gates, law.baseline_seeds), plan)
    return {"law": law.name, "slowdown": slowdown, "wasted": share, "baseline_seeds": law.baseline_seeds,
            "gates": gates, **said}  # fmt: skip


def verdicts(candidate: Floats, baseline: Floats, plan: Plan = PLAN) -> dict[str, float]:
    """How often each verdict is reached, and the average number of seeds per task that it takes.

    Args:
        candidate, baseline: times to target. [gates, tasks, seeds]
    """
    ends = held(candidate, baseline, BUDGET, plan)
    counts = Counter(verdict for verdict, _ in ends)
    rates = {str(verdict): counts[verdict] / len(ends) for verdict in Verdict}
    return {**rates, "mean_seeds": float(np.mean([seeds for _, seeds in ends]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=2000)
    parser.add_argument("--suite", choices=("default", "ci"), default="default")
    asked = parser.parse_args()
    suite = load_suite(asked.suite)
    plan = replace(PLAN, looks=suite.looks, slowdown=suite.slowdown)
    rows = []
    for number, law in enumerate(laws()):
        for slowdown in (1.0, plan.slowdown):
            rng = np.random.default_rng([8, number, int(100 * slowdown)])
            rows.append(simulate(law, slowdown, asked.gates, rng, plan))
            print({key: round(v, 3) if isinstance(v, float) else v for key, v in rows[-1].items()}, flush=True)
    name = "simulation" if asked.suite == "default" else f"simulation-{asked.suite}"
    pd.DataFrame(rows).to_csv(HERE / f"{name}.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
