"""Gates on real strategies slowed down by 1.3: ``calibration.csv``, ``runs.csv`` and ``trial.csv``.

    python -m experiments.gate.trial share                                 # prints the values of SHARES
    python -m experiments.gate.trial run [--seeds 30] [--processes 1]      # appends missing runs to runs.csv
    python -m experiments.gate.trial table [--gates 2000]                  # writes calibration.csv and trial.csv

The share of wasted evaluations comes from ``analysis.gate.power`` with the baseline's times and the hit probability of
a random configuration, before any handicapped run. A run ends at its first hit. Seeds are the baseline's, with the same
trace except for wasted evaluations, which pairs the calibration. The gates of the trial then draw runs of both sides
independently with replacement.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from analysis.gate.baseline_file import read_baseline
from analysis.gate.power import resampled, slowing_share, within
from analysis.gate.ratio import paired, stratified
from analysis.gate.side_times import TaskTimes
from analysis.reference import is_hit
from experiments.gate.handicapped import Handicapped
from experiments.gate.simulate import BASELINES, BUDGET, DRAWS, PLAN, laws, verdicts
from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.evaluation import Evaluation
from harness.gate.suite import load_suite
from harness.landscapes.landscape import Landscape, read_landscape
from harness.run.loop import run_loop
from harness.strategies.base import Budget

HERE = Path(__file__).parent
RUNS = HERE / "runs.csv"
SHARES = {"pattern_search": 0.258, "local_search": 0.245, "conditional_gp": 0.277}
"""Strategy to the share of its evaluations that is wasted, computed by ``share`` before any of these runs."""


@dataclass(frozen=True)
class Key:
    """The key of a run."""

    strategy: str
    wasted: float
    task: str
    seed: int


@dataclass(frozen=True)
class HandicappedRun(Key):
    """A run with its T in evaluations, empty if the budget ended first."""

    hit: int | None


class Watch:
    """Ends a run at the first evaluation after which the incumbent, by observed latency, is truly near the optimum."""

    def __init__(self, t_star_ms: float) -> None:
        self._t_star_ms = t_star_ms
        self._best_ms = np.inf
        self.hit: int | None = None

    def __call__(self, evaluation: Evaluation) -> None:
        if evaluation.latency_ms is None or evaluation.latency_ms >= self._best_ms:
            return
        self._best_ms = evaluation.latency_ms
        assert evaluation.oracle_ms is not None
        if is_hit(evaluation.oracle_ms, self._t_star_ms, PLAN.target):
            self.hit = evaluation.index + 1
            raise StopIteration


@lru_cache(maxsize=4)
def _landscape(path: Path) -> Landscape:
    return read_landscape(path)


def replay(key: Key, path: Path, target: str, arguments: dict[str, object]) -> HandicappedRun:
    """Make one handicapped run of a strategy's class, to its first hit or the end of the budget."""
    table = _landscape(path)
    strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(key.seed).spawn(3)
    backend, budget = ReplayBackend(table, noise_seed), Budget(evaluations=BUDGET)
    slow = Handicapped(backend.space, strategy_seed, budget, of=target, wasted=key.wasted, arguments=arguments)
    watch = Watch(float(np.nanmin(table.oracle_ms)))
    with suppress(StopIteration):
        run_loop(slow, backend, budget, 1, np.random.default_rng(repair_seed), [], lambda _: None, watch)
    return HandicappedRun(**asdict(key), hit=watch.hit)


def share() -> None:
    """Print the shares that slow the strategies down by the slowdown that a gate should detect."""
    oracles = [read_landscape(path).oracle_ms for path in load_suite("default").landscapes.values()]
    luck = np.array([[np.mean(is_hit(oracle, np.nanmin(oracle), PLAN.target))] for oracle in oracles])
    for law in laws():
        if law.name in SHARES:
            wasted = slowing_share(law.draw, PLAN.slowdown, BUDGET, np.random.default_rng(1), DRAWS, luck)
            print(f"{law.name}: {wasted:.3f}")


