"""Run Helion's own autotuner, unadapted, on a task of the live study: its process, its compile pool, its timing.

    python -m experiments.helion_2.own run softmax --seeds 5000:5003 --seconds 400 -o OUT [--ours]
    python -m experiments.helion_2.own retime softmax -o OUT --results RESULTS      # if it was run without --ours
    python -m experiments.helion_2.own table softmax -o OUT [--results RESULTS]

``run`` calls ``BoundKernel.autotune`` with Helion's defaults once a seed, each in a fresh process with empty caches,
and keeps every evaluation that Helion logs in ``OUT/own.jsonl.gz``. Seeds that ended are skipped; one that the time cut
off keeps its evaluations and is repeated by the next call. A seed's generator starts as in the adapter's run of
that seed, so that both draw the same first population. With ``--ours`` each is followed by ``nearopt run`` of the
adapter, alone on the same card, with as many compile workers (``OUT/live.tar.gz``), and what both chose is timed again
in one interleaved batch at the end. ``table`` compares them (see :mod:`experiments.helion_2.own_table`).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.helion_2.live import BUDGET, DRAIN_S, LIVE, VERSION, Run, interrupt, pack, unpack
from experiments.helion_2.own_search import DONE, LOG
from experiments.helion_2.sitting import TASKS
from harness.backends.base import Subject
from harness.backends.task import build_task, find_device
from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Configuration
from harness.formats.helion_log import parse_config
from harness.measure.device import AccelDevice
from harness.run.streams import streams
from kernels.base import Kernel
from search_spaces.errors import InvalidConfiguration
from search_spaces.helion import configuration_of
from search_spaces.space import SearchSpace

OWN = "own.jsonl.gz"
LABEL = f"helion_lfbo_tree_{VERSION}"
STRATEGY, TARGET = "helion_lfbo_tree", "harness.strategies.helion.HelionSearch"
PRINTED = "printed.txt"
"""In a seed's work folder: what its process printed."""
LEAST_S, SNAPSHOT_S, RETIME_S = 30.0, 30.0, 45.0
"""The least time to start a search with, the time between two snapshots, and the time kept for re-timing, in s."""


@dataclass(frozen=True)
class Trial:
    """A row of Helion's log: one evaluation.

    Attributes:
        elapsed_s: real seconds since its search began to log, after it had compiled and run its baseline.
        latency_ms: its first reading; None for a failure.
        config: Helion's configuration.
    """

    elapsed_s: float
    generation: int
    status: str
    latency_ms: float | None
    compile_s: float | None
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """A search of Helion's own.

    Attributes:
        helion_seed: Helion's ``autotune_random_seed``.
        jobs: its ``autotune_precompile_jobs``.
        ended: ``itself``, ``time`` or ``failed``.
        seconds: real seconds of ``autotune()``; of a search that did not end by itself, until its last evaluation.
        tested: how many configurations Helion counted, those that its code generation refused included.
        chosen: the configuration that it returned.
        best_ms: Helion's ``best_perf_ms``, from its own timing.
        metrics: further counts of Helion's.
        message: the end of what a failed process printed.
    """

    task: str
    seed: int
    helion_seed: int
    jobs: int
    device: str
    versions: Mapping[str, str]
    ended: str
    seconds: float
    tested: int | None
    chosen: Mapping[str, Any] | None
    best_ms: float | None
    metrics: Mapping[str, Any]
    message: str
    trials: tuple[Trial, ...]


def helion_seed(seed: int, task: str, device: str) -> int:
    """Return the seed that the adapter gives to Helion in the run ``seed`` of a task on a device, by their names."""
    own = streams(seed, Subject(task, device), TARGET).strategy.spawn(2)[1]
    return int(own.generate_state(1)[0])


def in_space(config: Mapping[str, Any], space: SearchSpace) -> Configuration | None:
    """Return our configuration for one of Helion's, or None where the space does not have it."""
    try:
        configuration = configuration_of(config, space)
    except InvalidConfiguration:
        return None
    return configuration if space.contains(configuration) else None


def read_trials(path: Path) -> tuple[Trial, ...]:
    """Read Helion's log of evaluations; empty if there is none. A last row that was cut off is left out."""
    if not path.exists():
        return ()
    trials = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] == "started":
                continue
            with suppress(UserError, ValueError, TypeError):
                config = parse_config(str(path), row["config"] or "")
                latency, compiled = (float(row[name]) if row[name] else None for name in ("perf_ms", "compile_time_s"))
                status, generation = row["status"], int(row["generation"])
                trials.append(Trial(float(row["timestamp_s"]), generation, status, latency, compiled, config))
    return tuple(trials)


