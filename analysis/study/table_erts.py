"""The ERT of every kind of random search on the recorded tasks of a study, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from analysis.reference import costs, space_rows
from analysis.runs.load import Study
from analysis.runs.recordings import read_readings
from analysis.statistics.ert import ErtEstimate, LogEstimate
from analysis.statistics.readings import Readings
from analysis.statistics.until_precise import ERROR, ROUGH, Simulated
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, Baseline
from analysis.study.incumbents import Optima
from analysis.study.laws import DRAWN, UNIFORM, Drawn, Law, law_of
from analysis.study.ruled_baseline import recorded, ruled_costs
from analysis.study.simulated_baseline import (
    Conditions,
    SearchedRows,
    noise_costs,
    readings_of_space,
    searched_rows,
    seconds_per_evaluation,
)

T = TypeVar("T")


class TableErts:
    """Random search on recorded tasks that have hits.

    Args:
        precise: labels of the baselines that decide a verdict; these are simulated longer.

    Attributes:
        simulated: (baseline's label, task, target, axis) to the simulation behind its number, if any; of several
            conditions, the least precise one.
    """

    def __init__(self, study: Study, optima: Optima, targets: Sequence[float], precise: Collection[str] = ()) -> None:
        self.study, self.optima, self.targets, self.precise = study, optima, tuple(targets), frozenset(precise)
        self.simulated: dict[tuple[str, str, float, str], Simulated] = {}
        self._known: dict[tuple[Any, ...], Any] = {}

    def law(self, task: str, target: float, kind: str) -> Law | None:
        """The exact law; ``None`` if it is not known."""
        table, t_star = self.study.references[task], self.optima.t_star_ms[task]
        return self._once(lambda: law_of(table, t_star, target, kind), "law", task, target, kind)

    def log_ert(
        self, task: str, conditions: Conditions, target: float, axis: str, baseline: Baseline
    ) -> LogEstimate | None:
        """log ERT; ``None`` if it is not known. Its standard error is that of the simulation, if there is one.

        A search that never restarts has the whole space as its budget; on several workers it is simulated until one
        search in a million is left.
        """
        law = self.law(task, target, baseline.kind)
        if law is None:
            return None
        how = conditions
        if not baseline.restarts:
            how = replace(conditions, budget=len(space_rows(self.study.references[task])))
        key = (task, target, baseline.kind)
        in_seconds = axis == "seconds" and how.sequential
        known = law.seconds if in_seconds else law.evaluations
        instead = conditions.rules is not None and baseline.label in (
            EXACT_RANDOM,
            EXACT_BY_PARAMETER,
        )  # of a closed form
        wanted = ERROR if instead or baseline.label in self.precise else ROUGH
        exact = self._once(lambda: known(how.budget), "exact", *key, in_seconds, how.budget)
        if conditions.rules is not None:
            drawn = how if baseline.restarts else replace(how, budget=min(how.budget, law.most()))
            targets = self.targets if baseline.restarts else (target,)
            ratio = self._ruled(task, targets, baseline, drawn, wanted).get((target, axis))
        elif baseline.noisy:
            ratio = self._noise(task, baseline.kind, how, wanted).get((target, axis))
        elif in_seconds or axis == "evaluations":
            return LogEstimate(float(np.log(exact))) if 0 < exact < np.inf else None
        else:
            drawn = how if baseline.restarts else replace(how, budget=min(how.budget, law.most()))
            targets = self.targets if baseline.restarts else (target,)
            ratio = self._clock(task, targets, baseline.kind, drawn, wanted).get(target)
        if ratio is None or not (0 < ratio.value < np.inf and 0 < exact < np.inf):
            return None
        told = (baseline.label, task, target, axis)
        if told not in self.simulated or not ratio.error <= self.simulated[told].error:
            self.simulated[told] = ratio
        return LogEstimate(float(np.log(exact)) + float(np.log(ratio.value)), ratio.error)

    def drawn_ert(self, task: str, conditions: Conditions, target: float, axis: str) -> ErtEstimate | None:
        """The ERT of random search by recorded draws, with the error of its rate; ``None`` in seconds without costs.

        Without a hit among the draws it is a bound. On several workers the seconds of an evaluation are simulated.
        """
        law = self.law(task, target, DRAWN)
        if not isinstance(law, Drawn):
            return None
        if axis == "evaluations":
            return law.rate.estimate()
        cost_s, error = law.cost_s, 0.0
        if not conditions.sequential:
            together = self.targets if target in self.targets else (target,)
            ratio = self._clock(task, together, UNIFORM, conditions, ROUGH).get(target)
            cost_s, error = (float("nan"), 0.0) if ratio is None else (ratio.value, ratio.error)
        if not 0 < cost_s < np.inf:
            return None
        of = law.rate.estimate(cost_s)
        return replace(of, log=replace(of.log, se=float(np.hypot(of.log.se, error))))

    def _clock(
        self, task: str, targets: Sequence[float], kind: str, how: Conditions, wanted: float
    ) -> dict[float, Simulated]:
        """Seconds on several workers over evaluations, by target; empty if costs are unknown."""
        if not np.isfinite(costs(space_rows(self.study.references[task]))).all():
            return {}
        rows = self._rows(task, targets, kind)
        return self._once(lambda: seconds_per_evaluation(rows, how, wanted), "clock", task, targets, kind, how, wanted)

    def _noise(self, task: str, kind: str, how: Conditions, wanted: float) -> dict[tuple[float, str], Simulated]:
        readings = self._once(lambda: self._read(task), "readings", task)
        if readings is None:
            return {}
        rows = self._rows(task, self.targets, kind)
        return self._once(lambda: noise_costs(rows, readings, how, wanted), "noise", task, kind, how, wanted)

    def _ruled(
        self, task: str, targets: Sequence[float], baseline: Baseline, how: Conditions, wanted: float
    ) -> dict[tuple[float, str], Simulated]:
        """ERT under rules over the exact value without them, by target and axis; empty without samples or costs."""
        table, rules = self.study.references[task], how.rules
        readings = self._once(lambda: self._read(task), "readings", task)
        needed = baseline.noisy or (rules is not None and rules.sample_error is not None)
        if rules is None or (needed and readings is None) or not np.isfinite(costs(space_rows(table))).all():
            return {}
        rows = self._rows(task, targets, baseline.kind)
        known = recorded(table, readings, baseline.noisy)
        key = ("ruled", task, targets, baseline.kind, baseline.noisy, how, wanted)
        return self._once(lambda: ruled_costs(known, rows, how, rules, wanted), *key)

    def _rows(self, task: str, targets: Sequence[float], kind: str) -> SearchedRows:
        table, t_star = self.study.references[task], self.optima.t_star_ms[task]
        return self._once(lambda: searched_rows(table, t_star, targets, kind), "rows", task, targets, kind)

    def _read(self, task: str) -> Readings | None:
        path, table = self.study.samples.get(task), self.study.references[task]
        return None if path is None else readings_of_space(read_readings(path, table), table)

    def _once(self, make: Callable[[], T], *key: object) -> T:
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found
