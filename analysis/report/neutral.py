"""The result of a study without a hypothesis: its fastest strategy, with intervals. Nothing is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.reference import HEADLINE_TARGET, TARGETS
from analysis.report.text import ranked_sentences, speedup_cell
from analysis.study.baseline import RANDOM_STRATEGIES, Baseline
from analysis.study.pairing import Ground
from analysis.study.results import StudyResults
from analysis.study.speedup import COLUMNS, speedups_on
from analysis.study.workers import axis_words_of
from analysis.verdict.hypothesis import ALL
from analysis.verdict.judge import plain

NOTHING = "No speedup over random search can be stated: no strategy here has a random search to compare with."


@dataclass(frozen=True)
class Neutral:
    """The main result of a study that claims nothing.

    Attributes:
        sentence: the result in words.
        ranked: the strategies other than random search, the fastest first: known speedups before bounds, more tasks
            before fewer.
        speedups: their speedups over the primary baseline, over all tasks at the headline target; ``COLUMNS``.
        over_next: the speedup of the first over the runs of the second, one row per axis; empty if there are fewer than
            two or if they share no task.
    """

    sentence: str
    ranked: tuple[str, ...]
    speedups: pd.DataFrame
    over_next: pd.DataFrame

    def document(self) -> dict[str, Any]:
        """The content of verdict.json, as analysis/README.md describes it."""
        return {
            "hypothesis": None,
            "sentence": self.sentence,
            "target": HEADLINE_TARGET,
            "ranked": list(self.ranked),
            "speedups": _records(self.speedups),
            "over_next": _records(self.over_next),
        }


def summarise(results: StudyResults) -> Neutral:
    """Compare the fastest strategy with random search and with the second fastest."""
    sentences = ranked_sentences(results.speedups, results.counted.get(HEADLINE_TARGET, ()))
    of = {name: text for name, text in sentences if name not in RANDOM_STRATEGIES}
    if not of:
        empty = pd.DataFrame(columns=COLUMNS)
        return Neutral(sentences[0][1] if sentences else NOTHING, (), empty, empty)
    ranked = tuple(of)
    next_one = _over(results, *ranked[:2]) if len(ranked) > 1 else pd.DataFrame(columns=COLUMNS)
    speedups = _whole(results.speedups)
    return Neutral(
        sentence=_told(of[ranked[0]], ranked, speedups, next_one, len(_common(results, ranked))),
        ranked=ranked,
        speedups=speedups[speedups["strategy"].isin(ranked)],
        over_next=next_one,
    )


def _told(first: str, ranked: tuple[str, ...], speedups: pd.DataFrame, over_next: pd.DataFrame, tasks: int) -> str:
    """The sentence: the fastest against the next on their common tasks, then against random search."""
    if len(ranked) == 1:
        return first
    if (speedups.loc[speedups["strategy"] == ranked[0], "bound"] != "none").any():
        return f"None of {len(ranked)} strategies has a known speedup. {first}"
    told = ""
    if len(over_next):
        by_axis = [(speedup_cell(row), axis_words_of(row)) for _, row in over_next.iterrows()]
        (cell, axis), *others = by_axis
        where = f"your {tasks} tasks" if tasks > 1 else "your task"
        more = "".join(f", and {other} in {words}" for other, words in others)
        told = f"{ranked[0]} is {cell} as fast as {ranked[1]}, the next, on {where} in {axis}{more}. "
    told += f"Fastest of {len(ranked)} strategies: {first}"
    if len(ranked) > 2:
        told += " The intervals do not account for its being picked as the fastest."
    return told


def _over(results: StudyResults, one: str, other: str) -> pd.DataFrame:
    """The speedup of one strategy over the runs of another, on their common tasks."""
    if not _common(results, (one, other)):
        return pd.DataFrame(columns=COLUMNS)
    table = _whole(speedups_on(Ground(results.study, results.best, TARGETS, results.times), Baseline(other)))
    return table[table["strategy"] == one]


def _common(results: StudyResults, ranked: Sequence[str]) -> set[str]:
    """The counted tasks on which both of the first two have runs."""
    runs = results.study.runs
    of = [set(runs.loc[runs["strategy"] == name, "task"].map(str)) for name in ranked[:2]]
    return set.intersection(*of) & set(results.counted.get(HEADLINE_TARGET, ()))


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """The rows over all tasks at the headline target."""
    rows = table[(table["task"] == "ALL") & (table["stratum"] == ALL) & (table["target"] == HEADLINE_TARGET)]
    return rows[COLUMNS].sort_values(["strategy", "axis"]).reset_index(drop=True)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): plain(v) for k, v in row.items()} for row in table.to_dict("records")]
