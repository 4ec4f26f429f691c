"""Two studies side by side: did a change of code, machine or protocol change the result?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.media import json_text
from analysis.reference import HEADLINE_TARGET
from analysis.report.neutral import summarise
from analysis.report.page import environment
from analysis.report.sides import (
    cells_of,
    comparable_cells,
    left_out,
    left_out_table,
    of_same_tasks,
    only_in,
    with_accounts,
)
from analysis.runs.library import Library
from analysis.runs.load import load_study, part_of
from analysis.runs.overlap import overlap_sentences
from analysis.runs.writing import write_text
from analysis.statistics.ert import LogEstimate
from analysis.study.results import OTHERS, StudyResults, analyse
from analysis.study.speedup import COLUMNS
from analysis.study.time_to_target import AXES
from analysis.study.workers import SECONDS, clock_words
from analysis.tables.table import Table, text_rows, times_cell, write
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.hypothesis_file import find_hypothesis
from analysis.verdict.judge import judge

_KEYS = ["task", "stratum", "strategy", "axis", "target"]


@dataclass(frozen=True)
class Compared:
    """The files that a comparison wrote, and what it found.

    Attributes:
        index: the page. Beside it lie comparison.json, comparison-AXIS.csv, .md and .tex, and, if only one of the
            studies has some runs, left-out.csv, .md and .tex.
        sentences: the result of each study on its own.
        notes: one sentence for each thing that was left out, is not done in a study, or differs otherwise.
    """

    index: Path
    sentences: list[str]
    notes: list[str]


def compare_studies(
    a: Path,
    b: Path,
    out: str | Path = "report",
    library: Library | None = None,
    hypothesis: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Compared:
    """Write a page, tables and comparison.json.

    Only strategies on tasks that both ran are compared; whatever else a study contains is named. Each study is judged
    as a whole, by ``hypothesis``, or else by its own hypothesis, or else by none.

    Args:
        told: receives a sentence of each study and the notes before anything is written, as the disk may be full.

    Raises:
        AnalysisError: as :func:`analysis.report.build.build_report`, or the studies share no task and strategy.
    """
    files = [find_hypothesis([path], hypothesis) for path in (a, b)]
    claims = [None if file is None else file.hypothesis for file in files]
    studies = [_analysed(path, library, claim) for path, claim in zip((a, b), claims, strict=True)]
    common = comparable_cells(*studies)
    alike = [_common(study, common) for study in studies] if common else []
    joined = of_same_tasks(side_by_side(*alike), *alike) if alike else pd.DataFrame({"task": []})
    if joined["task"].isin(studies[0].best.t_star_ms).sum() == 0:
        raise AnalysisError(f"{a} and {b}: no task and strategy in common: expected at least one")
    joined = with_accounts(joined, *(study.study.account for study in studies))
    tables = [comparison_table(joined, axis, str(a), str(b)) for axis in AXES if (joined["axis"] == axis).any()]
    tables += [table for table in [left_out_table(*(study.study for study in studies))] if table is not None]
    folder = Path(out)
    given = [] if hypothesis is None else ["--hypothesis", str(hypothesis)]
    compared = Compared(
        folder / "index.html",
        [_sentence(study, claim) for study, claim in zip(studies, claims, strict=True)],
        [*left_out(*studies), *differences(*studies)],
    )
    for side, path, sentence in zip("AB", (a, b), compared.sentences, strict=True):
        told(f"{side}: {path}: {sentence}")
    for note in compared.notes:
        told(note)
    for table in tables:
        write(table, folder)
    write_text(folder / "comparison.json", json_text(_document((a, b), studies, compared)) + "\n")
    page = (
        environment()
        .get_template("compare.html.j2")
        .render(
            names=[str(a), str(b)],
            sentences=compared.sentences,
            counts=[(len(study.study.runs), study.study.runs["task"].nunique()) for study in studies],
            differences=compared.notes,
            tables=tables,
            command=shlex.join(["nearopt", "report", "--compare", str(a), str(b), *given, "-o", str(out)]),
        )
    )
    write_text(compared.index, page)
    return compared


def _document(paths: tuple[Path, Path], studies: Sequence[StudyResults], compared: Compared) -> dict[str, Any]:
    sides = [
        {"results": str(path), "runs": len(study.study.runs), "sentence": sentence,
         "account": study.study.account.document()}
        for path, study, sentence in zip(paths, studies, compared.sentences, strict=True)
    ]  # fmt: skip
    only = [only_in(*(study.study for study in order)) for order in (studies, studies[::-1])]
    cells = [[{"task": task, "strategy": strategy} for task, strategy in sorted(part)] for part in only]
    return {"a": sides[0], "b": sides[1], "only_in_a": cells[0], "only_in_b": cells[1], "notes": compared.notes}


def _analysed(path: Path, library: Library | None, claim: Hypothesis | None) -> StudyResults:
    """Analyse a study with only the baselines that the claim asks for."""
    others = [baseline for baseline in OTHERS if claim is not None and baseline.label in claim.baselines]
    study = load_study([path], library)
    return analyse(study, others) if claim is None else analyse(study, others, claim.stratum_rule, claim.baselines)


def _common(study: StudyResults, cells: set[tuple[str, str]]) -> StudyResults:
    """The results with only the runs of these tasks and strategies, so that ALL covers the same tasks on both sides."""
    return study if cells_of(study.study) == cells else analyse(part_of(study.study, cells), ())


def _sentence(study: StudyResults, claim: Hypothesis | None) -> str:
    return summarise(study).sentence if claim is None else judge(study, claim).sentence


def side_by_side(a: StudyResults, b: StudyResults) -> pd.DataFrame:
    """The speedups of both, joined: :data:`analysis.study.speedup.COLUMNS` with suffixes, and their ratio B / A.

    The ratio's interval assumes independent studies, so it is too wide where they share seeds.
    """
    one, other = (study.speedups[[*COLUMNS, "log", "se", "df", "bias"]] for study in (a, b))
    joined = one.merge(other, on=_KEYS, suffixes=("_a", "_b"), sort=False)
    ratios = [_ratio(row) for row in joined.to_dict("records")]
    return joined.assign(**{name: [ratio[name] for ratio in ratios] for name in ("ratio", "ratio_low", "ratio_high")})


def _ratio(row: Mapping[Any, Any]) -> dict[str, float]:
    if row["bound_a"] != "none" or row["bound_b"] != "none":
        return {"ratio": float("nan"), "ratio_low": float("nan"), "ratio_high": float("nan")}
    a, b = (LogEstimate(*(row[f"{name}_{side}"] for name in ("log", "se", "df", "bias"))) for side in "ab")
    difference = b - a
    low, high = difference.interval()
    return {"ratio": difference.value, "ratio_low": low, "ratio_high": high}


def comparison_table(joined: pd.DataFrame, axis: str, a: str, b: str) -> Table:
    """The comparison at the headline target: tasks first, then kernels, then the whole."""
    rows = joined[(joined["axis"] == axis) & np.isclose(joined["target"], HEADLINE_TARGET)]
    single = ~rows["task"].str.startswith("kernel:") & (rows["task"] != "ALL")
    rows = rows[single | (rows["stratum"] == "all") | (rows["task"] == "ALL")]
    sides = [tuple(rows[f"{name}_{side}"] for name in ("workers", "baseline_workers")) for side in "ab"]
    clock = clock_words(pair for of_side in sides for pair in zip(*of_side, strict=True))
    return Table(
        name=f"comparison-{axis}",
        title=(f"Speedup within {HEADLINE_TARGET:.0%} of the optimum, {clock if axis == SECONDS else axis}: A and B"),
        caption=f"A: {a}; B: {b}. B over A: above 1, B is faster; the 95% interval assumes independent runs.",
        headers=("task", "strategy", "B over A", "A", "hits/runs", "B", "hits/runs"),
        rows=text_rows([_row_cells(row) for row in rows.to_dict("records")]),
        data=rows,
    )


def _row_cells(row: Mapping[Any, Any]) -> list[str]:
    name = f"ALL {row['stratum']}" if row["task"] == "ALL" and row["stratum"] != "all" else str(row["task"])
    ratio = times_cell(row["ratio"], row["ratio_low"], row["ratio_high"])
    cells = [name, str(row["strategy"]), ratio]
    for side in ("a", "b"):
        low, high = row[f"speedup_low_{side}"], row[f"speedup_high_{side}"]
        cells.append(times_cell(row[f"speedup_{side}"], low, high, row[f"bound_{side}"]))
        lacking = f" ({row[f'lacking_{side}']})" if row[f"lacking_{side}"] else ""
        cells.append(f"{row[f'hits_{side}']:.0f}/{row[f'runs_{side}']:.0f}{lacking}")
    return cells


def differences(a: StudyResults, b: StudyResults) -> list[str]:
    """Sentences about unfinished runs and chosen strategies of either study, and about different protocols and
    recordings.
    """
    said = []
    for name, study in (("A", a.study), ("B", b.study)):
        told = (*study.account.sentences(), *overlap_sentences(study.runs, study.chosen_on))
        said += [f"{name}: {sentence}" for sentence in told]
    for strategy in sorted(set(a.study.runs["strategy"]) & set(b.study.runs["strategy"])):
        first, second = (_protocol(study.study.runs, strategy) for study in (a, b))
        changed = [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]
        said += [
            f"{strategy}: {name} is {first.get(name, 'absent')} in A and {second.get(name, 'absent')} in B."
            for name in changed
        ]
    for task in sorted(set(a.best.t_star_ms) & set(b.best.t_star_ms)):
        optima = a.best.t_star_ms[task], b.best.t_star_ms[task]
        if not np.isclose(*optima, rtol=1e-9):
            said.append(f"{task}: t* is {optima[0]:.6g} ms in A and {optima[1]:.6g} ms in B.")
    return said


def _protocol(runs: pd.DataFrame, strategy: str) -> dict[str, str]:
    """How a strategy was run: its arguments and everything else that may make a difference."""
    own = runs[runs["strategy"] == strategy]
    arguments = json.loads(own["strategy_arguments"].iloc[0])
    columns = [
        "budget_evaluations",
        "budget_seconds",
        "batch",
        "compile_workers",
        "schedule",
        "rules",
        "backend",
        "noise",
    ]
    values = {name: ", ".join(sorted({f"{value}" or "none" for value in own[name]})) for name in columns}
    return values | {name: str(value) for name, value in arguments.items()}
