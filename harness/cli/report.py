"""The command ``nearopt report``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.errors import UserError
from harness.system.terminal import say

if TYPE_CHECKING:
    from analysis.report.build import Report
    from analysis.report.choice import FigureChoice
    from harness.trackers.base import Tracker


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="results folders")
    parser.add_argument("-o", "--output", type=Path, default=Path("report"), help="default: report")
    parser.add_argument(
        "--hypothesis", type=Path, metavar="FILE", help="judge by this file instead of the one beside DIR"
    )
    parser.add_argument(
        "--figure", action="append", default=[], metavar="NAME", help="draw only this figure; all draws every figure"
    )
    figures = parser.add_argument_group("of figures", "with --figure")
    figures.add_argument("--width", type=float, metavar="INCHES", help="printed width: 3.3, 7.0; text is 7 to 9 pt")
    figures.add_argument("--font", metavar="FAMILY", help="font of all text, such as serif")
    figures.add_argument("--strategies", type=_names, default=(), metavar="A,B", help="draw only these, in this order")
    figures.add_argument(
        "--rename", action="append", default=[], metavar="OLD=NEW", help="show a strategy under another name"
    )
    figures.add_argument("--target", type=float, metavar="EPS", help="0.01, 0.05 (default) or 0.1")
    figures.add_argument(
        "--tasks", type=_names, default=(), metavar="A,B", help="draw only these tasks, kernels or patterns"
    )
    parser.add_argument("--per-task", action="store_true", help="also draw best-so-far curves of every task")
    parser.add_argument("--compare", action="store_true", help="compare two studies, DIR DIR, side by side on one page")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


_OF_FIGURES = ("width", "font", "strategies", "rename", "target", "tasks")


def _choice(arguments: argparse.Namespace) -> FigureChoice:
    """The options given for figures.

    Raises:
        UserError: an option for figures without --figure, or a rename without a new name.
    """
    from analysis.report.choice import FigureChoice

    given = {name: value for name in _OF_FIGURES if (value := getattr(arguments, name)) not in (None, (), [])}
    if given and not arguments.figure:
        raise UserError(f"--{next(iter(given))}: applies to figures: expected --figure NAME or --figure all with it")
    pairs = [text.partition("=") for text in given.pop("rename", [])]
    for old, _, new in pairs:
        if not (old and new):
            raise UserError(f"--rename {old}{'=' if new else ''}{new}: expected OLD=NEW")
    return FigureChoice(**given, rename={old: new for old, _, new in pairs})


def _run(arguments: argparse.Namespace) -> int:
    from analysis.report.build import build_report, redraw
    from analysis.report.compare import compare_studies
    from harness.cli.library import library

    known, choice = library(), _choice(arguments)
    if arguments.compare:
        if len(arguments.paths) != 2:
            raise UserError(f"nearopt report --compare: {len(arguments.paths)} folders: expected two, one per study")
        a, b = arguments.paths
        say(compare_studies(a, b, arguments.output, known, arguments.hypothesis, say).index)
        return DONE
    if arguments.figure:
        drawn = redraw(arguments.paths, arguments.output, arguments.figure, known, arguments.hypothesis, say, choice)
        for figure in drawn:
            say(figure.png)
        return DONE
    tracker = _study_tracker(arguments.overrides)
    report = build_report(arguments.paths, arguments.output, known, arguments.per_task, arguments.hypothesis, say)
    say(report.index)
    if tracker is not None:
        _log_study(tracker, arguments.paths, arguments.output, report)
    return DONE


def _study_tracker(overrides: Sequence[str]) -> Tracker | None:
    """Build the tracker before the report, so that a wrong option fails at once instead of after minutes."""
    if not overrides:
        return None
    from harness.config.compose import Composer
    from harness.run.build import build_tracker

    return build_tracker(Composer().compose(overrides))


def _log_study(tracker: Tracker, paths: Sequence[Path], output: Path, report: Report) -> None:
    from analysis.runs.bundle import write_bundle
    from harness.measure.folders import PrivateFolder
    from harness.trackers.base import TrackedStudy

    with PrivateFolder() as folder:
        bundle = write_bundle(paths, folder.path, report.account)
        files = {"report": output, bundle.consolidated.name: bundle.consolidated, bundle.config.name: bundle.config}
        files[bundle.account.name] = bundle.account
        if report.hypothesis is not None:
            files["hypothesis.yaml"] = report.hypothesis.path
        name = "+".join(path.resolve().name for path in paths)
        summary = {"verdict": report.verdict.sentence, "runs": bundle.runs, **report.account.counts()}
        tracker.log_study(TrackedStudy(name, output, files, summary))


REPORT = Command(
    name="report",
    summary="speedups, figures, a page and a verdict from results",
    description=(
        "Read run directories below DIR… and write index.html, verdict.json, two CSVs, figures/ and tables/. The\n"
        "report judges the study's own hypothesis.yaml, in DIR or its parent folder; without one it judges nothing.\n"
        "With 100 runs or more it keeps DIR/consolidated.parquet up to date, so that the next report loads faster.\n"
        "tracker=wandb uploads one artifact: all runs in one Parquet file, their configuration and the report."
    ),
    examples=(
        "nearopt report results",
        "nearopt report results --hypothesis hypothesis.yaml",
        "nearopt report study-a study-b -o report-ab",
        "nearopt report results -o report --figure best-so-far",
        "nearopt report results -o paper --figure speedup-compact-evaluations --width 3.3 --rename conditional_gp=ours",
        "nearopt report --compare before after -o comparison",
        "nearopt report results tracker=wandb tracker.mode=offline",
    ),
    add_options=_options,
    run=_run,
    overrides=("tracker=", "tracker."),
)
