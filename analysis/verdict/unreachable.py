"""Tasks on which no tuner can be as fast as a hypothesis claims, because random search is too fast there.

A tuner needs at least one evaluation. If exact random search of a kind needs fewer than ``threshold`` evaluations on
average, noise-free, even a tuner that hits with its first evaluation is not ``threshold`` times as fast. Such tasks are
named. If the hypothesis registers ``leave_out_unreachable``, they are left out of the comparison with that kind on both
axes. Runs of a random search belong to the kind whose law they follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.reference import difficulty
from analysis.runs.load import Study
from analysis.study.aggregate import aggregates
from analysis.study.baseline import Baseline
from analysis.study.incumbents import Optima
from analysis.study.laws import UNIFORM
from analysis.study.reference_error import Disturbed, widened
from analysis.study.results import BASELINES, StudyResults
from analysis.study.speedup import task_rows
from analysis.verdict.hypothesis import Hypothesis


@dataclass(frozen=True)
class Unreachable:
    """An unreachable task in one comparison.

    Attributes:
        baseline: the label of a random search that the hypothesis names.
        expected_evaluations: its noise-free E[T], below the threshold.
    """

    baseline: str
    target: float
    task: str
    stratum: str
    expected_evaluations: float


def unreachable(results: StudyResults, hypothesis: Hypothesis) -> list[Unreachable]:
    """The unreachable tasks, in the order of baselines, targets and tasks."""
    found = []
    for baseline in (b for b in BASELINES if b.label in hypothesis.baselines):
        for target in hypothesis.targets:
            for task in sorted(results.counted.get(target, set()) & set(results.study.references)):
                needed = expected(results.study, results.best, baseline, task, target)
                if needed is not None and needed < hypothesis.threshold:
                    found.append(Unreachable(baseline.label, target, task, results.strata[task], needed))
    return found


def expected(study: Study, best: Optima, baseline: Baseline, task: str, target: float) -> float | None:
    """The noise-free E[T] of a random search on a recorded task; ``None`` if it is not known."""
    if baseline.law is None:
        return None
    hard = difficulty(study.references[task], best.t_star_ms[task], target)
    return hard.expected_evaluations if baseline.law == UNIFORM else hard.by_parameter


def made_again(
    results: StudyResults, table: pd.DataFrame, left_out: Sequence[Unreachable], disturbed: Disturbed | None = None
) -> pd.DataFrame:
    """Recompute the rows for ``ALL`` of a speedup table without the tasks that are left out.

    Args:
        table: the speedups over one baseline.
        disturbed: the reference error to include in the errors of the tasks; ``None``: only the error over seeds.
    """
    cells = {(one.baseline, one.target, one.task) for one in left_out}
    single = task_rows(table)
    kept = [
        task in results.counted[target] and (baseline, target, task) not in cells
        for baseline, target, task in zip(single["baseline"], single["target"], single["task"], strict=True)
    ]
    kept_rows = single[kept]
    again = aggregates(kept_rows if disturbed is None else widened(kept_rows, disturbed))
    return again.reindex(columns=table.columns) if len(again) else table.iloc[:0]


def sentences(found: Sequence[Unreachable], hypothesis: Hypothesis) -> list[str]:
    """One sentence per kind of random search, at the hypothesis's target."""
    told = []
    for baseline in dict.fromkeys(one.baseline for one in found):
        here = [one for one in found if (one.baseline, one.target) == (baseline, hypothesis.target)]
        if not here:
            continue
        named = ", ".join(f"{one.task} ({one.expected_evaluations:.3g})" for one in here)
        what = (
            "left out of the comparison with it, by the rule of the hypothesis"
            if hypothesis.leave_out_unreachable
            else "still counted, as the hypothesis has no rule that leaves them out"
        )
        told.append(
            f"{baseline} needs fewer than {hypothesis.threshold:g} evaluations on average on {named}: no tuner can be "
            f"{hypothesis.threshold:g} times as fast there; {what}."
        )
    return told


def document(found: Sequence[Unreachable], hypothesis: Hypothesis) -> dict[str, Any]:
    """The part of verdict.json on unreachable tasks."""
    tasks: dict[str, dict[str, dict[str, float]]] = {}
    for one in found:
        by_target = tasks.setdefault(one.baseline, {}).setdefault(f"{one.target:g}", {})
        by_target[one.task] = float(f"{one.expected_evaluations:.6g}")
    return {"left_out": hypothesis.leave_out_unreachable, "expected_evaluations": tasks}
