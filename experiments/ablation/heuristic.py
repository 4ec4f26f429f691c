"""Fit the weights of the rules of thumb: ``python -m experiments.ablation.heuristic``.

On each useful H100 recording that ``chosen_on`` of ``conf/strategy/conditional_gp.yaml`` names, the normal scores of
the ranks of the successful configurations are regressed on what :func:`search_spaces.heuristic.amounts` says of them;
every kernel has the same weight. The output is the coefficients on all kernels, on each alone and without each, and how
well those without a kernel order its configurations: their rank correlation with latency, and at which share of the
order, from 0 to 1, the truly fastest hundredth stands on average (0.5 by chance).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata, spearmanr

from experiments.asynchronous.choose import tasks
from harness.landscapes.landscape import Landscape
from search_spaces.heuristic import Heuristic, amounts

Floats = NDArray[np.float64]
RULES = tuple(field.name for field in fields(Heuristic))
SHRINKAGE = 0.01
"""Ridge penalty, relative to the mean square of a rule of unit variance: a rule without variance gets weight 0."""
FASTEST = 0.01


@dataclass(frozen=True)
class Recorded:
    """The successful configurations of a recording.

    Attributes:
        name: the recording.
        against: by how much each goes against each of :data:`RULES`, less the mean, [n, rules].
        scores: normal scores of the ranks by latency, [n].
    """

    name: str
    against: Floats
    scores: Floats

    @property
    def kernel(self) -> str:
        """The name of the kernel."""
        return self.name.partition("-")[0]


def recorded(landscape: Landscape) -> Recorded:
    """The successful configurations of a recording."""
    worked = ~np.isnan(landscape.oracle_ms)
    found = amounts(landscape.space, landscape.space.codes()[worked])
    against = np.stack([found.get(rule, np.zeros(worked.sum())) for rule in RULES], axis=1)
    ranks = rankdata(landscape.oracle_ms[worked])
    return Recorded(landscape.path.stem, against - against.mean(axis=0), ndtri((ranks - 0.5) / ranks.size))


def fitted(recordings: Sequence[Recorded]) -> Floats:
    """Ridge regression in which every kernel, and every recording of a kernel, has the same weight: [rules]."""
    square = SHRINKAGE * np.eye(len(RULES))
    product = np.zeros(len(RULES))
    kernels = [one.kernel for one in recordings]
    for one in recordings:
        share = 1.0 / (len(set(kernels)) * kernels.count(one.kernel) * len(one.scores))
        square += share * one.against.T @ one.against
        product += share * one.against.T @ one.scores
    return np.asarray(np.linalg.solve(square, product))


def order(weights: Floats, of: Recorded) -> tuple[float, float]:
    """Rank correlation of the predicted with the true order, and where the fastest hundredth stands in the former."""
    said = of.against @ weights
    fastest = of.scores <= np.quantile(of.scores, FASTEST)
    return float(spearmanr(said, of.scores).statistic), float((rankdata(said)[fastest] / len(said)).mean())


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    recordings = [recorded(task) for task in tasks()]
    kernels = sorted({one.kernel for one in recordings})
    rows = {"all kernels": fitted(recordings)}
    rows |= {f"only {kernel}": fitted([one for one in recordings if one.kernel == kernel]) for kernel in kernels}
    without = {kernel: fitted([one for one in recordings if one.kernel != kernel]) for kernel in kernels}
    rows |= {f"without {kernel}": weights for kernel, weights in without.items()}
    rows["the defaults"] = np.array([getattr(Heuristic(), rule) for rule in RULES])
    print(pd.DataFrame(rows, index=RULES).T.to_string(float_format="%.2f"))
    held_out = {one.name: order(without[one.kernel], one) for one in recordings}
    print(pd.DataFrame(held_out, index=["rank correlation", "fastest at"]).T.to_string(float_format="%.2f"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
