"""The command ``nearopt gate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.command import Command, add_config_dir
from harness.cli.exit_codes import DONE, REGRESSION, UNDECIDED
from harness.errors import UserError
from harness.system.terminal import say, warn

if TYPE_CHECKING:
    from analysis.gate.judge import Look, Source
    from analysis.gate.side_times import Protocol, SideTimes
    from harness.gate.request import Side
    from harness.gate.suite import Suite


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("candidate", metavar="CANDIDATE", help="strategy, results folder or baseline file")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="strategy.…=VALUE of the candidate")
    parser.add_argument("--against", metavar="BASELINE", help="required unless --update-baseline is given")
    parser.add_argument(
        "--against-override", action="append", default=[], metavar="OVERRIDE", help="strategy.…=VALUE of the baseline"
    )
    parser.add_argument("--rerun", action="store_true", help="run BASELINE even if a committed baseline exists")
    parser.add_argument(
        "--suite", default="default", metavar="NAME|FILE", help="a suite of conf/suite, or a YAML file of the same form"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds per task at the last look; default: the suite's")
    parser.add_argument(
        "--to-the-end", action="store_true", help="continue after a pass, to see whether it is an improvement"
    )
    parser.add_argument("--results", type=Path, default=Path("gated"), metavar="DIR", help="default: gated")
    parser.add_argument("--jobs", type=int, metavar="N", help="runs at once; default: one per core")
    parser.add_argument(
        "--no-diff", action="store_true", help="do not store the checkout's uncommitted changes with the runs"
    )
    add_config_dir(parser)
    parser.add_argument("--baselines", type=Path, metavar="DIR", help="folder of baselines; default: NearOpt's own")
    parser.add_argument("--update-baseline", action="store_true", help="write CANDIDATE's runs to DIR/<label>.json")
    for name in ("json", "junit", "markdown"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write the verdict as {name}")


def _run(arguments: argparse.Namespace) -> int:
    from analysis.gate.documents import to_json, to_junit
    from analysis.gate.exact import exact_erts
    from analysis.gate.judge import Plan, Verdict, gate
    from analysis.gate.power import power
    from analysis.gate.side_times import Protocol
    from analysis.gate.text import markdown, terminal
    from analysis.runs.consolidated import names
    from analysis.runs.reading import read_logs
    from harness.cli.library import library
    from harness.gate.request import made_with, request
    from harness.gate.sides import Law
    from harness.system.atomic import write_text, writing

    asked = request(arguments, names)
    suite = asked.suite
    protocol = Protocol(suite.evaluations, suite.noise, suite.sha256())
    candidate = _source(asked.candidate, suite, protocol)
    if asked.baseline is None:
        times = candidate.times(suite.looks[-1])
        return _write_baseline(times, protocol, made_with(suite, asked.candidate, read_logs), asked.new)
    plan = Plan(suite.looks, suite.target, suite.slowdown, suite.alpha, suite.power, arguments.to_the_end)
    baseline = (
        exact_erts(asked.baseline.name, suite.landscapes, protocol, suite.target, library())
        if isinstance(asked.baseline, Law)
        else _source(asked.baseline, suite, protocol)
    )
    judgement = gate(plan, candidate, baseline, _told_on_stderr)
    found = power(judgement, suite.evaluations)
    say(terminal(judgement, found), flush=True)
    unwritten: list[UserError] = []
    sides = {"candidate": asked.candidate, "baseline": asked.baseline}
    made = {name: made_with(suite, side, read_logs) for name, side in sides.items()}
    for file, text in (
        (arguments.json, to_json(judgement, suite.name, made, found)),
        (arguments.junit, to_junit(judgement, suite.name)),
        (arguments.markdown, markdown(judgement, suite.name, found)),
    ):
        if file is not None:
            try:
                with writing(file):
                    write_text(file, text)
            except UserError as error:  # the other runs may be in another folder
                unwritten.append(error)
    if unwritten:
        raise unwritten[0]
    return {Verdict.REGRESSION: REGRESSION, Verdict.UNDECIDED: UNDECIDED}.get(judgement.verdict, DONE)


def _source(side: Side, suite: Suite, protocol: Protocol) -> Source:
    from analysis.gate.baseline_file import fitting, read_baseline
    from analysis.gate.judge import Source
    from analysis.gate.side_times import read_side_times
    from harness.gate.sides import Folder

    if isinstance(side, Path):
        recorded = fitting(read_baseline(side), protocol, str(side))
        return Source(lambda _: recorded, grows=False)
    if isinstance(side, Folder):
        times = read_side_times(side.folders, side.label, side.name, protocol)
        return Source(lambda _: times, grows=False)

    def grown(seeds: int) -> SideTimes:
        side.run(seeds)
        return read_side_times(side.folders, side.label, f"runs in {side.folder}", protocol, suite.seeds(seeds))

    return Source(grown, grows=True)


def _told_on_stderr(look: Look, total: int, number: int) -> None:
    from analysis.gate.text import look_line

    warn(look_line(look, total, number))


def _write_baseline(times: SideTimes, protocol: Protocol, made: dict[str, Any], folder: Path) -> int:
    from analysis.gate.baseline_file import baseline_text
    from harness.system.atomic import write_text, writing

    file = folder / f"{times.label}.json"
    with writing(file):
        folder.mkdir(parents=True, exist_ok=True)
        write_text(file, baseline_text(times, protocol, made))
    say(f"{times.runs} runs of {times.label} on {len(times.tasks)} tasks: {file}")
    return DONE


GATE = Command(
    name="gate",
    summary="test whether a change made a strategy slower (exit 0, 3 or 4)",
    description=(
        "Compare the evaluations that two strategies need to come within 5% of the optimum (ERT, geometric mean over\n"
        "the suite's tasks), in replay. CANDIDATE and BASELINE are each a strategy of conf/strategy, a results folder\n"
        "(FOLDER or FOLDER:LABEL) or a baseline file (.json). If BASELINE is a strategy's name, its committed\n"
        "baseline is used if there is one. Missing runs are made; finished runs of the same code are reused. The gate\n"
        "stops as soon as one of its looks decides. --against exact_random and --against exact_random_by_parameter\n"
        "compare with the exact law of random search on the suite's recordings, at the same budget and with the same\n"
        "noise: that side needs no runs. The law by parameter is known only for exhaustive recordings.\n\n"
        "exit codes: 0 pass or improvement; 4 regression; 3 undecided (prints how many more seeds it needs); 2 wrong\n"
        "input; 1 any other error"
    ),
    examples=(
        "nearopt gate conditional_gp --against conditional_gp",
        "nearopt gate my_strategy --config-dir conf --against optuna_tpe --markdown comment.md --junit gate.xml",
        "nearopt gate lfbo strategy.gamma=0.2 strategy.label=lfbo_02 --against lfbo --suite ci",
        "nearopt gate results/study:lfbo --against experiments/baselines/optuna_tpe.json --json gate.json",
        "nearopt gate my_strategy --config-dir conf --against exact_random_by_parameter --json gate.json",
        "nearopt gate my_strategy --update-baseline --baselines baselines",
    ),
    add_options=_options,
    run=_run,
)