def run(seeds: int, processes: int) -> None:
    """Append missing runs to ``runs.csv``, seed by seed."""
    suite, composer = load_suite("default"), Composer()
    done = {Key(o.strategy, o.wasted, o.task, o.seed) for o in recorded()}
    keys = [
        key
        for strategy, share in SHARES.items()
        for seed in suite.seeds(seeds)
        for task in suite.landscapes
        if (key := Key(strategy, share, task, seed)) not in done
    ]
    strategies = {name: dict(composer.compose([f"strategy={name}"]).strategy) for name in SHARES}
    targets = {name: str(arguments.pop("_target_")) for name, arguments in strategies.items()}
    fresh = not RUNS.exists()
    with RUNS.open("a", newline="") as stream, ProcessPoolExecutor(processes) as pool:
        writer = csv.DictWriter(stream, [field.name for field in fields(HandicappedRun)])
        if fresh:
            writer.writeheader()
        waiting = [
            pool.submit(replay, key, suite.landscapes[key.task], targets[key.strategy], strategies[key.strategy])
            for key in keys
        ]
        for future in track(as_completed(waiting), "runs", total=len(waiting)):
            writer.writerow(asdict(future.result()))
            stream.flush()


def recorded() -> Iterator[HandicappedRun]:
    """The runs in ``runs.csv``."""
    if RUNS.exists():
        for row in pd.read_csv(RUNS).to_dict("records"):
            hit = None if np.isnan(row["hit"]) else int(row["hit"])
            yield HandicappedRun(row["strategy"], row["wasted"], row["task"], row["seed"], hit)


def table(gates: int) -> None:
    """Write how much slower the handicapped strategies are in pairs, and how often a gate detects it."""
    calibration, trial = [], []
    runs = pd.DataFrame([asdict(row) for row in recorded()])
    for number, (strategy, share) in enumerate(SHARES.items()):
        tasks = read_baseline(BASELINES / f"{strategy}.json").times.tasks
        own = runs[(runs["strategy"] == strategy) & (runs["wasted"] == share)]
        slow = [_times(own, name, task) for name, task in tasks.items()]
        plain = [task.times[PLAN.target][: len(times)] for task, times in zip(tasks.values(), slow, strict=True)]
        ratio = stratified([paired(within(a, BUDGET), within(b, BUDGET)) for a, b in zip(slow, plain, strict=True)])
        low, high = ratio.interval()
        calibration.append({"strategy": strategy, "wasted": share, "runs": sum(map(len, slow)),
                            "slowdown": ratio.value, "low": low, "high": high})  # fmt: skip
        for name, times in (("handicapped", slow), ("unchanged", plain)):
            rng = np.random.default_rng([9, number, len(name)])
            candidate = resampled(rng, times, gates, PLAN.looks[-1])
            base = resampled(rng, plain, gates, min(map(len, (t.seeds for t in tasks.values()))))
            trial.append({"strategy": strategy, "candidate": name, "gates": gates, **verdicts(candidate, base)})
    for name, rows in (("calibration", calibration), ("trial", trial)):
        frame = pd.DataFrame(rows)
        frame.to_csv(HERE / f"{name}.csv", index=False, float_format="%.4g")
        print(frame.to_string(index=False, float_format=lambda x: f"{x:.3f}"))


def _times(runs: pd.DataFrame, name: str, task: TaskTimes) -> np.ndarray:
    """T of the handicapped runs, in the order of the baseline's seeds."""
    hits = runs[runs["task"] == name].set_index("seed")["hit"].fillna(np.inf)
    return np.array([hits[seed] for seed in task.seeds if seed in hits.index], dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("share", "run", "table"))
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--gates", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.what == "share":
        share()
    elif arguments.what == "run":
        run(arguments.seeds, arguments.processes)
    else:
        table(arguments.gates)


if __name__ == "__main__":
    main()
