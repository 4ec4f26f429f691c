"""The rows of a study's speedup tables that a hypothesis is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from analysis.study.baseline import PRIMARY, RANDOM_STRATEGIES
from analysis.study.reference_error import Disturbed
from analysis.study.results import StudyResults
from analysis.verdict import sensitivity
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.unreachable import Unreachable, made_again

NOT_A_MODEL = (*RANDOM_STRATEGIES, "grid", "sobol")
"""Baselines themselves, which are judged only if a hypothesis names them."""


def tested(
    results: StudyResults, hypothesis: Hypothesis, out: Sequence[Unreachable], disturbed: Disturbed | None = None
) -> pd.DataFrame:
    """Select the rows of the speedup tables that the hypothesis is about.

    Args:
        disturbed: the reference error to include in the errors of the rows.
    """
    tables = {PRIMARY.label: results.speedups} if PRIMARY.label in hypothesis.baselines else {}
    tables |= {label: table for label, table in results.others.items() if label in hypothesis.baselines}
    return _of_all(results, tables, hypothesis, out, disturbed)


def without_restarts(results: StudyResults, hypothesis: Hypothesis, out: Sequence[Unreachable]) -> pd.DataFrame:
    """The same over random search that never restarts."""
    names = sensitivity.counterparts(hypothesis)
    same = [replace(one, baseline=names[one.baseline]) for one in out if one.baseline in names]
    return _of_all(results, sensitivity.tables(results, hypothesis), hypothesis, same)


def _of_all(
    results: StudyResults,
    tables: Mapping[str, pd.DataFrame],
    hypothesis: Hypothesis,
    out: Sequence[Unreachable],
    disturbed: Disturbed | None = None,
) -> pd.DataFrame:
    kept_out = out if hypothesis.leave_out_unreachable else ()
    again = {one.baseline for one in kept_out} if disturbed is None else {*tables}
    parts = [
        made_again(results, table, kept_out, disturbed) if label in again else table for label, table in tables.items()
    ]
    whole = pd.concat(parts or [results.speedups.iloc[:0]], ignore_index=True)
    ignored = {*NOT_A_MODEL} - {*hypothesis.strategies}
    return whole[
        (whole["task"] == "ALL")
        & ~whole["strategy"].isin(ignored)
        & whole["axis"].isin(hypothesis.axes)
        & whole["target"].isin(hypothesis.targets)
    ]
