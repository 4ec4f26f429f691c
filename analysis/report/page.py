"""The page of a report: one HTML file without external references."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.media import printable
from analysis.reference import HEADLINE_TARGET, STRATA, TARGETS
from analysis.report.captions import EXPLORER, LAW
from analysis.report.drawing import PageFigure
from analysis.report.explorer import embedded
from analysis.report.neutral import Neutral, summarise
from analysis.report.rows import environment_rows, initial_points, strata_told, strategy_rows, task_rows, warnings
from analysis.report.text import SpeedupLine, interval_note, seconds_heading, sentences, speedup_lines
from analysis.statistics.supported import THESE_TASKS
from analysis.study.results import StudyResults
from analysis.tables.baselines import stratum_name
from analysis.tables.table import Table
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.judge import Verdict

MOST_LINES = 40
_STRATA_BY_WEIGHT = ("useful", "all", *(name for name in STRATA if name != "useful"), "unknown")


@dataclass(frozen=True)
class Command:
    """The command that makes the report, or one of its figures, again.

    Attributes:
        hypothesis: the file that was given; empty without one.
    """

    paths: tuple[str, ...]
    out: str
    hypothesis: str = ""

    def report(self) -> str:
        given = f" --hypothesis {shlex.quote(self.hypothesis)}" if self.hypothesis else ""
        return f"nearopt report {shlex.join(self.paths)}{given} -o {shlex.quote(self.out)}"

    def figure(self, name: str) -> str:
        return f"{self.report()} --figure {name}"


def environment() -> Environment:
    """The Jinja environment with this package's templates."""
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    jinja.filters["groupby_heading"] = _by_heading
    jinja.filters["seconds_heading"] = seconds_heading
    jinja.filters["data_uri"] = data_uri
    return jinja


def _seen(value: Any) -> Any:
    """Make control characters visible before escaping, so that printing the page to a terminal is harmless."""
    return printable(value, keep="\n") if type(value) is str else value