@dataclass(frozen=True)
class Asked:
    """What ``run`` was asked for.

    Attributes:
        end: monotonic time by which everything has to be in ``out``.
        evaluations: budget of our runs.
        command: starts a search of Helion's own, and ``nearopt`` starts ours; tests replace them.
    """

    task: str
    device: AccelDevice
    seeds: Sequence[int]
    jobs: int
    out: Path
    work: Path
    end: float
    ours: bool = False
    evaluations: int = BUDGET
    command: Sequence[str] = field(default=(sys.executable, "-m", "experiments.helion_2.own_search"))
    nearopt: Sequence[str] = field(default=(sys.executable, "-m", "harness.cli"))

    @property
    def stop(self) -> float:
        """Monotonic time after which no search goes on."""
        return self.end - (DRAIN_S + RETIME_S if self.ours else 2.0)

    @property
    def results(self) -> Path:
        """The folder of our runs."""
        return self.work / "results"


def run(asked: Asked) -> list[Search]:
    """Make the searches that the time allows, in the order of the seeds, and return all that are kept."""
    kept = {search.seed: search for search in read(asked.out) if search.task == asked.task}
    unpack(asked.out, asked.results)
    for seed in asked.seeds:
        if not (seed in kept and kept[seed].ended == "itself"):
            if time.monotonic() + LEAST_S > asked.stop:
                break

            def keep(search: Search) -> None:
                kept[search.seed] = search
                write(asked.out, asked.task, kept.values())

            search = _search(asked, seed, keep)
            print(
                f"helion {seed}: {len(search.trials)} evaluations, {search.seconds:.0f} s, {search.ended}", flush=True
            )
        if asked.ours and time.monotonic() + LEAST_S < asked.stop:
            _ours(asked, seed)
            pack(asked.results, asked.out)
    return list(kept.values())


