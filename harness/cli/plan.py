"""The command ``nearopt plan``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.system.terminal import say


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hypothesis", type=Path, metavar="FILE", help="a hypothesis.yaml")
    parser.add_argument(
        "--results", action="append", type=Path, metavar="DIR",
        help="the pilot's results (can be repeated); default: results/ beside FILE, or FILE's own folder",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON; its keys are in analysis/README.md")


def _run(arguments: argparse.Namespace) -> int:
    import json

    from analysis.plan.pilot import pilot_of
    from analysis.plan.plan import plan
    from analysis.runs.load import load_study
    from analysis.verdict.hypothesis_file import read_hypothesis
    from harness.cli.library import library

    file = read_hypothesis(arguments.hypothesis)
    beside = file.path.parent / "results"
    results = arguments.results or [beside if beside.is_dir() else file.path.parent]
    study = load_study(results, library())
    found = plan(file, pilot_of(study, file.hypothesis, ", ".join(map(str, results))), results)
    say(json.dumps(found.document(), indent=1) if arguments.json else found.text())
    return DONE


PLAN = Command(
    name="plan",
    summary="compute how many seeds, tasks and kernels would decide a hypothesis",
    description=(
        "Compute from the results of a pilot or of a committed study how many seeds would decide the hypothesis on\n"
        "these tasks, and how many kernels would decide it for new kernels, with a chance of 80% and of 90%, by the\n"
        "rule that nearopt report applies."
    ),
    examples=(
        "nearopt plan hypothesis.yaml --results pilot",
        "nearopt plan experiments/claim_5_10x/hypothesis.yaml --json",
    ),
    add_options=_options,
    run=_run,
)