def data_uri(png: Path) -> str:
    """The picture as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode("ascii")


def render(
    results: StudyResults,
    verdict: Verdict | Neutral,
    figures: list[PageFigure],
    tables: list[Table],
    command: Command,
    registered: Sequence[str] = (),
    explorer: Mapping[str, Any] | None = None,
) -> str:
    """Render the page; everything in it is computed from the arguments.

    Args:
        registered: sentences on when the hypothesis was registered and on what it registers.
        explorer: the curves that the page's script draws, of :func:`analysis.report.explorer.document`.
    """
    study, best, table = results.study, results.best, results.speedups
    tasks = task_rows(study, best, results.strata)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            headline=verdict.sentence,
            fastest=summarise(results).sentence if isinstance(verdict, Verdict) else "",
            contents=_contents(len(table) > 0, explorer is not None, tables),
            curves=None if explorer is None else _curves(explorer),
            registered=registered,
            judged=judged(verdict) if isinstance(verdict, Verdict) else None,
            sentences=sentences(table, results.counted[HEADLINE_TARGET]),
            target=f"{HEADLINE_TARGET:.0%}",
            speedups=[
                (f"{target:.0%}", *_split(speedup_lines(table, target, study.account))) for target in _by_weight()
            ],
            note=interval_note(table) if len(table) else "",
            figures=[figure for figure in figures if not figure.appendix],
            appendix=[figure for figure in figures if figure.appendix],
            tables=tables,
            targets=[f"{target:.0%}" for target in TARGETS],
            initial_points=initial_points(study),
            tasks=tasks,
            strata=strata_told(tasks),
            strategies=strategy_rows(study),
            live=bool(len(study.splits)) and bool(study.splits["live"].any()),
            warnings=warnings(study, best),
            environment=environment_rows(study.environment),
            runs=len(study.runs),
            evaluations=int(study.runs["evaluations"].sum()),
            command=command,
        )
    )


def _curves(explorer: Mapping[str, Any]) -> dict[str, Any]:
    law = LAW if any(strategy["law"] for strategy in explorer["strategies"]) else ""
    return {"of": explorer["of"], "caption": EXPLORER + law, "data": embedded(explorer)}


def _contents(speedups: bool, curves: bool, tables: Sequence[Table]) -> list[tuple[str, str]]:
    """The id and title of every section of the page."""
    parts = [("speedups", "Speedup over random search")] if speedups else []
    parts += [("curves", "Best so far")] if curves else []
    parts.append(("figures", "Figures"))
    parts += [(f"table-{table.name}", table.title) for table in tables]
    return [*parts, ("tasks", "How hard the tasks are"), ("protocol", "Protocol")]


@dataclass(frozen=True)
class Judged:
    """The part of the page that is about a hypothesis.

    Attributes:
        statement, threshold: the hypothesis's own.
        strata, rows: of :func:`verdict_rows`.
        rule: what the words in the table mean.
        notes: sentences that a reader must know about it.
        details: what the headline leaves out.
    """

    statement: str
    threshold: str
    strata: list[str]
    rows: list[tuple[str, list[str]]]
    rule: str
    notes: tuple[str, ...]
    details: str


def judged(verdict: Verdict) -> Judged:
    hypothesis = verdict.hypothesis
    return Judged(
        hypothesis.statement,
        f"{hypothesis.threshold:g}",
        *verdict_rows(verdict),
        rule(hypothesis),
        verdict.notes,
        verdict.details,
    )


def rule(hypothesis: Hypothesis) -> str:
    """The sentence that says when each verdict is given."""
    axes = "both axes" if len(hypothesis.axes) == 2 else f"the axis {hypothesis.axes[0]}"
    tests = "Holm's correction over the targets" if len(hypothesis.targets) > 1 else "tests"
    return (
        f"Supported if one-sided tests put the speedup above {hypothesis.threshold:g} on {axes} against each "
        "kind of random search, including random search that never restarts; refuted if one puts it below, even when "
        "its p is multiplied by their number; "
        f"{tests} at {100 * hypothesis.error_rate:g}%; otherwise undecided."
    )


def verdict_rows(verdict: Verdict) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The verdict table: a row per strategy, a column per stratum; those that the hypothesis names come first."""
    strata = [*dict.fromkeys((*verdict.hypothesis.strata, *_STRATA_BY_WEIGHT))]
    first = verdict.hypothesis.strategies
    columns = {
        f"{stratum_name(stratum)}, {'here' if question == THESE_TASKS else question}": by_name
        for stratum in sorted(
            {stratum for of_question in verdict.verdicts.values() for stratum in of_question}, key=strata.index
        )
        for question, by_stratum in verdict.verdicts.items()
        if (by_name := by_stratum.get(stratum))
    }
    names = sorted({name for by_name in columns.values() for name in by_name}, key=lambda n: (n not in first, n))
    return [*columns], [(name, [by_name.get(name, "–") for by_name in columns.values()]) for name in names]


def _split(lines: list[SpeedupLine]) -> tuple[list[SpeedupLine], list[SpeedupLine]]:
    """The lines shown at once, and those folded away: single tasks, if there are many."""
    if len(lines) <= MOST_LINES:
        return lines, []
    whole = [line for line in lines if line.task == "ALL"]
    kernels = [line for line in lines if line.aggregate and line.task != "ALL"]
    return [*reversed_groups(whole), *kernels], [line for line in lines if not line.aggregate]


def reversed_groups(lines: list[SpeedupLine]) -> list[SpeedupLine]:
    """The groups with ALL before its strata: the summary comes first on a page and last on a terminal."""
    strata = list(dict.fromkeys(line.stratum for line in lines))
    return [line for stratum in reversed(strata) for line in lines if line.stratum == stratum]


def _by_heading(lines: list[SpeedupLine]) -> list[tuple[str, list[SpeedupLine]]]:
    groups: dict[str, list[SpeedupLine]] = {}
    for line in lines:
        groups.setdefault(line.heading, []).append(line)
    return list(groups.items())


def _by_weight() -> list[float]:
    return [HEADLINE_TARGET, *(target for target in TARGETS if target != HEADLINE_TARGET)]
