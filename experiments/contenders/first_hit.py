"""Replay strategies to their first hit within 5%: ``python -m experiments.contenders.first_hit --arm NAME … -o CSV``.

An arm is a strategy's name, or ``LABEL: OVERRIDES`` as for ``nearopt run``. Runs have the random streams of ``nearopt
run`` and so the same trace, but end where their incumbent is within 5% (or at the budget): with slow asks that saves
most of the time. CSV gets a row for each finished run; the same command makes what is missing, seed by seed, so that a
stopped one is a complete one with fewer seeds. ``CSV.xz``, the same compressed, counts as well if it lies beside it, so
that finished runs need little space. :mod:`experiments.contenders.table` and
:mod:`experiments.contenders.compare` read such a file.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET
from experiments.ablation.run import Watch
from experiments.contenders.times import KEY, PROTOCOL
from harness.backends.base import subject_of
from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Evaluation
from harness.run.build import build_strategy, open_backend
from harness.run.loop import run_loop
from harness.run.streams import streams

EVALUATIONS = 120


@dataclass(frozen=True)
class Arm:
    """A strategy under a label, and what else differs from the defaults of ``nearopt run``."""

    label: str
    overrides: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Arm:
        """``NAME``, or ``LABEL: OVERRIDES``."""
        label, _, overrides = text.partition(":")
        return cls(label.strip(), tuple(overrides.split()) or (f"strategy={label.strip()}",))


@dataclass(frozen=True)
class Key:
    """The key of a run; ``task`` is a recording's name, TASK__DEVICE."""

    arm: str
    task: str
    seed: int


@dataclass(frozen=True)
class Run(Key):
    """A run to its first hit.

    Attributes:
        hit: 1 if it came within 5%.
        evaluations: those to the hit, or all that it spent.
        budget: evaluations that it might have spent.
        batch: evaluations asked at once.
        ask_s: mean seconds of asking and telling, for one evaluation.
    """

    hit: int
    evaluations: int
    budget: int
    batch: int
    ask_s: float


@lru_cache(maxsize=1)
def composer() -> Composer:
    """One for each process: it remembers what it has composed."""
    return Composer()


def run(key: Key, overrides: Sequence[str]) -> Run:
    """Make one run.

    Raises:
        UserError: an override is wrong.
    """
    task, _, device = key.task.partition("__")
    common = [f"task={task}", f"backend.device={device}", f"seed={key.seed}"]
    budget = () if any(word.startswith("budget.") for word in overrides) else (f"budget.evaluations={EVALUATIONS}",)
    config = composer().compose([*common, *budget, *overrides])
    if config.overlap is not None or config.start is not None:
        raise UserError(f"{key.arm}: schedule=async and start= are not replayed here: expected nearopt run")
    backend = open_backend(config)
    seeds = streams(key.seed, subject_of(backend), config.strategy["_target_"])
    reference = backend.reference()
    assert reference is not None
    watch = Watch(float(np.nanmin(reference.oracle_ms)))
    asked_s: list[float] = []

    def read(evaluation: Evaluation) -> None:
        asked_s.append(evaluation.ask_s + evaluation.tell_s)
        watch(evaluation)

    strategy = build_strategy(config, backend, seeds.strategy)
    repairs = np.random.default_rng(seeds.repair)
    with suppress(StopIteration):
        run_loop(strategy, backend, config.budget, config.batch, repairs, [], _keep_nothing, read)
    hit = watch.hits.get(HEADLINE_TARGET)
    needed = len(asked_s) if hit is None else hit[0]
    assert config.budget.evaluations is not None
    return Run(
        **asdict(key),
        hit=int(hit is not None),
        evaluations=needed,
        budget=config.budget.evaluations,
        batch=config.batch,
        ask_s=float(f"{np.mean(asked_s):.3g}"),
    )


def _keep_nothing(_: Sequence[Evaluation]) -> None:
    return None


def read_runs(file: Path) -> list[Run]:
    """The rows of a file of runs, after those of ``FILE.xz``, which holds older runs; none if there is neither.

    Raises:
        AnalysisError: one of them is no such file.
    """
    return [*_read(file.with_name(f"{file.name}.xz")), *_read(file)]


