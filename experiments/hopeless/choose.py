"""Choose the options of conf/rules/hopeless.yaml: ``python -m experiments.hopeless.choose``.

This simulates random search without noise on the landscapes on which conditional_gp's defaults were chosen, and on no
others. Among all options that end at most 0.1% of the near-optimal configurations on average, and at most 1% on any
landscape, it chooses those that save the most tuning seconds.
"""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from itertools import product

import numpy as np
import pandas as pd
import yaml

from analysis.progress import tracked
from analysis.statistics.hopeless import Recorded, RuledSearch, Rules, Successes
from experiments.hopeless.replays import EVALUATIONS, near_rows
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import recorded_landscapes
from harness.system.resources import conf_directory

FACTORS, QUANTILES, AFTER = (1.5, 2.0, 2.5, 3.0, 4.0), (0.5, 0.75, 0.9), (5, 10, 20)
MOST_ON_AVERAGE, MOST_ANYWHERE = 0.001, 0.01
SEARCHES = 20


LATER = ("attention-4x16x2048x64-causal-fp16__*",)
"""Landscapes that match a pattern of the development tasks, but were recorded after the choice."""


def development() -> list[Landscape]:
    """The landscapes on which defaults are chosen."""
    text = (conf_directory() / "strategy" / "conditional_gp.yaml").read_text(encoding="utf-8")
    patterns = yaml.safe_load(text)["chosen_on"]
    named = [path for path in recorded_landscapes() for name in patterns if fnmatchcase(path.stem, f"{name}__*")]
    return [read_landscape(path) for path in named if not any(fnmatchcase(path.stem, name) for name in LATER)]


def recorded(landscape: Landscape) -> Recorded:
    """The rows of a landscape that can be drawn."""
    rows = np.flatnonzero(landscape.searchable)
    true = landscape.oracle_ms[rows]
    counts = np.array([len(landscape.samples_ms[row]) for row in rows])
    compile_s, verify_s, benchmark_s = landscape.costs_s[rows].T
    return Recorded(compile_s, verify_s, benchmark_s, np.where(np.isfinite(true), true, np.inf), counts)


def measured(landscape: Landscape, rules: Rules) -> tuple[float, float]:
    """Tuning seconds relative to no rules, and the share of near-optimal configurations whose compile would end."""
    table, rng = recorded(landscape), np.random.default_rng(0)
    near_s = landscape.costs_s[near_rows(landscape), 0]
    spent = without = ended = 0.0
    search = RuledSearch(table, rules)
    for _ in range(SEARCHES):
        asked = rng.permutation(len(table.true_ms))[:EVALUATIONS]
        without += float(sum(part[asked].sum() for part in (table.compile_s, table.verify_s, table.benchmark_s)))
        successes, end_s = Successes(rules), 0.0
        for one in search.run(asked, rng):
            ended += float((near_s > successes.compile_limit_s()).mean())
            if one.reading_ms < np.inf:
                successes.tell(one.reading_ms, float(table.compile_s[one.row]))
            end_s = one.end_s
        spent += end_s
    return spent / without, ended / (SEARCHES * EVALUATIONS)


def grid() -> pd.DataFrame:
    """All options: compile_factor, compile_quantile, compile_after, seconds (geometric mean), ended, ended_most."""
    landscapes, rows = development(), []
    for factor, quantile, after in tracked(list(product(FACTORS, QUANTILES, AFTER)), "options"):
        found = np.array([measured(landscape, Rules(factor, quantile, after)) for landscape in landscapes])
        seconds, ended = np.exp(np.log(found[:, 0]).mean()), found[:, 1]
        rows.append((factor, quantile, after, seconds, ended.mean(), ended.max()))
    columns = ["compile_factor", "compile_quantile", "compile_after", "seconds", "ended", "ended_most"]
    return pd.DataFrame(rows, columns=columns).sort_values("seconds", ignore_index=True)


def allowed(options: pd.DataFrame) -> pd.DataFrame:
    """The options that end few enough near-optimal configurations; those that save most come first."""
    return options[(options["ended"] <= MOST_ON_AVERAGE) & (options["ended_most"] <= MOST_ANYWHERE)]


def main() -> int:
    options = grid()
    print(
        f"all options on {len(development())} landscapes, {SEARCHES} random searches of {EVALUATIONS} evaluations each"
    )
    print(options.to_string(index=False, float_format="%.4g"))
    print(
        "\noptions that end at most 0.1% of the near-optimal configurations, and 1% on any landscape; the first is "
        "chosen"
    )
    print(allowed(options).head(8).to_string(index=False, float_format="%.4g"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
