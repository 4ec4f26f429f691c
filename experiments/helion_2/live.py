"""Draw the order of the live study's runs, and make as many of them as one session on a lent machine allows.

    python -m experiments.helion_2.live plan                     # writes live/plan.csv: committed before any run
    python -m experiments.helion_2.live follow-up                # writes live/follow_up.csv: before any run of it
    python -m experiments.helion_2.live run RESULTS OUT --carried DIR --seconds 560 --cards 0,1,2,3

``run`` starts the runs of the plan in its order, each as a separate ``nearopt run`` and several at once on each card,
and skips those that are done. It starts no run that would hardly end in time. A run that is still running when the time
is up is interrupted, keeps its evaluations, and continues in the next session. The results are packed into
``live.tar.gz`` every minute and at the end; the results of an earlier session in DIR are unpacked first.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from experiments.helion_2.sitting import TASKS

PLAN = Path(__file__).with_name("live") / "plan.csv"
PACKED = "live.tar.gz"
SEEDS = range(5000, 5015)
REFERENCE_SEEDS = range(900, 902)
BUDGET, REFERENCE_BUDGET, NEAR_BUDGET, WORKERS = 300, 400, 200, 6
BATCH, ASYNC = f"workers={WORKERS} schedule=batch", f"workers={WORKERS} schedule=async"
VERSION = "1.5.1"
"""Of Helion."""
WAVES: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (
        ("reference_helion", "helion_lfbo_tree", BATCH),
        ("reference_gp", "conditional_gp", ASYNC),
        ("reference_tpe", "optuna_tpe", ASYNC),
    ),
    (
        (f"helion_lfbo_tree_{VERSION}", "helion_lfbo_tree", BATCH),
        ("conditional_gp", "conditional_gp", ASYNC),
        ("optuna_tpe", "optuna_tpe", ASYNC),
    ),
    ((f"helion_lfbo_tree_{VERSION}_unseeded", "helion_lfbo_tree", f"{BATCH} strategy.compiler_seeds=false"),),
    (("random_from_default", "random_from_default", ASYNC), ("trust_region", "trust_region", ASYNC)),
)
"""The label, strategy and further overrides of each arm, in waves that get device time in this order. The first wave is
run before the others and gives t*. A block is a task and a seed; it has every arm of a wave once, in random order."""
FOLLOW_UP = PLAN.with_name("follow_up.csv")
FOLLOW_UP_SEEDS = range(5000, 5008)
FROM_HELION = f"{ASYNC} start=experiments/helion_2/live/starts/{{task}}.json"
"""The configurations that Helion's search begins with: see starts.py."""
SEARCHED = ("attention", "layernorm")
"""On the other tasks the first two of these configurations are within 5% already, whoever begins with them."""
FOLLOW_UP_ARMS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("conditional_gp_from_helion", "conditional_gp", FROM_HELION, SEARCHED),
    ("optuna_tpe_from_helion", "optuna_tpe", FROM_HELION, SEARCHED),
    ("conditional_gp_later", "conditional_gp", ASYNC, tuple(sorted(TASKS))),
)
"""The label, strategy, further overrides and tasks of each arm that runs after the study, with later code."""
ORDER_SEED = 20261127
USUAL_S = 240.0
"""The usual duration of a run, in s."""
LIVE = ("backend=live", "backend.share_device=true")
PACK_S, DRAIN_S, SNAPSHOT_S = 15.0, 8.0, 60.0
"""Time for packing, time for interrupted runs to end, and time between two snapshots, in s."""


@dataclass(frozen=True)
class Run:
    """A row of the plan: one ``nearopt run``, at a position of the order that was drawn beforehand."""

    order: int
    wave: int
    block: int
    task: str
    label: str
    strategy: str
    seed: int
    evaluations: int
    overrides: str

    @property
    def full_task(self) -> str:
        """The task's name in conf/task."""
        return TASKS[self.task]

    def words(self, results: Path, backend: Sequence[str]) -> list[str]:
        """Return the command's arguments."""
        own = [*backend, "keep_diff=false", "jobs=1", *self.overrides.split()]
        names = [f"task={self.full_task}", f"strategy={self.strategy}", f"strategy.label={self.label}"]
        return [
            "run",
            *names,
            f"seed={self.seed}",
            f"budget.evaluations={self.evaluations}",
            f"results={results}",
            *own,
        ]

    def done(self, results: Path) -> bool:
        """Whether the run is done, on any device."""
        return any(results.glob(f"{self.full_task}__*/{self.label}/seed-{self.seed}/DONE"))


