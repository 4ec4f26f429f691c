"""The study of rules: its measures against fabricated runs, and its page against its table and conf/rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.hopeless.choose import MOST_ANYWHERE, MOST_ON_AVERAGE, allowed, development, measured
from experiments.hopeless.replays import compiles_ended, limits_of, near_rows, replayed, samples_ended
from experiments.hopeless.table import BOTH, COMPILES, SAMPLES, hopeless, ratio, whole
from harness.landscapes.landscape import Landscape, read_landscape
from harness.rules import Rules
from harness.system.resources import CHECKOUT
from tests.harness.toy import write_toy

FOLDER = CHECKOUT / "experiments" / "hopeless"


@pytest.fixture
def toy(tmp_path: Path) -> Landscape:
    landscape = read_landscape(write_toy(tmp_path))
    near_s = landscape.costs_s.copy()
    near_s[near_rows(landscape), 0] = 1.5
    return replace(landscape, costs_s=near_s)


def test_shares_of_what_would_end(toy: Landscape) -> None:
    without = replayed(toy, "random", 3, None)
    assert without.clock_s == without.log[-1].clock_end_s and len(without.log) == 100
    rules = Rules(compile_factor=1.1, compile_quantile=0.5, compile_after=5)
    run = replayed(toy, "random", 3, rules)
    assert run.clock_s < without.clock_s and [e.configuration for e in run.log] == [
        e.configuration for e in without.log
    ]
    share = np.mean([limits.compile_s < 1.5 for limits in limits_of(run.log, rules)])  # all near ones compile for 1.5 s
    assert 0.1 < share < 1.0 and compiles_ended(toy, run, rules) == share
    assert compiles_ended(toy, run, Rules(sample_error=0.1)) == 0.0
    put, ended, lost = samples_ended(toy, without, Rules(sample_error=0.2), 3)
    assert 0 <= lost <= ended <= put <= 3 * len(near_rows(toy)) and put > 0
    assert samples_ended(toy, without, Rules(sample_error=1e-9), 3)[1] == 0.0


def test_ratios_of_pairs_have_intervals() -> None:
    middle, low, high = ratio(np.array([2.0, 4.0, 8.0]), np.array([1.0, 1.0, 1.0]))
    assert middle == pytest.approx(4.0) and low * high == pytest.approx(16.0) and low < 2.0 < 8.0 < high


def test_an_option_is_measured_by_what_it_saves_and_ends(toy: Landscape) -> None:
    seconds, ended = measured(toy, Rules(compile_factor=1.1, compile_quantile=0.5, compile_after=5))
    none = measured(toy, Rules(compile_factor=1e9))
    assert seconds < 0.95 and 0.1 < ended < 1.0
    assert none == (pytest.approx(1.0), 0.0)


@pytest.mark.slow
def test_the_defaults_are_the_most_saving_of_those_that_are_allowed() -> None:
    """The page has the numbers of choose.py, and the defaults are the best allowed option among them."""
    lines = [line.strip("| ").replace("*", "").split("|") for line in (FOLDER / "README.md").read_text().splitlines()
             if line.startswith(("| **3**", "| 1.5 |", "| 2 |", "| 2.5 |", "| 3 |"))]  # fmt: skip
    columns = ["compile_factor", "compile_quantile", "compile_after", "seconds", "ended", "ended_most"]
    numbers = [[float(cell.strip().rstrip("%")) / (100 if "%" in cell else 1) for cell in line[:6]] for line in lines]
    options = pd.DataFrame(numbers, columns=columns)
    chosen = allowed(options.sort_values("seconds")).iloc[0]
    on = hopeless()[BOTH]
    assert (on.compile_factor, on.compile_quantile, on.compile_after) == tuple(chosen[columns[:3]])
    assert len(options) == 7 and len(allowed(options)) == 5 and MOST_ON_AVERAGE < MOST_ANYWHERE
    assert len(development()) == 19


def test_each_rule_alone_and_both() -> None:
    rules = hopeless()
    assert {**rules[COMPILES].to_json(), **rules[SAMPLES].to_json()} == rules[BOTH].to_json()
    assert rules[COMPILES].sample_error is None and rules[SAMPLES].compile_factor is None


def test_the_page_has_the_numbers_of_its_table() -> None:
    table = pd.read_csv(FOLDER / "table.csv")
    assert table["landscape"].nunique() == 30 and len(table) == 30 * 6
    rows = whole(table).set_index(["rule", "strategy"])
    page = (FOLDER / "README.md").read_text()
    lines = [line for line in page.splitlines() if "→" in line and line.startswith("|") and "with over" not in line]
    assert len(lines) == 6
    for line in lines:
        rule, strategy, *cells = [cell.strip() for cell in line.strip("| ").split("|")]
        row = rows.loc[(rule, strategy)]
        assert cells[:4] == [
            f"{row['seconds']:.3f}",
            f"{row['least']:.3f}",
            f"{row['most']:.3f}",
            f"{row['on_device']:.2f}",
        ]
        assert cells[4] == ("–" if rule == SAMPLES else f"{row['compiles_ended']:.2%}")
        samples = ["–", "–"] if rule == COMPILES else [f"{row['samples_ended']:.0%}", f"{row['samples_lost']:.1%}"]
        assert cells[5:] == [*samples, f"{row['hits_without']:.0f} → {row['hits']:.0f}", f"{row['lost']:.0f}"]
    for rule in (COMPILES, SAMPLES, BOTH):
        assert f"{rows.loc[(rule, 'random'), 'ert']:.3f}" in page
    both = rows.loc[(BOTH, "random")]
    assert f"saves {1 - both['seconds']:.0%}" in page and f"{1 - both['least']:.0%} on a Helion task" in page
    assert f"and {1 - rows.loc[(BOTH, 'pattern_search'), 'seconds']:.0%} of `pattern_search`'s" in page
    assert table["compiles_ended"].max() < 0.0055
