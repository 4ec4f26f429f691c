"""The command ``nearopt best``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE, FAILED
from harness.system.terminal import say, warn


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="a run, a results folder or a landscape")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--json", action="store_true", help="print JSON with every parameter by name, and what was skipped"
    )
    how.add_argument("--triton", action="store_true", help="print a triton.Config line for each task")


def _run(arguments: argparse.Namespace) -> int:
    from harness.cli.best_text import left_out_lines, outcome_lines, table_lines, triton_line
    from harness.system.progress import ProgressDisplay
    from harness.tuning.document import gathered_document
    from harness.tuning.gather import by_task, gather

    with ProgressDisplay("runs and recordings", None) as progress:
        gathered = gather(arguments.paths, progress.advance)
    tasks = by_task(gathered.outcomes)
    if arguments.json:
        say(json.dumps(gathered_document(gathered), indent=1))
    elif arguments.triton:
        say("\n".join(f"{triton_line(task.outcome)}  # {task.outcome.task}" for task in tasks))
    else:
        alone = len(tasks) == 1 and len(tasks[0].of) == 1
        say("\n".join(outcome_lines(tasks[0].outcome) if alone else table_lines(tasks)))
    for line in left_out_lines(gathered.left_out):
        warn(f"nearopt: {line}")
    return DONE if any(task.outcome.best is not None for task in tasks) else FAILED


BEST = Command(
    name="best",
    summary="the best configurations of runs, studies or landscapes",
    description=(
        "Print the best configuration of each task in the given runs, results folders and landscape files. A replay's\n"
        "latency is the recorded one. A live run's latency comes from re-timing (nearopt tune, nearopt retime) or,\n"
        "without it, from the search itself. The table also shows the default's and the vendor's latency where they\n"
        "are known, and how many evaluations failed. Exits 1 if no evaluation succeeded."
    ),
    examples=(
        "nearopt best results",
        "nearopt best results --json | python -m json.tool",
        "nearopt best experiments/landscapes --triton",
        "nearopt best results/softmax-4096x2560-bf16__h100/conditional_gp/seed-0",
    ),
    add_options=_options,
    run=_run,
)
