"""Judge each strategy by the optimum that others found, in case it is near the optimum only because it found it.

If t* comes from searches, the only strategy that found the best configuration is judged by its own luck: all others
look slow in comparison, and random search seems to hit rarely. Here every strategy is judged again by the t* that is
known without its own finds, including those in a frozen optimum (:mod:`analysis.runs.frozen`), and so is the random
search with which it is compared.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.reference import StratumRule
from analysis.runs.load import Study, part_of
from analysis.study.baseline import RANDOM_STRATEGIES
from analysis.study.incumbents import Optima, fastest_finds, known_optimum
from analysis.study.results import OTHERS, StudyResults, analyse


@dataclass(frozen=True)
class LeftOut:
    """A study in which no strategy is judged by its own finds.

    Attributes:
        results: the results, with each strategy's rows of the speedup tables judged by the optima of the others.
        t_star_ms: strategy to task to the t* without its finds, if that differs.
    """

    results: StudyResults
    t_star_ms: dict[str, dict[str, float]]


def optima_without(study: Study, best: Optima, strategy: str) -> dict[str, float]:
    """t* of every task without a strategy's finds; unchanged if no other optimum is known."""
    fastest, others = fastest_finds(study), study.runs["strategy"] != strategy
    found = {}
    for task, t_star in best.t_star_ms.items():
        known = known_optimum(study, task, strategy)
        if not (task in study.frozen and np.isfinite(known)):
            known = min(known, float(fastest[others & (study.runs["task"] == task)].min()))
        found[task] = known if np.isfinite(known) else t_star
    return found


def own_finds_left_out(
    results: StudyResults, rule: StratumRule | None = None, precise: Collection[str] = ()
) -> LeftOut | None:
    """``None`` where no strategy's own finds are the optimum of any task.

    Random searches are judged by the same t* as the strategy that they are compared with.

    Args:
        rule, precise: as in :func:`analysis.study.results.analyse`.
    """
    study, changed, judged = results.study, dict[str, dict[str, float]](), dict[str, StudyResults]()
    for strategy in sorted(set(study.runs["strategy"]) - set(RANDOM_STRATEGIES)):
        without = optima_without(study, results.best, strategy)
        other = {task: t for task, t in without.items() if t > results.best.t_star_ms[task] * (1 + 1e-12)}
        if not other:
            continue
        changed[strategy] = other
        wanted = {strategy, *RANDOM_STRATEGIES}
        pairs = zip(study.runs["task"], study.runs["strategy"], strict=True)
        cells = {(str(task), str(name)) for task, name in pairs if name in wanted}
        known = [baseline for baseline in OTHERS if baseline.label in results.others]
        judged[strategy] = analyse(part_of(study, cells), known, rule, precise, Optima(without, {}))
    if not changed:
        return None
    speedups = _replaced(results.speedups, {name: of.speedups for name, of in judged.items()})
    others = {
        label: _replaced(table, {name: of.others[label] for name, of in judged.items() if label in of.others})
        for label, table in results.others.items()
    }
    return LeftOut(replace(results, speedups=speedups, others=others), changed)


def _replaced(table: pd.DataFrame, by_strategy: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Replace the rows of some strategies by those of their own tables."""
    kept = table[~table["strategy"].isin(list(by_strategy))]
    own = [of[of["strategy"] == name] for name, of in by_strategy.items()]
    parts = [part for part in (kept, *own) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else table.iloc[:0]
