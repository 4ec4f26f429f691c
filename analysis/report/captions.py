"""The captions of a report's figures."""

from __future__ import annotations

from analysis.figures.best_so_far import BANDS
from analysis.reference import HEADLINE_TARGET

MOST_CURVES = 6
"""Strategies in a figure of curves; more could not be distinguished. The CSV has all."""

FOREST = (
    "ERT of random search over ERT of the strategy, 95% intervals. Larger markers are geometric means (ALL: interval "
    "over new kernels). {lines}. Dashed with an arrow: only a bound, because one side never hit. Hollow: no interval "
    "is available. Right of each column: hits/runs."
)
COMPACT = (
    "ERT of random search over ERT of the strategy, geometric means with 95% intervals (ALL: over new kernels where "
    "there are three or more). Beside each name: hits/runs of all strategies. {lines}. Dashed with an arrow: only "
    "a bound, because one side never hit. Hollow: no interval is available."
)
_QUALITY = (
    "Quality t*/t of the incumbent by its true latency, 0 before the first success, as steps: the median over runs"
)
_AXIS_AND_DIPS = (
    "The axis is stretched towards the optimum. A curve dips where a lucky reading made a truly slower "
    "configuration the incumbent: the incumbent is chosen by observed latency."
)
CURVES = f"{_QUALITY}, with the interquartile range of the first {BANDS} strategies. {_AXIS_AND_DIPS}"
EXPLORER = (
    f"{_QUALITY}. {_AXIS_AND_DIPS} Click a name to hide or show its curves, and point at it to emphasise them "
    "and see their quartiles. Point at a panel, or use the arrow keys in it, to read its values."
)
LAW = " Random search in grey: exact in evaluations, simulated on the same clock in seconds."
ECDF = (
    "Share of (task, seed) pairs within the target, each pair of equal weight. A cross marks where half of the "
    "unsolved runs had ended; the rest up to 100% is censored there. Random search in grey."
)
DATA_PROFILE = (
    "Share of (task, target, seed) triples solved, all three targets together, against evaluations over E[T], the mean "
    "number that exact random search needs. Each (task, target) has equal weight. A run that missed stays unsolved "
    "beyond its budget. Bands (first two strategies): 95% intervals for other tasks like these. "
    "Random search with the same budget in grey."
)
PERFORMANCE_PROFILE = (
    "Share of the {problems} (task, target) pairs that every strategy shown ran on and at least one solved, "
    "whose ERT is at most that many times the smallest. A curve starts at the share on which the strategy is the best. "
    "Bands as in the data profile."
)
INTERQUARTILE = (
    "Left: the mean of the middle half of all (task, run) scores P (0: random search, 1: the optimum at once), with a "
    "95% bootstrap interval over the runs of each task. Right: how often a run ends better than exact random search at "
    "the same budget (ties count half), with a 95% interval over seeds. Both cover these tasks. Hollow: no interval."
)
SEEDS = (
    f"Within {HEADLINE_TARGET:.0%}, in evaluations: the seeds per task with which a two-sided 5% t test separates the "
    "strategy from exact random search, and from the strategy ranked just before it, in 80% of studies of these tasks, "
    "if the observed mean ratio (right of the names; above 1: the first needs fewer) and its spread are the true ones; "
    "at least the number for which reports give an interval. Grey bar: the seeds of this study. Tasks that one of the "
    "two never hit are left out and counted in the CSV."
)
HEATMAP = "Geometric mean over tasks; “<” or “>”: the strategy or random never solved some task."
INCUMBENTS = (
    "Each dot is a run's final incumbent; below zero, its reading was lucky. Hits are judged by the true latency, so "
    "luck does not count. Dotted: the targets. Dots on the upper and lower edge lie beyond it. At most "
    f"{MOST_CURVES} strategies are drawn; the CSV has all."
)
LANDSCAPES = (
    "Share of all configurations, failures included, that are at most that many times as slow as "
    "the optimum. The further up and left a curve is, the easier the task. Dotted: the targets."
)
DIFFICULTY = (
    "One dot per task, with a least-squares fit of the logarithms. Dotted: limits of the strata; {lines}. Open "
    "triangles are upper bounds. An easy task leaves little to gain: no speedup can exceed E5."
)
UNHIT = " Tasks on which no recorded draw was near the optimum have no E5 and are left out: {unhit}."
RANKS = "Strategies joined by a bar do not differ significantly (Wilcoxon signed-rank tests over tasks, Holm, 5%)."
