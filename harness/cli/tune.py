"""The command ``nearopt tune``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command, add_config_dir, collector_paused, seconds
from harness.cli.exit_codes import DONE, FAILED
from harness.errors import UserError
from harness.system.terminal import say, warn


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", nargs="*", metavar="WHAT KEY=VALUE",
        help="FILE.py:NAME, or the name of a task or installed kernel; then fields of its shape and options of a run",
    )  # fmt: skip
    parser.add_argument("--evaluations", type=int, metavar="N", help="default: 100, unless --seconds is given")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="tuning seconds: compile, check, time and ask")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="results and best.json; default: tuned/TASK")
    parser.add_argument(
        "--strategy", default="auto", metavar="NAME", help="default: auto, which prints its choice and the reason"
    )
    parser.add_argument(
        "--workers", type=int, metavar="W", help="compile workers; default: one per core on a GPU, otherwise 1"
    )
    parser.add_argument("--landscape", type=Path, metavar="FILE", help="search this recording instead of a device")
    add_config_dir(parser)


def _run(arguments: argparse.Namespace) -> int:
    with collector_paused():
        from harness.cli.best_text import outcome_lines
        from harness.config.compose import Composer
        from harness.tuning.prepare import prepare
        from harness.tuning.request import TuneRequest
        from harness.tuning.tune import check_folder, found_so_far, search, triton_lines, write_best

    words = [word for word in arguments.overrides if "=" not in word]
    if len(words) > 1:
        raise UserError(f"{words[1]}: expected KEY=VALUE after a single kernel or task")
    request = TuneRequest(
        what=words[0] if words else None,
        values=tuple(word for word in arguments.overrides if "=" in word),
        landscape=arguments.landscape,
        evaluations=arguments.evaluations,
        seconds=arguments.seconds,
        out=arguments.output,
        strategy=arguments.strategy,
        workers=arguments.workers,
    )
    tuning = prepare(request, Composer(arguments.config_dir))
    check_folder(tuning)
    for note in tuning.notes:
        warn(note)
    stopped: KeyboardInterrupt | None = None
    try:
        outcome = search(tuning)
    except KeyboardInterrupt as stop:
        so_far = found_so_far(tuning)
        if so_far is None:
            raise
        stopped, outcome = stop, so_far
    say("\n".join(outcome_lines(outcome)))
    if outcome.best is not None:
        lines = triton_lines(tuning, outcome)
        for function, line in lines.items():
            say(f"{line}  # {function}")
        say(write_best(tuning, outcome, lines))
    if stopped is not None:
        raise KeyboardInterrupt(f"{outcome.evaluations} evaluations are saved")
    return FAILED if outcome.best is None else DONE


TUNE = Command(
    name="tune",
    summary="find the best configuration of a kernel",
    description=(
        "Search the best configuration of a kernel on this machine, time the five fastest again beside the default\n"
        "and the vendor's call, and print a table. DIR/best.json contains the best configuration and the counts, and\n"
        "`nearopt report DIR` shows how the search went. A kernel is a class with search_space(device) in a file of\n"
        "yours, an installed kernel, or a task of conf/task. --landscape searches a recording instead, without a GPU.\n"
        "After Ctrl-C it prints the best so far; the same command resumes. Exits 1 if no evaluation succeeded."
    ),
    examples=(
        "nearopt tune my_kernel.py:Softmax rows=4096 cols=2560 --evaluations 100 -o tuned/softmax",
        "nearopt tune softmax-4096x2560-bf16 --seconds 60 --workers 8",
        "nearopt tune --landscape experiments/landscapes/softmax-4096x2560-bf16__h100.parquet --evaluations 60",
    ),
    add_options=_options,
    run=_run,
)