def make_plan() -> list[Run]:
    """Draw the plan: waves and seeds in order, but the tasks of a seed and the arms of a block in random order."""
    rng = np.random.default_rng(ORDER_SEED)
    runs: list[Run] = []
    block = 0
    for wave, arms in enumerate(WAVES):
        evaluations = BUDGET if wave else REFERENCE_BUDGET
        if not wave:  # measures the drawn configurations near the best together with the searches: see rates.py
            for task in rng.permutation(sorted(TASKS)).tolist():
                arm = ("drawn", "random", f"{BATCH} start=near/{task}.json")
                runs.append(Run(len(runs), wave, block, task, *_named(arm, REFERENCE_SEEDS.start, NEAR_BUDGET)))
                block += 1
        for seed in SEEDS if wave else REFERENCE_SEEDS:
            for task in rng.permutation(sorted(TASKS)).tolist():
                for arm in rng.permutation(len(arms)).tolist():
                    runs.append(Run(len(runs), wave, block, task, *_named(arms[arm], seed, evaluations)))
                block += 1
    return runs


def make_follow_up() -> list[Run]:
    """Draw the plan of the follow-up: blocks of a task and a seed, with the arms of the task in random order."""
    rng = np.random.default_rng(ORDER_SEED + 1)
    runs: list[Run] = []
    block = 0
    for seed in FOLLOW_UP_SEEDS:
        for task in rng.permutation(sorted(TASKS)).tolist():
            arms = [arm for *arm, tasks in FOLLOW_UP_ARMS if task in tasks]
            for i in rng.permutation(len(arms)).tolist():
                label, strategy, overrides = arms[i]
                given = label, strategy, seed, BUDGET, overrides.format(task=task)
                runs.append(Run(len(runs), len(WAVES), block, task, *given))
            block += 1
    return runs


def _named(arm: tuple[str, str, str], seed: int, evaluations: int) -> tuple[str, str, int, int, str]:
    label, strategy, overrides = arm
    return label, strategy, seed, evaluations, overrides


def write_plan(runs: Sequence[Run], path: Path) -> None:
    names = [each.name for each in fields(Run)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(run, name) for name in names] for run in runs)


def read_plan(path: Path) -> list[Run]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Run(
                order=int(row["order"]),
                wave=int(row["wave"]),
                block=int(row["block"]),
                task=row["task"],
                label=row["label"],
                strategy=row["strategy"],
                seed=int(row["seed"]),
                evaluations=int(row["evaluations"]),
                overrides=row["overrides"],
            )
            for row in csv.DictReader(file)
        ]


@dataclass(frozen=True)
class Sitting:
    """Where a session runs, and until when.

    Attributes:
        end: monotonic time by which everything has to be in ``out``.
        slots: the card of each of the runs that are made at once.
        command: the command that starts ``nearopt``.
    """

    results: Path
    out: Path
    end: float
    slots: Sequence[str]
    usual_s: float = USUAL_S
    backend: Sequence[str] = LIVE
    command: Sequence[str] = field(default=(sys.executable, "-m", "harness.cli"))


def sit(plan: Sequence[Run], sitting: Sitting) -> dict[str, int]:
    """Make as many of the plan's remaining runs as the time allows.

    Returns: how many runs were ``done`` before, ``ended`` now, ``failed`` now, were ``interrupted``, and are ``left``.
    """
    left = [run for run in plan if not run.done(sitting.results)]
    counts = {"done": len(plan) - len(left), "ended": 0, "failed": 0, "interrupted": 0}
    queue, busy = iter(left), dict[int, tuple[Run, subprocess.Popen[bytes]]]()
    stop, shot = sitting.end - PACK_S - DRAIN_S, time.monotonic()
    sitting.results.mkdir(parents=True, exist_ok=True)
    with (sitting.results / "printed.txt").open("ab") as printed:
        while True:
            _fill(queue, busy, sitting, stop, printed)
            if not busy or time.monotonic() > stop:
                break
            time.sleep(0.05)
            for slot in [slot for slot, (_, process) in busy.items() if process.poll() is not None]:
                _, process = busy.pop(slot)
                counts["failed" if process.returncode else "ended"] += 1
            if time.monotonic() - shot > SNAPSHOT_S:
                pack(sitting.results, sitting.out)
                shot = time.monotonic()
        counts["interrupted"] = len(busy)
        interrupt([process for _, process in busy.values()])
    pack(sitting.results, sitting.out)
    return {**counts, "left": sum(not run.done(sitting.results) for run in plan)}


