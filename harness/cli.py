"""The console script ``nearopt``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli_parser import command_parser, parse
from harness.errors import UserError, clear_line
from harness.exit_codes import DONE, FAILED, INTERRUPTED, REGRESSION, UNDECIDED, USER_ERROR

if TYPE_CHECKING:
    from analysis.gate.judge import Look, Source
    from analysis.gate.outcomes import Outcomes, Protocol
    from analysis.report import Report
    from harness.gate.request import Side
    from harness.gate.suite import Suite
    from harness.landscape import Landscape
    from harness.trackers.base import Tracker


def _run(arguments: argparse.Namespace) -> int:
    from harness.run_command import run

    return run(arguments)


def _report(arguments: argparse.Namespace) -> int:
    from analysis.report import build_report, format_speedups, redraw
    from analysis.report_compare import compare_studies
    from harness.task import recorded_landscapes

    recordings = {path.stem: path for path in recorded_landscapes()}
    if arguments.compare:
        if len(arguments.paths) != 2:
            raise UserError(f"nearopt report --compare: {len(arguments.paths)} folders: expected two, one per study")
        print(compare_studies(arguments.paths[0], arguments.paths[1], arguments.output, recordings))
        return DONE
    if arguments.figure:
        for figure in redraw(arguments.paths, arguments.output, arguments.figure, recordings):
            print(figure.png)
        return DONE
    tracker = _study_tracker(arguments.tracker)
    report = build_report(arguments.paths, arguments.output, recordings, arguments.per_task)
    print(format_speedups(report.speedups))
    print(report.verdict.sentence)
    print(report.index)
    if tracker is not None:
        _log_study(tracker, arguments.paths, arguments.output, report)
    return DONE


def _study_tracker(overrides: Sequence[str]) -> Tracker | None:
    """Built before the report is: a wrong option must not cost a report's minutes."""
    if not overrides:
        return None
    from harness.compose import Composer
    from harness.run import build_tracker

    return build_tracker(Composer().compose(overrides))


def _log_study(tracker: Tracker, paths: Sequence[Path], output: Path, report: Report) -> None:
    from tempfile import TemporaryDirectory

    from analysis.bundle import write_bundle
    from harness.trackers.base import TrackedStudy

    with TemporaryDirectory() as folder:
        bundle = write_bundle(paths, Path(folder))
        files = {"report": output, bundle.consolidated.name: bundle.consolidated, bundle.config.name: bundle.config}
        name = "+".join(path.resolve().name for path in paths)
        summary = {"verdict": report.verdict.sentence, "runs": bundle.runs}
        tracker.log_study(TrackedStudy(name, output, files, summary))


def _status(arguments: argparse.Namespace) -> int:
    import json

    from harness.status import study_status
    from harness.status_text import format_status

    status = study_status(arguments.results)
    print(json.dumps(status.to_json(), indent=1) if arguments.json else format_status(status))
    return DONE


def _gate(arguments: argparse.Namespace) -> int:
    from analysis.consolidated import names
    from analysis.gate.documents import to_json, to_junit
    from analysis.gate.judge import Plan, Verdict, gate
    from analysis.gate.outcomes import Protocol
    from analysis.gate.text import markdown, terminal
    from analysis.load import read_logs
    from harness.atomic import write_text
    from harness.gate.request import made_with, request

    asked = request(arguments, names)
    suite = asked.suite
    protocol = Protocol(suite.evaluations, suite.noise, suite.sha256())
    candidate = _source(asked.candidate, suite, protocol)
    if asked.baseline is None:
        outcomes = candidate.outcomes(suite.looks[-1])
        return _write_baseline(outcomes, protocol, made_with(suite, asked.candidate, read_logs), asked.new)
    plan = Plan(suite.looks, suite.target, suite.slowdown, suite.alpha, suite.power, arguments.to_the_end)
    judgement = gate(plan, candidate, _source(asked.baseline, suite, protocol), _told_on_stderr)
    print(terminal(judgement))
    sides = {"candidate": asked.candidate, "baseline": asked.baseline}
    made = {name: made_with(suite, side, read_logs) for name, side in sides.items()}
    for file, text in (
        (arguments.json, to_json(judgement, suite.name, made)),
        (arguments.junit, to_junit(judgement, suite.name)),
        (arguments.markdown, markdown(judgement, suite.name)),
    ):
        if file is not None:
            write_text(file, text)
    return {Verdict.REGRESSION: REGRESSION, Verdict.UNDECIDED: UNDECIDED}.get(judgement.verdict, DONE)


