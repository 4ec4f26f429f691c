"""The commands ``nearopt record`` and ``nearopt retime``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command, add_config_dir, seconds
from harness.cli.exit_codes import DONE, FAILED
from harness.errors import UserError
from harness.system.terminal import say


def _record_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="task=NAME and further Hydra overrides")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="a folder for several tasks; default: <task>__<device>.parquet under experiments/landscapes of a checkout",
    )
    add_config_dir(parser)
    parser.add_argument("--limit", type=int, help="measure only this many configurations, drawn uniformly")
    parser.add_argument(
        "--search",
        action="append",
        default=[],
        metavar="NAME=N",
        help="after the sample, N evaluations of a strategy of conf/strategy in the whole space, to find t*",
    )
    parser.add_argument(
        "--draws",
        type=int,
        metavar="N",
        help="instead, N independent draws by parameter (of a Helion space as Helion draws): random search's rate",
    )
    parser.add_argument("--deadline-s", type=seconds, help="stop cleanly after this many seconds")
    parser.add_argument(
        "--finish", action="store_true", help="with --draws: write the landscape from the draws made so far"
    )
    parser.add_argument("--compile-workers", type=int, help="compile processes; default: one per core")


def _record(arguments: argparse.Namespace) -> int:
    from harness.config.compose import Composer
    from harness.record.tasks import RecordRequest, record_tasks
    from harness.system.atomic import check_writable

    overrides = ["backend=live", *arguments.overrides]
    if arguments.compile_workers is not None:
        overrides.append(f"backend.compile_workers={arguments.compile_workers}")
    if arguments.output is not None:
        check_writable(arguments.output)
    composer = Composer(arguments.config_dir)
    configs = composer.expand(overrides).runs
    searches = []
    for search in arguments.search:
        name, _, evaluations = search.partition("=")
        if not name or not evaluations.isdigit():
            raise UserError(f"--search {search}: expected NAME=EVALUATIONS")
        searches.append(composer.compose([f"strategy={name}", f"budget.evaluations={evaluations}", "batch=16"]))
    request = RecordRequest(
        arguments.output, arguments.limit, arguments.deadline_s, tuple(searches), arguments.draws, arguments.finish
    )
    code = DONE
    for progress in record_tasks(configs, request):
        say(progress.report(), flush=True)
        if progress.interrupted:
            raise KeyboardInterrupt
        if progress.none_succeeded:
            code = FAILED
    return code


def _retime_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="task=A,B,… results=DIR and further overrides")
    add_config_dir(parser)
    parser.add_argument(
        "--limit", type=int, default=500, help="at most this many configurations per task (default: 500)"
    )
    parser.add_argument("--rounds", type=int, default=8, help="timings of each configuration (default: 8)")


def _retime(arguments: argparse.Namespace) -> int:
    from harness.config.compose import Composer
    from harness.record.retime import Retiming
    from harness.record.tasks import retime_tasks

    for name in ("limit", "rounds"):
        if getattr(arguments, name) < 1:
            raise UserError(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    asked = Composer(arguments.config_dir).expand(["backend=live", *arguments.overrides])
    retiming = Retiming(limit=arguments.limit, rounds=arguments.rounds)
    for done in retime_tasks(asked.runs, asked.options.results, retiming):
        lost = f" ({done.failed} more failed now and keep their first readings)" if done.failed else ""
        say(
            f"{done.configurations} configurations{lost} of {done.runs} runs, best {done.t_star_ms:.6g} ms: {done.path}"
        )
    return DONE


RECORD = Command(
    name="record",
    summary="measure a task's whole space on this GPU into a landscape",
    description=(
        "Measure every configuration of a task's space on this machine's GPU and write the landscape file.\n"
        "task=A,B,… records several tasks and compiles code that they share only once.\n"
        "Interrupted recordings resume: every measurement is saved beside the output as soon as it is made.\n"
        "Exits 1 if no configuration of a task works."
    ),
    examples=(
        "nearopt record task=softmax-16384x2560-bf16 --deadline-s 540",
        "nearopt record task=matmul task.kernel.m=512 -o matmul-512.parquet",
        "nearopt record task=matmul-wide-2048x2048x2048-bf16 --limit 4000 --search optuna_tpe=400 --search lfbo=400",
        "nearopt record task=helion_softmax-16384x2560-bf16 --draws 30000 --deadline-s 500   # repeat to resume",
    ),
    add_options=_record_options,
    run=_record,
)
RETIME = Command(
    name="retime",
    summary="re-time what live runs found, in one batch",
    description=(
        "Time the configurations that live runs found again on this machine's GPU, in one interleaved batch per task:\n"
        "all within 1.25 times the best, and some slower anchors. The result, retimed.parquet, is written beside the\n"
        "runs, and reports judge the runs by it. Not needed where the task's whole space is recorded on this device."
    ),
    examples=(
        "nearopt retime task=helion_softmax-16384x2560-bf16,helion_matmul-2048x2048x2048-bf16 results=study",
        "nearopt retime task=matmul task.kernel.m=512 results=study --limit 200 --rounds 12",
    ),
    add_options=_retime_options,
    run=_retime,
)