def _search(asked: Asked, seed: int, keep: Callable[[Search], None]) -> Search:
    """One search of Helion's own in a process group of its own, which is killed when the time is up."""
    folder = Path(tempfile.mkdtemp(prefix=f"{asked.task}-{seed}-", dir=asked.work))
    own_seed = helion_seed(seed, TASKS[asked.task], asked.device.name)
    words = [TASKS[asked.task], str(own_seed), str(asked.jobs), str(folder)]
    caches = {"TRITON_CACHE_DIR": str(folder / "triton"), "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}

    def made(ended: str, done: Mapping[str, Any]) -> Search:
        trials = read_trials(folder / f"{LOG}.csv")
        metrics = dict(done.get("metrics", {}))
        printed = (folder / PRINTED).read_text(encoding="utf-8", errors="replace")
        return Search(
            task=asked.task,
            seed=seed,
            helion_seed=own_seed,
            jobs=asked.jobs,
            device=asked.device.name,
            versions={name: version(name) for name in ("helion", "torch", "triton")},
            ended=ended,
            seconds=done.get("seconds", trials[-1].elapsed_s if trials else 0.0),
            tested=metrics.pop("num_configs_tested", None),
            chosen=done.get("chosen"),
            best_ms=metrics.pop("best_perf_ms", None),
            metrics=metrics,
            message=printed[-2000:] if ended == "failed" else "",
            trials=trials,
        )

    with (folder / PRINTED).open("wb") as printed:
        environment = {**os.environ, **caches, "HELION_SKIP_CACHE": "1"}
        process = subprocess.Popen(
            [*asked.command, *words], stdout=printed, stderr=printed, env=environment, start_new_session=True
        )
        shot = time.monotonic()
        while process.poll() is None and time.monotonic() < asked.stop:
            time.sleep(0.05)
            if time.monotonic() - shot > SNAPSHOT_S:
                keep(made("time", {}))
                shot = time.monotonic()
        cut = process.poll() is None
        with suppress(ProcessLookupError):  # its compile processes and benchmark workers too
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = folder / DONE
    if done.exists():
        search = made("itself", json.loads(done.read_text(encoding="utf-8")))
    else:
        search = made("time" if cut else "failed", {})
    keep(search)
    return search


def _ours(asked: Asked, seed: int) -> None:
    """The adapter's run of the seed, alone on the card; a finished one is skipped, an interrupted one goes on later."""
    overrides = f"workers={asked.jobs} schedule=batch"
    run = Run(0, 0, 0, asked.task, LABEL, STRATEGY, seed, asked.evaluations, overrides)
    asked.results.mkdir(parents=True, exist_ok=True)
    with (asked.results / PRINTED).open("ab") as printed:
        words = [*asked.nearopt, *run.words(asked.results, LIVE)]
        process = subprocess.Popen(words, stdout=printed, stderr=printed)
        try:
            process.wait(max(0.0, asked.stop - time.monotonic()))
        except subprocess.TimeoutExpired:
            interrupt([process])
    print(f"ours {seed}: {'interrupted or failed' if process.returncode else 'done'}", flush=True)


def write(out: Path, task: str, searches: Iterable[Search], retimed: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write a task's searches, and re-timed latencies; the other tasks' lines stay. Readers see the old or new file."""
    lines = [line for line in _lines(out) if line["task"] != task]
    lines += [asdict(search) for search in searches] + [{"task": task, "retimed": list(retimed)}] * bool(retimed)
    out.mkdir(parents=True, exist_ok=True)
    hidden = out / f".{OWN}"
    with gzip.open(hidden, "wt", encoding="utf-8", compresslevel=6) as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    hidden.replace(out / OWN)


def _lines(out: Path) -> list[dict[str, Any]]:
    if not (out / OWN).exists():
        return []
    with gzip.open(out / OWN, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read(out: Path) -> list[Search]:
    """Return the searches that were kept in a folder; none if there is no file."""
    return [
        Search(**{**line, "trials": tuple(Trial(**trial) for trial in line["trials"])})
        for line in _lines(out)
        if "trials" in line
    ]


def read_retimed(out: Path, task: str) -> list[dict[str, Any]]:
    """Return what :func:`experiments.helion_2.own_table.retime_both` kept: who, seed, what, key, reading_ms, ms."""
    return [row for line in _lines(out) if line["task"] == task for row in line.get("retimed", ())]


def built(task: str) -> tuple[Kernel, SearchSpace, AccelDevice]:
    """Return a task's kernel and space on this machine's GPU.

    Raises:
        UserError: there is no GPU.
    """
    spec = Composer().compose([f"task={TASKS[task]}"]).task
    assert spec is not None
    device = find_device()
    return *build_task(spec, device), device


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end) if end else int(first) + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0, 1 if a search failed, or 2 if there is no GPU or the device is in use."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "retime", "table"):
        commands.add_parser(name).add_argument("task", choices=sorted(TASKS))
    run_, retime_, table_ = commands.choices.values()
    for each in (run_, retime_, table_):
        each.add_argument("-o", "--out", type=Path, required=True, help=f"folder of {OWN}")
    for each in (retime_, table_):
        each.add_argument("--results", type=Path, help="our runs; default: those that run --ours left in OUT")
        each.add_argument("--label", default=LABEL)
    run_.add_argument("--seeds", type=_seeds, default=range(5000, 5003), help="FIRST:END")
    run_.add_argument("--seconds", type=float, default=400.0, help="total time")
    run_.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="compile processes of either side")
    run_.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "helion-own")
    run_.add_argument("--ours", action="store_true", help="also make our runs of the seeds, and re-time the choices")
    run_.add_argument("--evaluations", type=int, default=BUDGET, help="budget of our runs")
    given = parser.parse_args(arguments)
    try:
        return _command(given)
    except UserError as error:
        print(f"own: {error}", file=sys.stderr)
        return 2


def _command(given: argparse.Namespace) -> int:
    from experiments.helion_2.own_table import compare, paces, retime_both, text  # it imports this module

    def tables(results: Path, label: str) -> str:
        return text(compare(given.out, given.task, results, label), paces(given.out, given.task, results, label))

    if given.command == "run":
        end = time.monotonic() + given.seconds
        given.work.mkdir(parents=True, exist_ok=True)
        kernel, space, device = built(given.task)
        asked = Asked(
            given.task, device, given.seeds, given.jobs, given.out, given.work, end, given.ours, given.evaluations
        )
        searches = run(asked)
        for failed in (search for search in searches if search.ended == "failed"):
            print(f"helion {failed.seed} failed:\n{failed.message}", file=sys.stderr)
        if given.ours and searches:
            retime_both(given.out, given.task, kernel, space, device, asked.results, LABEL)
            print(tables(asked.results, LABEL))
        return 1 if any(search.ended == "failed" for search in searches) else 0
    with tempfile.TemporaryDirectory() as temporary:
        results = given.results or Path(temporary) / "results"
        unpack(given.out, results)
        if given.command == "retime":
            retime_both(given.out, given.task, *built(given.task), results, given.label)
        print(tables(results, given.label))
    return 0


if __name__ == "__main__":
    sys.exit(main())
