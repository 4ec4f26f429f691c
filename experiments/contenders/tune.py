"""Tune an opponent as conditional_gp was: ``python -m experiments.contenders.tune STRATEGY [--rounds 110x1,7x21]``.

Settings are drawn from ``grids.yaml``, the strategy's own defaults before them, and raced on the development tasks with
seeds below 1000: in a round of ``SETTINGSxSEEDS`` that many settings have runs with that many seeds, counted from 0 and
including those of earlier rounds, and the next round takes the best of them (the defaults always go along). The best of
the last round is written to ``conf/strategy/STRATEGY_tuned.yaml``. Runs end at their first hit and are kept in
``tuning.csv``; the same command makes what is missing.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from experiments.contenders.first_hit import Run, make, missing, read_runs

HERE = Path(__file__).parent
CONF = HERE.parents[1] / "conf"
TUNING = HERE / "tuning.csv"
DRAWS_SEED = 20
ROUNDS = "110x1,28x4,7x21"
"""The second choice of ``conditional_gp``'s defaults had about as many settings, with 21 seeds."""
Setting = dict[str, Any]


@dataclass(frozen=True)
class Round:
    """So many settings with so many seeds."""

    settings: int
    seeds: int

    @classmethod
    def read(cls, text: str) -> Round:
        """``SETTINGSxSEEDS``."""
        settings, _, seeds = text.partition("x")
        return cls(int(settings), int(seeds))


def tasks_of(experiment: str) -> tuple[str, ...]:
    """The tasks that an experiment's YAML sweeps over."""
    text = yaml.safe_load((CONF / f"experiment/{experiment}.yaml").read_text(encoding="utf-8"))
    return tuple(name.strip() for name in text["hydra"]["sweeper"]["params"]["task"].split(","))


def tasks() -> tuple[str, ...]:
    """The development tasks: those of ``experiment=contenders``, as recorded on an H100."""
    return tuple(f"{name}__h100" for name in tasks_of("contenders"))


def grids() -> dict[str, list[list[Setting]]]:
    """The choices of every strategy."""
    made: dict[str, list[list[Setting]]] = yaml.safe_load((HERE / "grids.yaml").read_text(encoding="utf-8"))
    return made


def drawn(strategy: str, count: int) -> dict[str, Setting]:
    """The strategy's defaults under its own name, then ``count`` - 1 different settings of its grid, by label.

    More settings begin with the same ones.
    """
    grid = grids()
    streams = np.random.SeedSequence(DRAWS_SEED).spawn(len(grid))
    rng = np.random.default_rng(streams[list(grid).index(strategy)])
    sizes = [len(choice) for choice in grid[strategy]]
    order = rng.permutation(math.prod(sizes))[: count - 1]
    found: dict[str, Setting] = {strategy: {}}
    for number, at in enumerate(order.tolist(), 1):
        places = np.unravel_index(at, sizes)
        parts = [choice[place] for choice, place in zip(grid[strategy], places, strict=True)]
        found[f"{strategy}#{number}"] = {name: value for part in parts for name, value in part.items()}
    return found


def score(runs: Sequence[Run]) -> float:
    """Mean over tasks of the log ERT to the first hit, with half a hit where there is none."""
    logs = []
    for task in dict.fromkeys(run.task for run in runs):
        own = [run for run in runs if run.task == task]
        logs.append(math.log(sum(run.evaluations for run in own) / max(sum(run.hit for run in own), 0.5)))
    return float(np.mean(logs))


def ranked(labels: Sequence[str], runs: Sequence[Run], seeds: int) -> dict[str, float]:
    """The geometric mean of the ERT of each label over tasks, the best first, on seeds below ``seeds``."""
    own = {label: [run for run in runs if run.arm == label and run.seed < seeds] for label in labels}
    scores = {label: math.exp(score(of)) for label, of in own.items()}
    return dict(sorted(scores.items(), key=lambda item: item[1]))


def race(strategy: str, rounds: Sequence[Round], processes: int, file: Path) -> Iterator[dict[str, float]]:
    """Make the missing runs of each round, and yield the ranking after it."""
    settings = drawn(strategy, rounds[0].settings)
    overrides = {
        label: (f"strategy={strategy}", *(f"++strategy.{name}={value}" for name, value in setting.items()))
        for label, setting in settings.items()
    }
    labels = list(settings)
    for each in rounds:
        labels = list(dict.fromkeys([*labels[: each.settings], strategy]))
        keys = list(missing(labels, tasks(), range(each.seeds), read_runs(file)))
        make(keys, overrides, file, processes)
        ranking = ranked(labels, read_runs(file), each.seeds)
        labels = list(ranking)
        yield ranking


def tuned_yaml(strategy: str, setting: Setting, rounds: Sequence[Round]) -> str:
    """The text of ``conf/strategy/STRATEGY_tuned.yaml``: the strategy's own, the setting, and where it was chosen."""
    text = (CONF / f"strategy/{strategy}.yaml").read_text(encoding="utf-8")
    header = [line for line in text.splitlines() if line.startswith("#")]
    values: dict[str, Any] = yaml.safe_load(text)
    chosen_on = yaml.safe_load((CONF / "strategy/conditional_gp.yaml").read_text(encoding="utf-8"))["chosen_on"]
    how = ", ".join(f"{each.settings} with {each.seeds}" for each in rounds)
    first = {"_target_": values.pop("_target_"), "label": f"{values.pop('label')}_tuned", "chosen_on": chosen_on}
    lines = [
        f"# {strategy} with settings chosen on the development tasks of conditional_gp. "
        f"The best of {rounds[0].settings} settings of",
        f"# experiments/contenders/grids.yaml in a race (settings with seeds: {how}), written by",
        f"# python -m experiments.contenders.tune {strategy}. {strategy}.yaml says of its own settings:",
        *header,
    ]
    return "\n".join(lines) + "\n" + yaml.safe_dump({**first, **values, **setting}, sort_keys=False)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("strategy", choices=list(grids()))
    parser.add_argument("--rounds", default=ROUNDS, help="SETTINGSxSEEDS,…; default: %(default)s")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=TUNING, help="the file of runs")
    parser.add_argument("--no-yaml", action="store_true", help="only race and print")
    arguments = parser.parse_args(given)
    rounds = [Round.read(text) for text in arguments.rounds.split(",")]
    ranking: dict[str, float] = {}
    settings = drawn(arguments.strategy, rounds[0].settings)
    made = race(arguments.strategy, rounds, arguments.processes, arguments.output)
    for each, ranking in zip(rounds, made, strict=True):
        print(f"{each.settings} settings, {each.seeds} seeds: ERT of the best, and of the defaults")
        for label in dict.fromkeys([*list(ranking)[:3], arguments.strategy]):
            print(f"  {ranking[label]:.1f} {label} {settings[label] or '(defaults)'}", flush=True)
    best = next(iter(ranking))
    if not arguments.no_yaml:
        text = tuned_yaml(arguments.strategy, settings[best], rounds)
        (CONF / f"strategy/{arguments.strategy}_tuned.yaml").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
