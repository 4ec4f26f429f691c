"""What rules save and lose on every committed landscape: ``python -m experiments.hopeless.table [-o FILE]``.

It tries each rule of conf/rules/hopeless.yaml alone and both together, with replays of the same seeds with and without
the rule, and with exact random search. It takes three minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from analysis.progress import tracked
from analysis.reference import space_rows, true_latency
from analysis.statistics.hopeless import Recorded
from analysis.statistics.hopeless import Rules as ThereRules
from analysis.statistics.readings import readings
from analysis.statistics.until_precise import ROUGH
from analysis.study.laws import UNIFORM, law_of
from analysis.study.ruled_baseline import recorded, ruled_costs
from analysis.study.simulated_baseline import Conditions, searched_rows
from experiments.hopeless.replays import EVALUATIONS, STRATEGIES, Replay, compiles_ended, replayed, samples_ended
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import recorded_landscapes
from harness.rules import Rules
from harness.system.resources import conf_directory

SEEDS = range(15)
TARGET = 0.05
COMPILES, SAMPLES, BOTH = "compiles", "samples", "both"
Floats = np.typing.NDArray[np.float64]


def hopeless() -> dict[str, Rules]:
    """Each rule of ``rules=hopeless`` alone, and both together."""
    both = yaml.safe_load((conf_directory() / "rules" / "hopeless.yaml").read_text(encoding="utf-8"))
    samples = {"sample_error": both["sample_error"]}
    compiles = {name: value for name, value in both.items() if name not in samples}
    return {COMPILES: Rules(**compiles), SAMPLES: Rules(**samples), BOTH: Rules(**both)}


@dataclass(frozen=True)
class Row:
    """One rule, landscape and strategy.

    Attributes:
        runs: number of seeds, each with and without the rule.
        seconds, low, high: tuning seconds of equally many evaluations, with the rule over without: geometric mean over
            seeds with its 95% interval.
        on_device: the same for only verification and benchmark.
        compiles_ended: share of the near-optimal configurations whose compile would end, averaged over each run.
        samples_ended, samples_lost: share of them whose samples would end, and end although all samples would have made
            them the incumbent; at three moments of each run.
        hits_without, hits, lost: runs that end near-optimal without and with the rule, and those only without.
        ert, ert_error: of exact random search within 5%, with restarts after as many evaluations: ERT in tuning
            seconds with the rule over without, and its relative standard error; nan for other strategies, and with
            nothing to find.
    """

    landscape: str
    rule: str
    strategy: str
    runs: int
    seconds: float
    low: float
    high: float
    on_device: float
    compiles_ended: float
    samples_ended: float
    samples_lost: float
    hits_without: int
    hits: int
    lost: int
    ert: float
    ert_error: float


def ratio(under: Floats, without: Floats) -> tuple[float, float, float]:
    """The geometric mean of the ratios of pairs, and its 95% t interval."""
    logs = np.log(under / without)
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs)))
    return tuple(float(np.exp(logs.mean() + shift)) for shift in (0.0, -half, half))  # type: ignore[return-value]


def row_of(landscape: Landscape, name: str, rules: Rules, strategy: str, without: Mapping[int, Replay]) -> Row:
    """The row of a rule; ``without``: the runs without it by seed."""
    under = {seed: replayed(landscape, strategy, seed, rules) for seed in without}
    clocks = np.array([(under[s].clock_s, without[s].clock_s) for s in without])
    device = np.array([(under[s].benchmark_s, without[s].benchmark_s) for s in without])
    ended = [compiles_ended(landscape, run, rules) for run in under.values()]
    tested = sum((samples_ended(landscape, under[s], rules, s) for s in without), np.zeros(3))
    ert, error = exact_ert(landscape, rules) if strategy == "random" else (np.nan, np.nan)
    return Row(
        landscape.name, name, strategy, len(without), *ratio(clocks[:, 0], clocks[:, 1]),
        on_device=ratio(device[:, 0], device[:, 1])[0],
        compiles_ended=float(np.mean(ended)),
        samples_ended=float(tested[1] / tested[0]) if tested[0] else 0.0,
        samples_lost=float(tested[2] / tested[0]) if tested[0] else 0.0,
        hits_without=sum(run.hit for run in without.values()),
        hits=sum(run.hit for run in under.values()),
        lost=sum(without[s].hit and not under[s].hit for s in without),
        ert=ert, ert_error=error,
    )  # fmt: skip


def exact_ert(landscape: Landscape, rules: Rules) -> tuple[float, float]:
    """ERT in seconds of exact random search under rules over that without, as in a report; and its error."""
    table = landscape.frame()
    t_star = float(true_latency(table).min())
    law = law_of(table, t_star, TARGET, UNIFORM)
    rows = searched_rows(table, t_star, (TARGET,), UNIFORM)
    if law is None or not rows.hits[TARGET].any():
        return np.nan, np.nan
    inside = space_rows(table).index
    samples = readings([np.array(landscape.samples_ms[row]) for row in inside])
    known: Recorded = recorded(table, samples, noisy=False)
    found = ruled_costs(known, rows, Conditions(EVALUATIONS), ThereRules(**rules.to_json()), ROUGH)
    simulated = found[TARGET, "seconds"]
    return simulated.value, simulated.error


def rows_of(landscape: Landscape) -> list[Row]:
    """The rows of every rule and strategy on one landscape."""
    found = []
    for strategy in STRATEGIES:
        without = {seed: replayed(landscape, strategy, seed, None) for seed in SEEDS}
        found += [row_of(landscape, name, rules, strategy, without) for name, rules in hopeless().items()]
    return found


def whole(table: pd.DataFrame) -> pd.DataFrame:
    """Means, worst cases and counts over all landscapes, by rule and strategy."""
    rows: list[dict[str, Any]] = []
    for (rule, strategy), part in table.groupby(["rule", "strategy"], sort=False):
        logs = np.log(part["seconds"])
        row = {"rule": rule, "strategy": strategy, "seconds": np.exp(logs.mean()), "least": part["seconds"].min()}
        row |= {"most": part["seconds"].max(), "on_device": np.exp(np.log(part["on_device"]).mean())}
        row |= {name: part[name].mean() for name in ("compiles_ended", "samples_ended", "samples_lost")}
        row |= {"compiles_ended_most": part["compiles_ended"].max(), "ert": np.exp(np.log(part["ert"]).mean())}
        row |= {name: part[name].sum() for name in ("runs", "hits_without", "hits", "lost")}
        rows.append(row)
    return pd.DataFrame(rows)


def _shown(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="%.3g")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    landscapes = [read_landscape(path) for path in recorded_landscapes()]
    rows = [row for landscape in tracked(landscapes, "landscapes") for row in rows_of(landscape)]
    table = pd.DataFrame(rows, columns=[part.name for part in fields(Row)])
    for (rule, strategy), part in table.groupby(["rule", "strategy"], sort=False):
        print(f"\nrule {rule}, {strategy}")
        print(_shown(part.drop(columns=["rule", "strategy", "runs"])))
    print("\nall landscapes (seconds, ert: geometric means; least, most: of the landscapes)")
    print(_shown(whole(table)))
    if arguments.output:
        table.to_csv(arguments.output, index=False, float_format="%.4g")
    return 0


if __name__ == "__main__":
    sys.exit(main())
