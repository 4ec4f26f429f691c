"""How often a gate says what, where the truth is known: ``simulation.csv``.

    python -m experiments.gate.simulate [--gates 2000]

Times to target are drawn from a law whose ERT is known: geometric (ERT is its mean, whatever the budget), ten random
evaluations before a geometric search, or the committed baselines' own times, drawn with replacement. A slowdown is made
by wasting evaluations: each of T is preceded by a geometric number of useless ones, with the share that makes the
geometric-mean ERT at the budget 1.3 times as large. Judged by the code that ``nearopt gate`` judges with.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from analysis.gate.baseline_file import read_baseline
from analysis.gate.judge import Plan, Verdict, normal_score, verdict_at
from analysis.gate.ratio import Part, mean_of, part, unpaired
from analysis.gate.spending import bounds
from analysis.statistics.ert import LogEstimate
from harness.gate.suite import load_suite

HERE = Path(__file__).parent
BASELINES = HERE.parent / "baselines"
SUITE = load_suite("default")
BUDGET, TASKS = SUITE.evaluations, len(SUITE.landscapes)
PLAN = Plan(SUITE.looks, SUITE.target, SUITE.slowdown, SUITE.alpha, SUITE.power)
EMPIRICAL = ("conditional_gp", "pattern_search", "local_search", "genetic", "optuna_tpe", "random")
Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Floats]
"""Times to target of some gates and seeds, inf where nothing was found in the budget. [gates, tasks, seeds]"""


@dataclass(frozen=True)
class Law:
    """A strategy whose times are known, and as many seeds of it in the baseline."""

    name: str
    draw: Draw
    baseline_seeds: int


def laws() -> Iterator[Law]:
    """From easy to hard."""
    means = np.geomspace(25, 60, TASKS)
    yield Law("geometric", lambda rng, n, seeds: _geometric(rng, means, n, seeds, 0), 40)
    yield Law("ten random, then geometric", lambda rng, n, seeds: _geometric(rng, means - 10, n, seeds, 10), 40)
    slow = np.geomspace(60, 150, TASKS)
    yield Law("geometric, half of the runs miss", lambda rng, n, seeds: _geometric(rng, slow, n, seeds, 0), 40)
    for name in EMPIRICAL:
        if (file := BASELINES / f"{name}.json").is_file():
            tasks = read_baseline(file).times.tasks.values()
            times = [task.times[PLAN.target] for task in tasks]
            yield Law(name, lambda rng, n, seeds, times=times: resampled(rng, times, n, seeds), min(map(len, times)))


def _geometric(rng: np.random.Generator, means: Floats, gates: int, seeds: int, before: int) -> Floats:
    """T - ``before`` is geometric, of these means; none of the first ``before`` hits."""
    return before + rng.geometric(1 / means[:, None], (gates, len(means), seeds)).astype(np.float64)


def resampled(rng: np.random.Generator, times: list[Floats], gates: int, seeds: int) -> Floats:
    return np.stack([rng.choice(of_task, (gates, seeds)) for of_task in times], axis=1)


def wasted(times: Floats, share: float, rng: np.random.Generator, luck: Floats | float = 0.0) -> Floats:
    """T where this share of all evaluations is wasted on random configurations.

    Args:
        times: [gates, tasks, seeds]
        luck: chance of a random configuration to be a hit. [tasks, 1]
    """
    if share == 0:
        return times
    found = np.isfinite(times)
    more = rng.negative_binomial(np.where(found, times, 1.0), 1 - share)
    late = np.where(found, times + more, np.inf)
    return late if np.all(luck == 0) else np.minimum(late, rng.geometric(share * luck, times.shape))


def within(times: Floats) -> Part:
    """As a run of the budget sees them."""
    return part(np.minimum(times, BUDGET), times <= BUDGET)


def slowing_share(law: Law, slowdown: float, rng: np.random.Generator, luck: Floats | float = 0.0) -> float:
    """The share to waste so that the geometric mean over tasks of ERT at the budget is so many times as large."""
    if slowdown == 1:
        return 0.0
    times = law.draw(rng, 1, 40_000)
    base = within(times).log.mean()

    def excess(share: float) -> float:
        return float(within(wasted(times, share, np.random.default_rng(0), luck)).log.mean() - base - np.log(slowdown))

    return float(brentq(excess, 0.0, 0.6, xtol=1e-3))


def simulate(law: Law, slowdown: float, gates: int, rng: np.random.Generator) -> dict[str, object]:
    """One row of the table."""
    share = slowing_share(law, slowdown, rng)
    candidate = wasted(law.draw(rng, gates, PLAN.looks[-1]), share, rng)
    said = verdicts(candidate, law.draw(rng, gates, law.baseline_seeds))
    return {"law": law.name, "slowdown": slowdown, "wasted": share, "baseline_seeds": law.baseline_seeds,
            "gates": gates, **said}  # fmt: skip


def verdicts(candidate: Floats, baseline: Floats) -> dict[str, float]:
    """How often each verdict is reached, and the seeds a task that it takes on average.

    Args:
        candidate, baseline: times to target. [gates, tasks, seeds]
    """
    gates, tasks = candidate.shape[:2]
    base = within(baseline)
    found = []
    for seeds in PLAN.looks:
        ratio = unpaired(within(candidate[..., :seeds]), base)
        parts = ratio.variances.swapaxes(1, 2).reshape(-1, gates)  # halves x tasks
        found.append(mean_of(ratio.log.T, parts, np.repeat(ratio.df, tasks)))
    ends = [judged([LogEstimate(*(float(of[gate]) for of in look)) for look in found]) for gate in range(gates)]
    counts = Counter(verdict for verdict, _ in ends)
    rates = {str(verdict): counts[verdict] / gates for verdict in Verdict}
    return {**rates, "mean_seeds": float(np.mean([seeds for _, seeds in ends]))}


def judged(looks: list[LogEstimate]) -> tuple[Verdict, int]:
    """The verdict by looks at these ratios, and the seeds a task that it took."""
    information: list[float] = []
    verdict = Verdict.UNDECIDED
    for k, (ratio, seeds) in enumerate(zip(looks, PLAN.looks, strict=True)):
        last = k == len(looks) - 1
        information.append(1 / ratio.se**2)
        verdict = verdict_at(normal_score(ratio), bounds(PLAN.design, information, PLAN.needed, last))
        if verdict is not Verdict.UNDECIDED or information[-1] >= PLAN.needed:
            return verdict, seeds
    return verdict, PLAN.looks[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=2000)
    gates = parser.parse_args().gates
    rows = []
    for number, law in enumerate(laws()):
        for slowdown in (1.0, PLAN.slowdown):
            rows.append(simulate(law, slowdown, gates, np.random.default_rng([8, number, int(100 * slowdown)])))
            print({key: round(v, 3) if isinstance(v, float) else v for key, v in rows[-1].items()}, flush=True)
    pd.DataFrame(rows).to_csv(HERE / "simulation.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