def _read(file: Path) -> list[Run]:
    if not file.exists():
        return []
    kinds = {"arm": str, "task": str, "ask_s": float}
    try:
        text = lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
        rows = list(csv.DictReader(text.decode("utf-8").splitlines()))
        return [Run(**{of.name: kinds.get(of.name, int)(row[of.name]) for of in fields(Run)}) for row in rows]
    except (KeyError, TypeError, ValueError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise AnalysisError(f"{file}: expected a file of experiments.contenders.first_hit") from error


def missing(arms: Iterable[str], tasks: Sequence[str], seeds: Iterable[int], done: Iterable[Key]) -> Iterator[Key]:
    """The runs that are not done, seed by seed."""
    known = {(key.arm, key.task, key.seed) for key in done}
    names = list(arms)
    for seed in seeds:
        for task in tasks:
            for name in names:
                if (name, task, seed) not in known:
                    yield Key(name, task, seed)


def make(
    keys: Sequence[Key],
    overrides: Mapping[str, Sequence[str]],
    file: Path,
    processes: int,
    seconds: float | None = None,
) -> list[Run]:
    """Make runs, each written to the file when it is finished; after ``seconds`` those under way are given up."""
    until = None if seconds is None else time.monotonic() + seconds
    fresh, made = not file.exists(), []
    with (
        file.open("a", encoding="utf-8", newline="") as out,
        multiprocessing.get_context("spawn").Pool(processes) as pool,
    ):
        writer = csv.DictWriter(out, [field.name for field in fields(Run)], lineterminator="\n")
        if fresh:
            writer.writeheader()
        finished = pool.imap_unordered(_star, [(key, tuple(overrides[key.arm])) for key in keys])
        for _ in keys:
            try:
                made.append(finished.next(None if until is None else max(0.0, until - time.monotonic())))
            except multiprocessing.TimeoutError:
                pool.terminate()
                break
            writer.writerow(asdict(made[-1]))
            out.flush()
    return made


def _star(given: tuple[Key, Sequence[str]]) -> Run:
    return run(*given)


def as_times(runs: Sequence[Run]) -> pd.DataFrame:
    """The runs as a table of :mod:`experiments.contenders.times`, with an empty cell where a task lacks a seed."""
    kept = pd.DataFrame([asdict(each) for each in runs]).rename(columns={"arm": "strategy"})
    kept = kept.assign(axis="evaluations", target=HEADLINE_TARGET, compile_workers=1, schedule="batch")
    kept["cell"] = [("" if hit else ">") + str(n) for hit, n in zip(kept["hit"], kept["evaluations"], strict=True)]
    wide = kept.pivot(index=[*KEY, *PROTOCOL], columns="seed", values="cell")
    return wide.rename(columns=str).rename_axis(columns=None).fillna("").reset_index()


def asks(runs: Sequence[Run]) -> Iterator[str]:
    """A line for each arm: its runs, hits, and the mean seconds of asking and telling an evaluation."""
    for name in dict.fromkeys(each.arm for each in runs):
        own = [each for each in runs if each.arm == name]
        ask_s = np.mean([each.ask_s for each in own])
        yield f"{name}: {sum(each.hit for each in own)}/{len(own)} runs within 5%, {ask_s:.3g} s an ask"


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", action="append", required=True, type=Arm.read, metavar="NAME", dest="arms")
    parser.add_argument("--tasks", required=True, help="recordings, TASK__DEVICE, separated by commas")
    parser.add_argument("--seeds", required=True, help="FIRST:END, without END")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="end after so many")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args(given)
    first, _, end = arguments.seeds.partition(":")
    overrides = {arm.label: arm.overrides for arm in arguments.arms}
    try:
        runs = read_runs(arguments.output)
        keys = list(missing(overrides, arguments.tasks.split(","), range(int(first), int(end)), runs))
        runs += make(keys, overrides, arguments.output, arguments.processes, arguments.seconds)
    except (AnalysisError, UserError) as error:
        parser.error(str(error))
    print("\n".join(asks(runs)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
