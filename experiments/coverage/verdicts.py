"""How often a verdict is wrong: ``python -m experiments.coverage.verdicts`` (a few minutes on one core).

Studies of the claim's strategies (``experiments/claim_5_10x/hypothesis.yaml``) with known speedups on both axes, over
both kinds of random search, at all targets, judged by ``analysis.verdict.judge``. Times to target are exponential;
those of one run on two axes and at two targets are joined by a Gaussian copula. Exact random search is known; the runs
of the other kind are drawn like the strategies', so that its error is in all their tests alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from analysis.media import markdown_table
from analysis.reference import HEADLINE_TARGET, TARGETS
from analysis.runs.load import Study
from analysis.statistics.ert import LogEstimate, combine, estimate
from analysis.statistics.supported import THESE_TASKS
from analysis.study.baseline import EXACT_RANDOM, HIERARCHICAL_RUNS
from analysis.study.incumbents import Optima
from analysis.study.results import StudyResults
from analysis.study.speedup import COLUMNS, DETAILS
from analysis.study.time_to_target import AXES
from analysis.verdict.cells import REFUTED, SUPPORTED
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.hypothesis_file import read_hypothesis
from analysis.verdict.judge import Verdict, judge
from experiments.coverage.parallel import done

Floats = NDArray[np.float64]
BASELINES = (EXACT_RANDOM, HIERARCHICAL_RUNS)
CLAIM = Path(__file__).parents[1] / "claim_5_10x" / "hypothesis.yaml"
SEED = 20261125
OF_TARGETS = 0.8
"""Correlation, before the copula, of one run's times to two targets."""
_LIMIT = float(-np.log1p(-0.7))
"""A budget that 70% of runs meet."""


@dataclass(frozen=True)
class Truth:
    """True speedups.

    Attributes:
        speedup: by axis, baseline and target. [2, 2, 3]
        axes: correlation, before the copula, of a run's evaluations and seconds.
    """

    speedup: Floats
    axes: float
    tasks: int = 14
    seeds: int = 30


def everywhere(headline: float, others: float, axes: float) -> Truth:
    """One speedup at the headline target on both axes and against both baselines, another at the other targets."""
    of_target = [headline if target == HEADLINE_TARGET else others for target in TARGETS]
    return Truth(np.tile(of_target, (len(AXES), len(BASELINES), 1)), axes)


def only_in_seconds_against_hierarchical(speedup: float, elsewhere: float, axes: float) -> Truth:
    """One test of four at the boundary."""
    table = np.full((len(AXES), len(BASELINES), len(TARGETS)), elsewhere)
    table[1, 1] = speedup
    return Truth(table, axes)


def verdict(truth: Truth, hypothesis: Hypothesis, rng: np.random.Generator) -> Verdict:
    """Draw and judge one study. The strategies have the same true speedups and independent runs."""
    other = _log_erts(truth, rng)
    names = hypothesis.strategies
    tables = {name: pd.DataFrame(list(_rows(truth, name, _log_erts(truth, rng), other))) for name in names}
    whole = pd.concat(tables.values(), ignore_index=True)
    hierarchical = whole["baseline"] == HIERARCHICAL_RUNS
    empty = pd.DataFrame()
    others = {HIERARCHICAL_RUNS: whole[hierarchical]}
    found = StudyResults(Study(empty, empty), Optima({}, {}), empty, empty, whole[~hierarchical], others, {}, {})
    return judge(found, hypothesis)


def _log_erts(truth: Truth, rng: np.random.Generator) -> dict[tuple[str, float], LogEstimate]:
    """Draw runs with a true ERT of 1, and return the mean log ERT over tasks by axis and target."""
    of_axes = [[1.0, truth.axes], [truth.axes, 1.0]]
    of_targets = np.full((len(TARGETS), len(TARGETS)), OF_TARGETS) + (1 - OF_TARGETS) * np.eye(len(TARGETS))
    root = np.linalg.cholesky(np.kron(of_axes, of_targets))
    normal = rng.standard_normal((truth.tasks, truth.seeds, len(root))) @ root.T
    times = -np.log1p(-np.minimum(ndtr(normal), 1 - 1e-15))
    keys = product(AXES, TARGETS)
    return {key: _mean(times[:, :, column]) for column, key in enumerate(keys)}


