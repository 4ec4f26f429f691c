"""From run directories to a report: verdict, tables, figures and one self-contained page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from analysis.errors import AnalysisError
from analysis.media import json_text
from analysis.progress import tracked
from analysis.report.choice import NO_CHOICE, FigureChoice
from analysis.report.drawing import Drawing, PageFigure, save_figures
from analysis.report.gallery import Gallery
from analysis.report.neutral import Neutral, summarise
from analysis.report.page import Command, render
from analysis.report.text import counted_in, format_speedups
from analysis.runs.library import Library
from analysis.runs.load import load_study
from analysis.runs.overlap import overlap_sentences
from analysis.runs.told import Account
from analysis.runs.writing import write_csv, write_text
from analysis.study.none_succeeded import none_succeeded
from analysis.study.own_finds import own_finds_left_out
from analysis.study.reference_error import Disturbed, disturb
from analysis.study.results import StudyResults, analyse, study_results
from analysis.study.speedup import COLUMNS
from analysis.tables import (
    baselines,
    bootstraps,
    cost_scaling,
    gap_split,
    leave_out,
    pairwise,
    quality,
    ranking,
    reference_error,
    restarting,
    suffices,
    transfer,
)
from analysis.tables.table import Table, write
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.hypothesis_file import HypothesisFile, find_hypothesis
from analysis.verdict.judge import Verdict, judge, without_own_finds
from analysis.verdict.reference_file import find_reference_error
from analysis.verdict.told import told_of

__all__ = ["Report", "build_report", "format_speedups", "redraw"]

EVERY_FIGURE = "all"
_EXACT = "%.10g"
"""Enough digits to recompute one column from another, but not the last bits, which differ between machines."""


@dataclass(frozen=True)
class Report:
    """Where a report was written, and its main table.

    Attributes:
        index: the page.
        verdict_json, speedups_csv, runs_csv: files beside the page.
        figures: the PNGs; a PDF and a CSV of the same name lie beside each.
        tables: the CSVs; Markdown and LaTeX of the same name lie beside each.
        speedups: what speedups.csv holds; see :data:`analysis.study.speedup.COLUMNS`.
        verdict: what verdict.json holds: the verdict on the study's hypothesis, or what a study without one says.
        hypothesis: the file of the hypothesis; ``None`` without one.
        account: the state of all runs that exist or were planned.
        notes: sentences about those runs that a reader must know; empty if all are done and by the same code.
    """

    index: Path
    verdict_json: Path
    speedups_csv: Path
    runs_csv: Path
    figures: list[Path]
    tables: list[Path]
    speedups: pd.DataFrame
    verdict: Verdict | Neutral
    hypothesis: HypothesisFile | None
    account: Account
    notes: list[str]


def build_report(
    paths: Sequence[str | Path],
    out_dir: str | Path = "report",
    library: Library | None = None,
    per_task: bool = False,
    hypothesis: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Report:
    """Analyse every finished run below ``paths`` and write ``out_dir``.

    Args:
        library: recorded landscapes; see :func:`analysis.runs.load.load_study`.
        per_task: also draw the best-so-far curves of every task.
        hypothesis: the hypothesis file; ``None``: the one beside the results, if any; see
            :func:`analysis.verdict.hypothesis_file.find_hypothesis`.
        told: receives the main table, the verdict and the notes before anything is written, as the disk may be full.

    Raises:
        AnalysisError: nothing to analyse, damaged files, runs or hypotheses that contradict each other, or an output
            folder that cannot be written.
    """
    claimed = find_hypothesis(paths, hypothesis)
    command = Command(tuple(map(str, paths)), str(out_dir), "" if hypothesis is None else str(hypothesis))
    results = _analysed(paths, library, claimed)
    failed = none_succeeded(results.study, results.best)
    judged_by = None if claimed is None else claimed.hypothesis
    disturbed = _disturbed(paths, results, judged_by)
    verdict = _verdict(results, judged_by, failed, disturbed)
    account = results.study.account
    document, registered = verdict.document(), []
    if claimed is not None:
        found = told_of(claimed, results.study)
        registered = found.sentences
        document = {"hypothesis": found.document, **document}
    document |= {"none_succeeded": failed, "account": account.document()}
    document |= {"chosen_on": results.study.chosen_on}
    notes = [*registered, *account.sentences(), *overlap_sentences(results.study.runs, results.study.chosen_on)]
    for said in (format_speedups(results.speedups[COLUMNS], account=account), verdict.sentence, *notes):
        told(said)
    out = Path(out_dir)
    write_text(out / "verdict.json", json_text(document) + "\n")
    return _write(_Judged(results, verdict, claimed, registered, notes, disturbed), out, command, per_task)


@dataclass(frozen=True)
class _Judged:
    """The results of a study before anything is written; ``registered``: sentences about its hypothesis."""

    results: StudyResults
    verdict: Verdict | Neutral
    claimed: HypothesisFile | None
    registered: list[str]
    notes: list[str]
    disturbed: Disturbed | None


def _disturbed(paths: Sequence[str | Path], results: StudyResults, hypothesis: Hypothesis | None) -> Disturbed | None:
    """The results under the reference error of the hypothesis, or else the one stated beside the results."""
    registered = None if hypothesis is None else hypothesis.reference_error
    stated = find_reference_error(paths) if registered is None else None
    error = registered if stated is None else stated.relative_error
    return None if error is None else disturb(results, error)


def _verdict(
    results: StudyResults, hypothesis: Hypothesis | None, failed: Mapping[str, str], disturbed: Disturbed | None
) -> Verdict | Neutral:
    """Judge the study; the sentence also mentions tasks on which nothing succeeded, and runs that are not done."""
    verdict: Verdict | Neutral = summarise(results)
    if hypothesis is not None:
        verdict = judge(results, hypothesis, disturbed)
        if (left := own_finds_left_out(results, hypothesis.stratum_rule, hypothesis.baselines)) is not None:
            verdict = without_own_finds(verdict, left.results, left.t_star_ms, disturbed)
    sentences = [verdict.sentence, *(f"{task}: {sentence}." for task, sentence in failed.items())]
    if not results.study.account.complete:
        sentences.append(results.study.account.summary())
    return replace(verdict, sentence=" ".join(sentences).rstrip())


def _write(judged: _Judged, out: Path, command: Command, per_task: bool) -> Report:
    results, verdict, claimed = judged.results, judged.verdict, judged.claimed
    account = results.study.account
    table = results.speedups[COLUMNS]
    everything = pd.concat([table, *(other[COLUMNS] for other in results.others.values())], ignore_index=True)
    counted = counted_in(everything, account)
    lacking = [
        account.short(counted[task, stratum], strategy)
        for task, stratum, strategy in zip(
            everything["task"], everything["stratum"], everything["strategy"], strict=True
        )
    ]
    if any(lacking):
        everything = everything.assign(lacking=lacking)
    write_csv(everything, out / "speedups.csv", _EXACT)
    write_csv(results.times.drop(columns="run"), out / "runs.csv", _EXACT)
    tables = make_tables(results, judged.disturbed)
    for made in tables:
        write(made, out / "tables")
    hypothesis = None if claimed is None else claimed.hypothesis
    gallery = Gallery(results, hypothesis)
    figures = save_figures(_wanted(gallery, per_task), out / "figures")
    index = out / "index.html"
    page = render(results, verdict, figures, tables, command, judged.registered, gallery.explorer())
    write_text(index, page)
    return Report(
        index=index,
        verdict_json=out / "verdict.json",
        speedups_csv=out / "speedups.csv",
        runs_csv=out / "runs.csv",
        figures=[figure.png for figure in figures],
        tables=[out / "tables" / f"{made.name}.csv" for made in tables],
        speedups=table,
        verdict=verdict,
        hypothesis=claimed,
        account=account,
        notes=judged.notes,
    )


def _analysed(paths: Sequence[str | Path], library: Library | None, claimed: HypothesisFile | None) -> StudyResults:
    """Analyse with the hypothesis's strata, and most precisely where its verdict depends on a simulation."""
    if claimed is None:
        return study_results(paths, library)
    return study_results(paths, library, claimed.hypothesis.stratum_rule, claimed.hypothesis.baselines)