def _fill(
    queue: Iterator[Run],
    busy: dict[int, tuple[Run, subprocess.Popen[bytes]]],
    sitting: Sitting,
    stop: float,
    printed: io.BufferedWriter,
) -> None:
    """Start the next runs in the free slots, unless they would hardly end in time."""
    for slot, card in enumerate(sitting.slots):
        if slot in busy or time.monotonic() + sitting.usual_s >= stop or (run := next(queue, None)) is None:
            continue
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": card}
        words = [*sitting.command, *run.words(sitting.results, sitting.backend)]
        busy[slot] = run, subprocess.Popen(words, stdout=printed, stderr=printed, env=environment)


def interrupt(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Interrupt processes so that they keep their evaluations, and kill those that have not ended in time."""
    for process in processes:
        process.send_signal(signal.SIGINT)
    until = time.monotonic() + DRAIN_S
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pack(results: Path, out: Path) -> None:
    """Pack all results into one file, atomically: readers see the old or the new file."""
    out.mkdir(parents=True, exist_ok=True)
    hidden = out / f".{PACKED}"
    with tarfile.open(hidden, "w:gz", compresslevel=3) as tar:
        for path in sorted(results.iterdir()):
            tar.add(path, path.name, filter=_kept)
    hidden.replace(out / PACKED)


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out lock files, because they belong to processes of this machine."""
    return None if Path(entry.name).name in (".lock", ".owner") or entry.name.endswith(".tmp") else entry


def unpack(carried: Path, results: Path) -> bool:
    """Unpack an earlier session's results into ``results``, unless this machine already has results."""
    packed = carried / PACKED
    if results.exists() or not packed.exists():
        return False
    results.mkdir(parents=True)
    with tarfile.open(packed) as tar:
        tar.extractall(results, filter="data")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0 if no run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan").add_argument("--plan", type=Path, default=PLAN)
    commands.add_parser("follow-up").add_argument("--plan", type=Path, default=FOLLOW_UP)
    run = commands.add_parser("run")
    run.add_argument("results", type=Path)
    run.add_argument("out", type=Path)
    run.add_argument("--plan", type=Path, default=PLAN)
    run.add_argument("--waves", default="0,1,2,3,4", help="0: the reference searches; default: all")
    run.add_argument(
        "--carried", type=Path, default=Path(".sitting"), help=f"folder with an earlier session's {PACKED}, if any"
    )
    run.add_argument("--seconds", type=float, default=560.0, help="total time, including packing")
    run.add_argument("--cards", default="0")
    run.add_argument(
        "--per-card", type=int, default=6, help="concurrent runs on each card, each with six compile workers"
    )
    run.add_argument(
        "--backend", default=" ".join(LIVE), help="backend overrides; without a device the runs are a rehearsal"
    )
    run.add_argument("--usual-s", type=float, default=USUAL_S, help="start no run with less time left than this")
    given = parser.parse_args(arguments)
    if given.command == "plan":
        write_plan(make_plan(), given.plan)
        return 0
    if given.command == "follow-up":
        write_plan(make_follow_up(), given.plan)
        return 0
    end = time.monotonic() + given.seconds
    waves = {int(wave) for wave in given.waves.split(",")}
    plan = [one for one in read_plan(given.plan) if one.wave in waves]
    print("goes on" if unpack(given.carried, given.results) else "begins", flush=True)
    slots = [card for _ in range(given.per_card) for card in given.cards.split(",")]
    counts = sit(plan, Sitting(given.results, given.out, end, slots, given.usual_s, given.backend.split()))
    print(", ".join(f"{count} {name}" for name, count in counts.items()), flush=True)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