def _mean(times: Floats) -> LogEstimate:
    """Estimate as :func:`analysis.study.aggregate.over_seeds` does. Times: [tasks, seeds]."""
    logs = [estimate(np.minimum(own, _LIMIT), own <= _LIMIT).log for own in times]
    return combine(logs, [1.0 / len(logs)] * len(logs))


def _rows(
    truth: Truth,
    strategy: str,
    own: dict[tuple[str, float], LogEstimate],
    other: dict[tuple[str, float], LogEstimate],
) -> Iterator[dict[str, object]]:
    for (a, axis), (b, baseline), (t, target) in product(enumerate(AXES), enumerate(BASELINES), enumerate(TARGETS)):
        base = other[axis, target] if baseline == HIERARCHICAL_RUNS else LogEstimate(0.0)
        found = base - own[axis, target]
        log = found.log + float(np.log(truth.speedup[a, b, t]))
        yield dict.fromkeys([*COLUMNS, *DETAILS], np.nan) | {
            "task": "ALL",
            "strategy": strategy,
            "target": target,
            "axis": axis,
            "baseline": baseline,
            "stratum": "useful",
            "bound": "none",
            "speedup": float(np.exp(log)),
            "refused": "these tasks alone are simulated",
            "log": log,
            "bias": found.bias,
            "se_these": found.se,
            "df_these": found.df,
            "refused_these": "",
        }


def shares(truth: Truth, hypothesis: Hypothesis, studies: int, seed: int) -> dict[str, float]:
    """Return the shares of studies in which a strategy, and the claim, is supported or refuted on these tasks."""
    rng = np.random.default_rng(seed)
    counts = dict.fromkeys(("strategy supported", "strategy refuted", "claim supported", "claim refuted"), 0.0)
    for _ in range(studies):
        found = verdict(truth, hypothesis, rng)
        words = found.verdicts[THESE_TASKS]["useful"]
        for word in (SUPPORTED, REFUTED):
            share = sum(words[name] == word for name in hypothesis.strategies) / len(hypothesis.strategies)
            counts[f"strategy {word}"] += share / studies
            counts[f"claim {word}"] += (found.claim[THESE_TASKS]["useful"] == word) / studies
    return counts


def scenarios(edge: float) -> dict[str, Truth]:
    """Truths at the claimed speedup, ``edge``, and to either side of 5."""
    found = {}
    for axes in (0.98, 0.6, 0.0):
        of = f", axes {axes:g}"
        found[f"{edge:g} everywhere{of}"] = everywhere(edge, edge, axes)
        found[f"{edge:g} at the headline, 1 at other targets{of}"] = everywhere(edge, 1.0, axes)
        found[f"{edge:g} at the headline, 20 at other targets{of}"] = everywhere(edge, 20.0, axes)
        found[f"{edge:g} in seconds over hierarchical, 20 else{of}"] = only_in_seconds_against_hierarchical(
            edge, 20.0, axes
        )
    found["4 everywhere, axes 0.98"] = everywhere(4.0, 4.0, 0.98)
    found["4 in seconds over hierarchical, 20 else, axes 0.98"] = only_in_seconds_against_hierarchical(4.0, 20.0, 0.98)
    found["7 everywhere, axes 0.98"] = everywhere(7.0, 7.0, 0.98)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    arguments = parser.parse_args()
    names = list(scenarios(read_hypothesis(CLAIM).hypothesis.threshold))
    asked = [(name, arguments.studies) for name in names]
    found = {name: of for (name, _), of in done(_row, asked, arguments.jobs, "kinds of truth")}
    rows = [[name, *(f"{100 * share:.1f}" for share in found[name].values())] for name in names]
    print(markdown_table(["true speedup", *found[names[0]]], rows))


def _row(asked: tuple[str, int]) -> dict[str, float]:
    """Compute the row of one kind of truth; the result depends only on the arguments."""
    name, studies = asked
    hypothesis = read_hypothesis(CLAIM).hypothesis
    return shares(scenarios(hypothesis.threshold)[name], hypothesis, studies, SEED)


if __name__ == "__main__":
    main()
