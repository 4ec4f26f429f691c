"""What stands below each figure of a report."""

from __future__ import annotations

from analysis.figures.best_so_far import BANDS
from analysis.reference import HEADLINE_TARGET

MOST_CURVES = 6
"""Strategies in a figure of curves: more cannot be told apart. The CSV has all."""

FOREST = (
    "ERT of random search over ERT of the strategy, 95% intervals; larger markers are geometric means (ALL: intervals "
    "over new kernels). {lines}. Dashed with an arrow: only bounded, some side never hit. Hollow: no interval "
    "can be had. Right of each column: hits/runs."
)
COMPACT = (
    "ERT of random search over ERT of the strategy, geometric means with 95% intervals (ALL: over new kernels where "
    "there are three or more); beside each name hits/runs of all strategies. {lines}. Dashed with an arrow: only "
    "bounded, some side never hit. Hollow: no interval can be had."
)
_QUALITY = (
    "Quality t*/t of the incumbent by its true latency, 0 before the first success, as steps: the median over runs"
)
_AXIS_AND_DIPS = (
    "The axis is stretched towards the optimum. A curve dips where a lucky reading put a configuration first that is "
    "truly slower than the one before: the incumbent is chosen by what was observed."
)
CURVES = f"{_QUALITY}, with the interquartile range of the first {BANDS} strategies. {_AXIS_AND_DIPS}"
EXPLORER = (
    f"{_QUALITY}. {_AXIS_AND_DIPS} A name hides and shows its curves, and brings them out with their quartiles while "
    "the pointer is on it; a panel is read out by the pointer, or by the arrow keys."
)
LAW = " Random search in grey: exact in evaluations, simulated on the same clock in seconds."
ECDF = (
    "Share of (task, seed) pairs within the target, each pair of equal weight. A cross: where the unsolved runs had "
    "ended (half of them); what is missing to 100% there is censored. Random search in grey."
)
DATA_PROFILE = (
    "Share of (task, target, seed) solved, the three targets together, by evaluations over what exact random search "
    "expects to need for the task and target; each (task, target) of equal weight. A run that never hit stays unsolved "
    "beyond its budget too. Bands, of the first two strategies: 95% for other tasks like these. "
    "Random search of the same budget in grey."
)
PERFORMANCE_PROFILE = (
    "Share of the {problems} (task, target) pairs that all strategies drawn have runs on, and one of them solved, "
    "whose ERT is at most so many times the smallest. Where a curve begins is how often the strategy is the best. "
    "Bands as there."
)
INTERQUARTILE = (
    "Left: the mean of the middle half of all (task, run) scores P (0: random search, 1: the optimum at once), with a "
    "95% bootstrap interval over the runs of each task. Right: how often a run ends better than exact random search of "
    "the same budget, ties half, with a 95% interval over seeds. Both speak of these tasks. Hollow: none can be had."
)
SEEDS = (
    f"Within {HEADLINE_TARGET:.0%}, in evaluations: the seeds a task with which a two-sided t test of 5% tells the "
    "strategy from exact random search, and from the strategy ranked just before it, in 80% of studies of these tasks, "
    "if the mean ratio seen (right of the names; above 1: the first needs less) and its spread are the true ones. At "
    "least as many as reports give an interval for. A grey bar: the seeds there are. Tasks that one of the two never "
    "hit are left out, and counted in the CSV."
)
HEATMAP = "Geometric mean over tasks; “<” and “>” where some task was never solved by the strategy or by random."
INCUMBENTS = (
    "Each dot is a run's final incumbent: below zero its reading was lucky. Hits are judged by the true latency, so "
    "that luck does not count. Dotted: the targets. Dots at the upper and lower edge lie beyond it. At most "
    f"{MOST_CURVES} strategies are drawn; the CSV has all."
)
LANDSCAPES = (
    "Share of all configurations, failures included, that are at most so many times as slow as "
    "the optimum: a curve on the left and high up is easy. Dotted: the targets."
)
DIFFICULTY = (
    "A dot per task, with least squares on both logs. Dotted: limits of the strata; {lines}. Open "
    "triangles are upper bounds. An easy task leaves nothing to win: no strategy can be faster than E5."
)
RANKS = "Strategies joined by a bar are not told apart (Wilcoxon's signed ranks over tasks, Holm's correction, 5%)."
