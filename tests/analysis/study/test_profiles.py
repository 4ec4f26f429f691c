"""Profiles, interquartile means and seeds to decide, against closed forms; figures show the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit
from scipy.stats import trim_mean

from analysis.figures import interval_rows, profile, seeds
from analysis.figures.style import COLUMN_INCHES, looks
from analysis.reference import HEADLINE_TARGET, TARGETS, difficulty
from analysis.runs.load import load_study
from analysis.study import interquartile, profiles
from analysis.study.results import StudyResults, analyse
from analysis.study.seeds_to_decide import MOST, seeds_to_decide, smallest
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

STRATEGIES = {"random": random_order, "guided": guided_order(2.0), "slow": guided_order(-2.0)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    tables = {f"{kernel}-64x64-bf16__h100": landscape(300, i) for i, kernel in enumerate(["a", "b", "c", "d"])}
    return analyse(load_study([write_study(tmp_path_factory.mktemp("r"), tables, STRATEGIES, 8, 60)]), others=())


def test_a_data_profile_is_the_mean_of_its_problems(results: StudyResults) -> None:
    data = profiles.data_profiles(results)
    times = results.times[results.times["axis"] == "evaluations"]
    for strategy in STRATEGIES:
        curve, at = data[data["strategy"] == strategy], 70
        x, shares = curve["x"].iloc[at], []
        for (task, target), part in times[times["strategy"] == strategy].groupby(["task", "target"]):
            hard = difficulty(results.study.references[task], results.best.t_star_ms[task], target)
            shares.append((part["time"] <= x * (hard.n + 1) / (hard.k + 1)).mean())
        assert curve["solved"].iloc[at] == pytest.approx(np.mean(shares)) and curve["problems"].iloc[0] == len(shares)
        assert curve["solved"].is_monotonic_increasing and curve["tasks"].iloc[0] == 4
        known = curve.dropna(subset="low")
        assert set(curve.loc[curve["low"].isna(), "solved"]) <= {0.0, 1.0} and (len(known) > 20) == (
            curve["solved"].max() > 0
        )
        assert (known["low"] < known["solved"]).all() and (known["solved"] < known["high"]).all()


def test_random_runs_follow_the_law_of_the_same_budget(results: StudyResults) -> None:
    data = profiles.data_profiles(results).set_index("strategy")
    runs, law = data.loc["random"], data.loc[profiles.EXACT_RANDOM]
    problems = 4 * len(TARGETS)
    worst = np.abs(runs["solved"].to_numpy() - law["solved"].to_numpy()).max()
    assert worst < 4 * np.sqrt(0.25 / (8 * problems / len(TARGETS)))  # targets of one run are not independent
    assert law["solved"].iloc[-1] < 1  # it ends where the runs do


def test_without_solvable_problems_a_data_profile_is_an_empty_table(results: StudyResults) -> None:
    nothing = profiles.data_profiles(replace(results, times=results.times.iloc[:0]))
    assert nothing.empty and list(nothing.columns) == list(profiles.COLUMNS)


def test_a_performance_profile_starts_at_the_share_of_bests(results: StudyResults) -> None:
    data = profiles.performance_profiles(results, [*STRATEGIES])
    first = data[data["x"] == 1.0].set_index("strategy")["solved"]
    rows = results.speedups[results.speedups["task"].str.contains("__") & (results.speedups["axis"] == "evaluations")]
    ert = rows.assign(ert=rows["ert"].where(rows["hits"] > 0, np.inf)).pivot(
        index=["task", "target"], columns="strategy", values="ert"
    )
    assert {name: (ert[name] == ert.min(axis=1)).mean() for name in STRATEGIES} == pytest.approx(dict(first))
    last = data.groupby("strategy")["solved"].last()
    assert {name: np.isfinite(ert[name]).mean() for name in STRATEGIES} == pytest.approx(dict(last))
    ratio = ert.div(ert.min(axis=1), axis=0)
    for name, part in data.groupby("strategy"):
        assert part["solved"].to_list() == pytest.approx([(ratio[name] <= x).mean() for x in part["x"]])
    backwards = replace(results, speedups=results.speedups.iloc[::-1])
    pd.testing.assert_frame_equal(profiles.performance_profiles(backwards, [*STRATEGIES]), data)
    assert profiles.performance_profiles(results, ["guided"]).empty


def test_devices_of_one_task_are_one_task() -> None:
    grid = np.array([1.0, 2.0])
    curves = {(f"{task}__{device}", 0.05): np.array([0.0, 1.0]) for task in "abc" for device in ("h100", "h200")}
    assert profiles._profile("x", grid, curves)["tasks"].iloc[0] == 3


def test_the_band_covers_the_mean_of_other_tasks() -> None:
    rng, covered, studies = np.random.default_rng(5), 0, 400
    for _ in range(studies):
        shares = rng.beta(2, 3, (20, 1))
        low, high = profiles.band(3 * shares, np.full(20, 3.0))
        covered += low[0] <= 0.4 <= high[0]
    assert 0.90 < covered / studies < 0.98  # of a percentile interval over 20 tasks
    assert np.isnan(profiles.band(np.ones((2, 3)), np.ones(2))[0]).all()
    assert np.isnan(profiles.band(np.ones((5, 3)), np.ones(5))).all(), "ties are no certainty"


def test_the_middle_half_is_without_the_best_and_the_worst_quarter() -> None:
    centre, _ = interquartile.interquartile([np.array([-9.0, 1.0, 2.0, 99.0]), np.array([-8.0, 3.0, 4.0, 88.0])])
    assert centre == 2.5


@pytest.mark.slow
def test_the_interquartile_interval_covers() -> None:
    rng, covered, studies = np.random.default_rng(6), 0, 300
    means = np.array([0.1, 0.4, 0.5, 0.8])
    truth = trim_mean(rng.normal(means[:, None], 0.2, (4, 100_000)).ravel(), 0.25)
    for _ in range(studies):
        _, (low, high) = interquartile.interquartile(list(rng.normal(means[:, None], 0.2, (4, 30))))
        covered += low <= truth <= high
    assert 0.91 < covered / studies < 0.98


def test_too_few_or_equal_values_have_no_interquartile_interval() -> None:
    assert np.isnan(interquartile.interquartile([np.array([0.5]), np.array([0.4, 0.6])])[1]).all()
    assert np.isnan(interquartile.interquartile([np.full(5, 0.5), np.full(5, 0.5)])[1]).all()


def test_random_scores_nothing_and_beats_random_half_the_time(results: StudyResults) -> None:
    data = interquartile.aggregates(results).set_index(["strategy", "measure"])
    assert set(data.index.get_level_values(0)) == set(STRATEGIES) and (data["runs"] == 32).all()
    guided, random = data.loc[("guided", interquartile.IQM)], data.loc[("random", interquartile.IQM)]
    assert guided["low"] > random["high"] and random["low"] < 0.15
    better = data.loc[("random", interquartile.BETTER)]
    assert better["low"] < 0.5 < better["high"] and data.loc[("slow", interquartile.BETTER), "high"] < 0.5


def test_tasks_that_do_not_count_or_have_no_table_have_no_scores(results: StudyResults) -> None:
    assert interquartile.aggregates(replace(results, counted={HEADLINE_TARGET: {"of-no-recording"}})).empty


def test_the_planned_seeds_have_the_power() -> None:
    rng, tasks, sd, d = np.random.default_rng(7), 3, 0.9, 0.35
    m = int(smallest(d, [sd**2 / 20] * tasks, [20] * tasks))
    studies = rng.normal(d, sd, (4000, tasks, m))
    mean, se = studies.mean(axis=(1, 2)), np.sqrt(studies.var(axis=2, ddof=1).mean(axis=1) / (tasks * m))
    found = np.mean(mean / se > stdtrit(tasks * (m - 1), 0.975))
    assert 0.78 < found < 0.86  # exactly the next whole number of seeds
    assert (
        smallest(0.0, [0.1], [5]) == np.inf and np.isnan(smallest(1.0, [], [])) and np.isnan(smallest(1.0, [0.0], [5]))
    )
    assert MOST == 10_000


def test_seeds_are_counted_for_what_both_hit(results: StudyResults) -> None:
    data = seeds_to_decide(results, [*STRATEGIES])
    against = data[data["against"] == "random search"].set_index("strategy")
    assert against.loc["guided", "ratio"] > 1 and against.loc["guided", "seeds"] < against.loc["random", "seeds"]
    assert (data["tasks"] + data["bounded"] == 4).all() and set(data["seeds_had"]) <= {0, 8}
    times = results.times.query(f"axis == 'evaluations' and target == {HEADLINE_TARGET}")
    hit = times.groupby(["strategy", "task"])["hit"].any().unstack()
    assert not hit.loc["slow"].all()
    for row in data[data["against"] != "random search"].to_dict("records"):
        assert row["tasks"] == (hit.loc[row["strategy"]] & hit.loc[row["against"]]).sum()


def test_what_hit_nowhere_has_no_next_faster_strategy(results: StudyResults) -> None:
    never = results.speedups["strategy"] == "slow"
    table = results.speedups.assign(bound=results.speedups["bound"].mask(never, "upper"))
    data = seeds_to_decide(replace(results, speedups=table), [*STRATEGIES])
    assert list(zip(data["strategy"], data["against"], strict=True)) == [
        *((name, "random search") for name in STRATEGIES),
        ("random", "guided"),
    ]


def test_figures_are_a_columns_width_and_take_every_marker(results: StudyResults) -> None:
    styles = looks(["optuna_gp", *STRATEGIES])  # its marker is a tuple
    table = interquartile.aggregates(results)
    table = pd.concat([table, table[table["strategy"] == "random"].assign(strategy="optuna_gp")])
    drawn = [
        profile.draw(profiles.data_profiles(results), styles, "x", "y"),
        interval_rows.draw(table, styles, {interquartile.IQM: 0.0, interquartile.BETTER: 0.5}),
        seeds.draw(seeds_to_decide(results, [*STRATEGIES]), styles),
    ]
    assert all(figure.get_figwidth() == COLUMN_INCHES for figure in drawn)
    dots = [line for line in drawn[1].axes[0].lines if line.get_linestyle() == "None"]
    assert len(dots) == 4 and all(len(line.get_xdata()) == 1 for line in dots)


def test_a_band_is_drawn_where_it_is_known(results: StudyResults) -> None:
    """Before the first hit all tasks are alike, so there is no band."""
    data = profiles.data_profiles(results)
    own = data[data["strategy"] == "guided"].copy()
    own.loc[own["x"] < own["x"].quantile(0.3), ["low", "high"]] = np.nan
    (band,) = profile.draw(own, looks(["guided"]), "x", "y").axes[0].collections
    (drawn,) = band.get_paths()
    low, high = drawn.vertices[:, 1].min(), drawn.vertices[:, 1].max()
    assert (low, high) == pytest.approx((own["low"].min(), own["high"].max()))
