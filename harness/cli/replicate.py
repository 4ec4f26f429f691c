"""The command ``nearopt replicate``."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import Command, add_config_dir
from harness.cli.exit_codes import DONE
from harness.errors import UserError
from harness.system.terminal import say, warn

if TYPE_CHECKING:
    from analysis.runs.load import Study
    from harness.measure.device import AccelDevice
    from harness.study.replication import Replication


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path("replication"), help="default: replication")
    parser.add_argument("--task", action="append", metavar="NAME", help="a recorded task; repeat it for several")
    parser.add_argument("--strategies", metavar="A,B", help="the reference and the strategy to compare with it")
    parser.add_argument("--seeds", type=int, help="seeds per task and strategy (default: 10)")
    parser.add_argument("--evaluations", type=int, help="evaluations per run (default: 100)")
    parser.add_argument("--jobs", type=int, help="live runs at once (default: 4, at most half the cores)")
    parser.add_argument(
        "--device", metavar="NAME", help="device of the recordings (default: the one most like this card)"
    )
    parser.add_argument(
        "--landscape", action="append", default=[], type=Path, metavar="FILE", help="a recording to use"
    )
    parser.add_argument("--study", type=Path, metavar="DIR", help="results of the study (default: the committed one)")
    parser.add_argument("--dry-run", action="store_true", help="print the expected cost; start and write nothing")
    add_config_dir(parser)


def _run(arguments: argparse.Namespace) -> int:
    from harness.cli.sweeping import run

    plan = _plan(arguments)
    if arguments.dry_run:
        _tell(plan, arguments.config_dir)
        return DONE
    warn(
        f"nearopt replicate: replays of {plan.device} recordings, then live runs; if stopped, the same command resumes"
    )
    for overrides in [*plan.replays(), plan.live()]:
        code = run(overrides, True, False, arguments.config_dir)
        if code != DONE:
            return code
    return _compare(plan, _study(arguments.study))


def _plan(arguments: argparse.Namespace) -> Replication:
    """The plan of a replication on this machine.

    Raises:
        UserError: an option is out of range, a task is not recorded, or a run needs a kind of device that is not
            here.
    """
    from harness.landscapes.library import find_landscape
    from harness.study.replication import (
        EVALUATIONS,
        JOBS,
        SEEDS,
        STRATEGIES,
        TASKS,
        Replication,
        closest_device,
        landscapes_of,
    )

    tasks = tuple(arguments.task or TASKS)
    strategies = tuple((arguments.strategies or ",".join(STRATEGIES)).split(","))
    if len(strategies) != 2 or len(set(strategies)) != 2 or not all(strategies):
        raise UserError(f"--strategies {arguments.strategies}: expected two different strategies, A,B")
    half = max(1, (os.cpu_count() or 2) // 2)
    counts = {
        "seeds": (SEEDS if arguments.seeds is None else arguments.seeds, 2),
        "evaluations": (EVALUATIONS if arguments.evaluations is None else arguments.evaluations, 1),
        "jobs": (min(JOBS, half) if arguments.jobs is None else arguments.jobs, 1),
    }
    for name, (value, least) in counts.items():
        if value < least:
            raise UserError(f"--{name} {value}: expected {least} or more")
    landscapes = landscapes_of(tasks, arguments.landscape)
    library = [task for task in tasks if task not in landscapes]
    card = _card(tasks, arguments)
    device = arguments.device or closest_device(card, library)
    for task in library:
        find_landscape(task, device)
    return Replication(
        tasks=tasks,
        strategies=(strategies[0], strategies[1]),
        seeds=counts["seeds"][0],
        evaluations=counts["evaluations"][0],
        jobs=counts["jobs"][0],
        results=arguments.output,
        device=device,
        landscapes=landscapes,
        overrides=tuple(arguments.overrides),
    )


def _card(tasks: tuple[str, ...], arguments: argparse.Namespace) -> AccelDevice | None:
    """The device of this machine that the tasks run on; ``None`` in a dry run without a GPU."""
    from harness.backends.task import NoGpu, device_of
    from harness.config.compose import Composer

    composer = Composer(arguments.config_dir)
    found = None
    for task in tasks:
        config = composer.compose([f"task={task}", "backend=live"])
        try:
            found = device_of(config.task) if config.task is not None else None
        except NoGpu:
            if not arguments.dry_run:
                raise
    return found


def _tell(plan: Replication, config_dir: Path | None) -> None:
    """Print the expected cost of a replication, from recorded costs."""
    from harness.cli.estimate_text import format_estimate
    from harness.config.compose import Composer
    from harness.study.estimate import estimate
    from harness.study.replication import START_S, expected_s

    composer = Composer(config_dir)
    asked = composer.expand(plan.live())
    known = estimate(asked.runs, asked.options)
    say(format_estimate(known))
    replays = sum(len(composer.expand(overrides).runs) for overrides in plan.replays())
    to_do = sum(group.open for group in known.groups)
    minutes = expected_s(to_do, known.wall_s, known.jobs) / 60
    say(
        f"expected: about {minutes:.0f} min for the live runs ({START_S:.0f} s allowed for starting and asking in "
        f"each), after {replays} replays of {plan.device} recordings, which need no GPU"
    )


def _study(given: Path | None) -> Study | None:
    """The study to compare with; by default the committed one, if it is there."""
    from analysis.runs.load import load_study
    from harness.system.resources import landscape_directory

    if given is not None:
        return load_study([given])
    committed = landscape_directory().parent / "claim_5_10x" / "results"
    return load_study([committed]) if committed.is_dir() else None


def _compare(plan: Replication, study: Study | None) -> int:
    from analysis.report.replication import sentence, write_replication
    from analysis.runs.load import load_study
    from analysis.study.replication import replicated

    live, replays = load_study([plan.live_results]), load_study([plan.replay_results])
    found = replicated(live, replays, study, plan.strategies, plan.evaluations)
    page = write_replication(found, plan.results, shlex.join(plan.command))
    say(sentence(found))
    say(page)
    return DONE


REPLICATE = Command(
    name="replicate",
    summary="check on this card that the recordings and the study hold, live, in about 15 minutes",
    description=(
        "Run two strategies live on two recorded tasks, replay the same seeds, and say in one sentence whether this\n"
        "card agrees with the recordings and with the study: the order of the two strategies, the speedup, and the\n"
        "cost of equal configurations. Writes replication.json and index.html. If interrupted, the same command\n"
        "resumes. Overrides of backend=live may follow: backend.timing.samples=10."
    ),
    examples=(
        "nearopt replicate --dry-run",
        "nearopt replicate -o replication",
        "nearopt replicate --task attention-4x16x2048x64-causal-bf16 --task layernorm-8192x4096-bf16 --seeds 5",
    ),
    add_options=_options,
    run=_run,
    overrides=("backend.",),
)
