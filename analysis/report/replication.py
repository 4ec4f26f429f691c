"""The sentence, the document and the page of ``nearopt replicate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET
from analysis.report.page import environment
from analysis.runs.writing import write_text
from analysis.statistics.ert import LogEstimate
from analysis.study.replication import AGREES, DISAGREES, Replicated, Speedup
from analysis.tables.live_pairs import paired_numbers, pairs_table, plain
from analysis.tables.table import Table, text_rows, times_cell

NAME = "replication"
_VERBS = {AGREES: "agrees with", DISAGREES: "does not agree with"}
_UNDECIDED = "does not tell whether it agrees with"


def sentence(found: Replicated) -> str:
    """Whether the card agrees with the recordings and the study, with the numbers behind it."""
    base, own = found.strategies
    verdicts = {f"the recordings ({found.recorded.upper()})": found.with_recordings()}
    if found.study is not None:
        verdicts["the study"] = found.with_study()
    by_verb: dict[str, list[str]] = {}
    for name, verdict in verdicts.items():
        by_verb.setdefault(_VERBS.get(verdict, _UNDECIDED), []).append(name)
    agreement = " and ".join(f"{verb} {' and '.join(names)}" for verb, names in by_verb.items())
    beside = [f"in replay of the same seeds {_times(found.replay)}"]
    beside += [f"in the study {_times(found.study)}"] if found.study is not None else []
    return (
        f"This card ({found.device.upper()}) {agreement}: to come within {HEADLINE_TARGET:.0%}, {own} is "
        f"{_order(found.live, base)} ({', '.join(beside)}), and the same configurations cost {_cost(found)}."
    )


def _order(speedup: Speedup, base: str) -> str:
    if speedup.known == 0:
        return f"not comparable with {base}, since no task was hit by both"
    sure = "" if speedup.order else ", which may be chance"
    return f"{_times(speedup)} as fast as {base} in evaluations{sure}"


def _times(speedup: Speedup) -> str:
    return f"{_ratio(speedup.log)} on {speedup.known} of {speedup.tasks} tasks" if speedup.known else "unknown"


def _ratio(log: LogEstimate) -> str:
    return times_cell(log.value, *log.interval())


def _cost(found: Replicated) -> str:
    cost = found.paired.cost
    if cost.pairs < 2:
        return f"an unknown share of the recorded seconds ({cost.pairs} runs with recorded configurations)"
    low, high = cost.interval()
    model = "" if found.same_model else ", on another model"
    return (
        f"{cost.ratio:.2f} times the recorded seconds (90%: {low:.2f} to {high:.2f}; {cost.verdict} within "
        f"±{cost.margin:.0%}{model})"
    )


def document(found: Replicated) -> dict[str, Any]:
    """The content of replication.json."""
    return {
        "sentence": sentence(found),
        "device": found.device,
        "recordings": found.recorded,
        "tasks": list(found.tasks),
        "strategies": {"base": found.strategies[0], "compared": found.strategies[1]},
        "target": HEADLINE_TARGET,
        "agrees_with_recordings": found.with_recordings(),
        "agrees_with_study": None if found.study is None else found.with_study(),
        "speedup": {name: _numbers(side) for name, side in _sides(found).items()},
        "pairs": paired_numbers(found.paired),
    }


def _sides(found: Replicated) -> dict[str, Speedup]:
    sides = {"live": found.live, "replay": found.replay}
    return sides if found.study is None else {**sides, "study": found.study}


def _numbers(speedup: Speedup) -> dict[str, Any]:
    low, high = speedup.log.interval()
    return {
        "ratio": plain(speedup.log.value),
        "ratio_low": plain(low),
        "ratio_high": plain(high),
        "tasks_with_ratio": speedup.known,
        "tasks": speedup.tasks,
        "hits": speedup.hits,
        "runs": speedup.runs,
    }


def speedup_table(found: Replicated) -> Table:
    """A table with one row per side."""
    import pandas as pd

    base, own = found.strategies
    rows = [
        [
            name,
            _ratio(side.log),
            f"{side.known} of {side.tasks}",
            f"{side.hits} of {side.runs}",
            "" if side is found.live else _ratio(found.beside(side)),
        ]
        for name, side in _sides(found).items()
    ]
    return Table(
        name="replication-speedup",
        title=f"{own} over {base}, evaluations to {HEADLINE_TARGET:.0%}",
        caption=(
            "ERT ratio, geometric mean over the tasks on which both strategies hit, 95% interval over seeds; hits of "
            "the runs of both; and the live ratio over the ratio of the row."
        ),
        headers=("runs", "speedup", "tasks", "hits", "live over row"),
        rows=text_rows(rows),
        data=pd.DataFrame([{"runs": name, **_numbers(side)} for name, side in _sides(found).items()]),
    )


def write_replication(found: Replicated, folder: Path, command: str) -> Path:
    """Write ``replication.json`` and ``index.html`` into ``folder``; return the path of the page.

    Args:
        command: the command that makes it again.

    Raises:
        AnalysisError: the folder cannot be written.
    """
    tables = [speedup_table(found), pairs_table(found.paired)]
    page = (
        environment()
        .get_template("replication.html.j2")
        .render(sentence=sentence(found), tables=tables, tasks=found.tasks, command=command)
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{NAME}.json", json.dumps(document(found), indent=1, ensure_ascii=False) + "\n")
        write_text(folder / "index.html", page)
    except OSError as error:
        raise AnalysisError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder / "index.html"