def _source(side: Side, suite: Suite, protocol: Protocol) -> Source:
    from analysis.gate.baseline_file import fitting, read_baseline
    from analysis.gate.judge import Source
    from analysis.gate.outcomes import read_outcomes
    from harness.gate.sides import Folder

    if isinstance(side, Path):
        recorded = fitting(read_baseline(side), protocol, str(side))
        return Source(lambda _: recorded, grows=False)
    if isinstance(side, Folder):
        found = read_outcomes(side.folders, side.label, side.name, protocol)
        return Source(lambda _: found, grows=False)

    def grown(seeds: int) -> Outcomes:
        side.run(seeds)
        return read_outcomes(side.folders, side.label, f"runs in {side.folder}", protocol, suite.seeds(seeds))

    return Source(grown, grows=True)


def _told_on_stderr(look: Look, total: int, number: int) -> None:
    from analysis.gate.text import look_line

    print(look_line(look, total, number), file=sys.stderr)


def _write_baseline(outcomes: Outcomes, protocol: Protocol, made: dict[str, Any], folder: Path) -> int:
    from analysis.gate.baseline_file import baseline_text
    from harness.atomic import write_text

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{outcomes.label}.json"
    write_text(file, baseline_text(outcomes, protocol, made))
    print(f"{outcomes.runs} runs of {outcomes.label} on {len(outcomes.tasks)} tasks: {file}")
    return DONE


def _landscapes(arguments: argparse.Namespace) -> int:
    from analysis.figures.style import check_figure_path
    from analysis.landscape_summary import summarise_all
    from analysis.landscape_table import markdown_tables, terminal_table
    from harness.landscape_files import read_landscapes
    from harness.resources import landscape_directory
    from harness.task import recorded_landscapes

    if arguments.figure is not None:
        check_figure_path(arguments.figure)
    files = arguments.files or recorded_landscapes()
    if not files:
        raise UserError(f"{landscape_directory()}: no landscape here: expected *.parquet")
    landscapes, faults = read_landscapes(files)
    summaries, without = summarise_all((x.name, x.frame(), x.metadata) for x in landscapes)
    faults |= without
    if summaries:
        print((markdown_tables if arguments.markdown else terminal_table)(summaries, faults))
    if summaries and arguments.figure is not None:
        _draw_landscapes({s.task: s.t_star_ms for s in summaries}, landscapes, arguments.figure)
    if not faults:
        return DONE
    listed = "; ".join(f"{name}: {reason}" for name, reason in faults.items())
    raise UserError(listed if len(faults) == 1 else f"{len(faults)} of {len(files)} landscapes not listed: {listed}")


def _draw_landscapes(t_star_ms: dict[str, float], landscapes: Sequence[Landscape], path: Path) -> None:
    from analysis.figures import landscapes as figure
    from analysis.figures.style import save_as
    from analysis.reference import with_coverage

    names = [x.name for x in landscapes]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{twice}: two files of this name: expected one of them for a figure")
    tables = {x.name: with_coverage(x.frame(), x.metadata["coverage"]["kind"]) for x in landscapes}
    data = figure.shares({name: tables[name] for name in t_star_ms}, t_star_ms)
    save_as(figure.draw(data), path, data)


def _import(arguments: argparse.Namespace) -> int:
    from harness.formats.commands import run_import

    run_import(arguments.file, arguments.output, arguments.space)
    return DONE


def _export(arguments: argparse.Namespace) -> int:
    from harness.formats.commands import run_export

    run_export(arguments.files, arguments.format, arguments.output)
    return DONE