def _wanted(gallery: Gallery, per_task: bool) -> list[Drawing]:
    drawings = list(gallery.drawings(per_task))
    if not drawings:
        raise AnalysisError("no figure can be drawn from these runs")
    return drawings


def make_tables(results: StudyResults, disturbed: Disturbed | None = None) -> list[Table]:
    """Build the further tables for which the study has data."""
    made: list[Callable[[], Table | None]] = [
        lambda: baselines.over_each_random(results),
        lambda: leave_out.leave_out(results),
        lambda: transfer.transfer(results),
        lambda: cost_scaling.cost_scaling(results),
        lambda: suffices.suffices(results),
        lambda: gap_split.gaps(results),
        lambda: quality.quality(results),
        lambda: bootstraps.bootstraps(results),
        lambda: restarting.restarting(results),
        lambda: pairwise.pairwise(results),
        lambda: _ranks(results),
        lambda: None if disturbed is None else reference_error.difficulties(results, disturbed),
        lambda: None if disturbed is None else reference_error.speedups(results, disturbed),
    ]
    tables = [make() for make in tracked(made, "tables")]
    return [table for table in tables if table is not None]


def _ranks(results: StudyResults) -> Table | None:
    ranks = ranking.ranking(results)
    return None if ranks is None else ranking.ranking_table(ranks, results)


def redraw(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    names: Sequence[str],
    library: Library | None = None,
    hypothesis: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
    choice: FigureChoice = NO_CHOICE,
) -> list[PageFigure]:
    """Draw some figures of a report again, by name; ``all`` stands for every one.

    Args:
        told: receives what a reader must know about the runs behind the figures, one sentence per call.
        choice: what the figures show, and their width and font. If tasks are chosen, ``ALL`` covers only them.

    Raises:
        AnalysisError: as :func:`build_report`; or no figure of these runs has the name; or the choice names something
            that is not in the study.
    """
    claimed = find_hypothesis(paths, hypothesis)
    judged_by = None if claimed is None else claimed.hypothesis
    study = load_study(paths, library)
    part = choice.part(study)
    if part is not study:
        told(f"{part.runs['task'].nunique()} of {study.runs['task'].nunique()} tasks are chosen: ALL covers only these")
    results = analyse(part, (), None if judged_by is None else judged_by.stratum_rule)
    for sentence in results.study.account.sentences():
        told(sentence)
    gallery, every = Gallery(results, judged_by, choice), EVERY_FIGURE in names
    drawings = {drawing.name: drawing for drawing in gallery.drawings(True, None if every else names)}
    names = [*drawings] if every else names
    for name in names:
        if name not in drawings:
            drawings = {drawing.name: drawing for drawing in gallery.drawings(per_task=True)}
            near = get_close_matches(name, drawings, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise AnalysisError(f"--figure {name}: no such figure: expected one of {', '.join(drawings)}{meant}")
    return save_figures([drawings[name] for name in names], Path(out_dir) / "figures", choice.width, choice.font)