def _compare(arguments: argparse.Namespace) -> int:
    from analysis.landscape_compare import compare, format_comparison
    from analysis.reference import with_coverage
    from harness.landscape import read_landscape
    from harness.landscape_files import check_same_parameters, keyed_frame

    a, b = read_landscape(arguments.a), read_landscape(arguments.b)
    check_same_parameters(a, b)
    tables = [with_coverage(keyed_frame(x), x.metadata["coverage"]["kind"]) for x in (a, b)]
    print(format_comparison(compare(*tables), str(arguments.a), str(arguments.b)))
    return DONE


def _record(arguments: argparse.Namespace) -> int:
    from harness.compose import Composer
    from harness.recording import RecordRequest, record_tasks

    overrides = ["backend=live", *arguments.overrides]
    if arguments.compile_workers is not None:
        overrides.append(f"backend.compile_workers={arguments.compile_workers}")
    composer = Composer(arguments.config_dir)
    configs = composer.expand(overrides)
    searches = []
    for search in arguments.search:
        name, _, evaluations = search.partition("=")
        if not name or not evaluations.isdigit():
            raise UserError(f"--search {search}: expected NAME=EVALUATIONS")
        searches.append(composer.compose([f"strategy={name}", f"budget.evaluations={evaluations}", "batch=16"]))
    request = RecordRequest(
        arguments.output, arguments.limit, arguments.deadline_s, tuple(searches), arguments.draws, arguments.finish
    )
    for recording in record_tasks(configs, request):
        print(recording.report(), flush=True)
    return DONE


def _retime(arguments: argparse.Namespace) -> int:
    from harness.compose import Composer
    from harness.recording import retime_tasks
    from harness.retime import Retiming

    for name in ("limit", "rounds"):
        if getattr(arguments, name) < 1:
            raise UserError(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    configs = Composer(arguments.config_dir).expand(["backend=live", *arguments.overrides])
    retiming = Retiming(limit=arguments.limit, rounds=arguments.rounds)
    for done in retime_tasks(configs, retiming):
        print(f"{done.configurations} configurations of {done.runs} runs, best {done.t_star_ms:.6g} ms: {done.path}")
    return DONE


def _profile(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from analysis.ask_cost import COLUMNS, summarise, terminal_table
    from analysis.figures.ask_cost import draw
    from analysis.figures.style import save
    from harness.profiling import profile_all, profiled_configs, to_rows

    words = [*arguments.overrides, *filter(None, arguments.beside.split(","))]
    configs = profiled_configs(words, arguments.config_dir)
    profiles = profile_all(configs, arguments.observations, arguments.time_limit_s)
    readings = pd.DataFrame(to_rows(profiles), columns=list(COLUMNS))
    if readings.empty:
        raise UserError(f"--time-limit-s {arguments.time_limit_s:g}: no strategy got as far as 10 observations")
    summary = summarise(readings)
    figure = save(draw(readings, summary), arguments.output / "ask-cost", readings)
    summary.to_csv(arguments.output / "growth.csv", index=False, float_format="%.6g")
    print(terminal_table(summary))
    print(figure)
    return DONE


def _new_strategy(arguments: argparse.Namespace) -> int:
    from harness.new_strategy import new_strategy

    for file in new_strategy(arguments.name, arguments.output):
        print(file)
    return DONE


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "status": _status,
    "gate": _gate,
    "record": _record,
    "retime": _retime,
    "report": _report,
    "new-strategy": _new_strategy,
    "profile": _profile,
    "landscapes": _landscapes,
    "landscapes import": _import,
    "landscapes export": _export,
    "landscapes compare": _compare,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    from analysis.errors import AnalysisError

    parser = command_parser()
    try:
        arguments = parse(parser, argv)
        if arguments.command is None:
            parser.print_help()
            return USER_ERROR
        return COMMANDS[arguments.command](arguments)
    except (UserError, AnalysisError) as error:
        print(f"nearopt: {clear_line(error)}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt as stop:
        how_far = f" ({stop})" if str(stop) else ""
        print(f"nearopt: interrupted{how_far}; the same command resumes", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("NEAROPT_TRACEBACK"):
            raise
        text = " ".join(str(error).split())[:600]
        print(f"nearopt: {type(error).__name__}: {text} (NEAROPT_TRACEBACK=1 shows where)", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
