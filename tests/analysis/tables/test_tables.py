"""Further tables, on studies with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reference import difficulty
from analysis.runs.load import load_study
from analysis.statistics import random_search
from analysis.study.results import StudyResults, analyse
from analysis.tables import (
    baselines,
    bootstraps,
    cost_scaling,
    leave_out,
    pairwise,
    quality,
    ranking,
    restarting,
    suffices,
    transfer,
)
from analysis.tables.table import Table
from analysis.tables.table import write as write_table
from tests.analysis.fabricate import (
    evaluations,
    guided_order,
    landscape,
    random_order,
    write_reference,
    write_run,
    write_study,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    path = tmp_path_factory.mktemp("tables")
    names = ["a-1__h100", "a-1__h200", "b-1__h100", "c-1__h100"]
    tables = {name: landscape(150, i, failures=0.2) for i, name in enumerate(names)}
    tables["a-1__h200"] = tables["a-1__h100"].assign(oracle_ms=np.roll(tables["a-1__h100"]["oracle_ms"], 1))
    same = tables["a-1__h200"]
    tables["a-1__h200"] = same.assign(
        status=np.where(same["oracle_ms"].notna(), "ok", "out_of_resources"), latency_ms=same["oracle_ms"]
    )
    write_study(path, tables, {"random": random_order, "s": guided_order(2.0)}, 10, 60)
    return analyse(load_study([path]))


def test_nothing_left_out_is_the_whole_and_each_kernel_is_left_out_once(results: StudyResults) -> None:
    table = leave_out.leave_out(results)
    assert table is not None
    data = table.data[table.data["strategy"] == "s"].set_index("left_out")
    assert list(data.index) == ["nothing", "a", "b", "c", "h100", "h200"]
    whole = results.speedups.query("task == 'ALL' and stratum == 'all' and target == 0.05 and axis == 'evaluations'")
    whole = whole.set_index("strategy").loc["s"]
    assert data.loc["nothing", "speedup"] == pytest.approx(whole["speedup"])
    assert data["tasks"].to_dict() == {"nothing": 4, "a": 2, "b": 3, "c": 3, "h100": 1, "h200": 3}


def test_an_optimum_carried_over(results: StudyResults) -> None:
    table = transfer.transfer(results)
    assert table is not None
    row = table.data[(table.data["origin"] == "h100") & (table.data["task"] == "a-1")].iloc[0]
    first, other = (results.study.references[f"a-1__{device}"] for device in ("h100", "h200"))
    best = first.loc[first["oracle_ms"].idxmin(), "key"]
    latency = other.set_index("key")["oracle_ms"]  # rows of two recordings are in two orders
    if np.isfinite(latency[best]):
        assert row["slowdown"] == pytest.approx(latency[best] / latency.min())
        better = int((latency < latency[best]).sum())
        assert row["random_evaluations_until_better"] == pytest.approx(random_search.mean(150, better))
    else:
        assert np.isinf(row["slowdown"])
    assert len(table.data) == 2


def test_scaled_costs(results: StudyResults) -> None:
    table = cost_scaling.cost_scaling(results)
    assert table is not None
    data = table.data[table.data["strategy"] == "s"].set_index(["scaled", "factor"])["speedup"]
    # ask and tell cost nothing here, so a common factor cancels
    both = data.loc["compile and benchmark"]
    np.testing.assert_allclose(both, both.iloc[0])
    seconds = results.speedups.query("strategy == 's' and axis == 'seconds' and target == 0.05 and task == 'ALL'")
    assert data.loc["compile", 1.0] == pytest.approx(seconds[seconds["stratum"] == "all"]["speedup"].iloc[0])
    assert data.loc["compile", 10.0] != pytest.approx(data.loc["benchmark", 10.0])


def test_thinking_is_charged_and_not_scaled(tmp_path: Path) -> None:
    table = landscape(100, failures=0.0)
    write_reference(tmp_path, "a-1", table)
    for seed in range(3):
        frame = evaluations(table, np.random.default_rng(seed).permutation(100)).assign(ask_s=5.0)
        write_run(tmp_path, "a-1", "slow_thinker", seed, frame, budget=100)
    found = cost_scaling.scaled_speedups(analyse(load_study([tmp_path]), others=()), 0.05)
    both = found[found["scaled"] == "compile and benchmark"].set_index("factor")["speedup"]
    assert both[0.1] < 0.2 * both[10.0]


def test_where_random_suffices(results: StudyResults) -> None:
    table = suffices.suffices(results)
    assert table is not None
    for row in table.data.to_dict("records"):
        hard = difficulty(results.study.references[row["task"]], results.best.t_star_ms[row["task"]], 0.05)
        hit = random_search.hit_probability(hard.n, hard.k, 60)
        assert row["random_hit_probability"] == pytest.approx(hit)
        assert (row["suffices"] in ("random", "both")) == (hit >= 0.95)
    assert set(table.data["fastest"]) == {"s"}


def test_quality_of_random_is_that_of_exact_random(results: StudyResults) -> None:
    table = quality.quality(results)
    assert table is not None
    rows = table.data[table.data["strategy"] == "random"]
    null = np.sqrt((rows["score_null_sd"] ** 2).sum()) / len(rows)
    assert abs(rows["score"].mean()) < 4 * null
    assert rows["better"].mean() == pytest.approx(0.5, abs=0.2)
    assert (rows["better_than_twice"] <= rows["better"]).all()
    guided = table.data[table.data["strategy"] == "s"]
    assert guided["score"].mean() > 4 * null
    assert (guided["area"] > guided["area_random"]).all()
    assert guided["restricted"].mean() < guided["restricted_random"].mean()


def test_baselines_name_what_they_are(results: StudyResults) -> None:
    table = baselines.over_each_random(results)
    assert table is not None
    names = [row[0] for row in table.rows]
    assert "evaluations: exact random (closed form)" in names
    assert "tuning seconds (1 worker against 16): exact random on 16 compile workers" in names
    assert not any(name.startswith("evaluations") and "16" in name for name in names)
    cells = table.data.set_index(["baseline", "axis", "strategy"])["speedup"]
    # sixteen workers make random search faster, and so any speedup over it smaller
    assert cells["exact_random_16_workers", "seconds", "s"] < cells["exact_random", "seconds", "s"]


def test_ranks_follow_the_ert(results: StudyResults) -> None:
    found = ranking.ranking(results)
    assert found is not None and found.strategies == ("s", "random")
    assert ranking.ranking_table(found, results).rows[0][0] == "s"


def test_a_table_in_three_forms(tmp_path: Path) -> None:
    data = pd.DataFrame({"x": [1.23456789]})
    table = Table("t", "A & B", "50% × {x}", ("a_b", "c"), (("x|y", "< 3"), ("–", "5×")), data)
    write_table(table, tmp_path)
    tex = (tmp_path / "t.tex").read_text()
    assert r"A \& B" in tex and r"50\% $\times$ \{x\}" in tex and r"\textbf{a\_b}" in tex and "$<$ 3" in tex
    assert tex.count(r"\toprule") == tex.count(r"\midrule") == tex.count(r"\bottomrule") == 1
    assert r"| x\|y | < 3 |" in (tmp_path / "t.md").read_text()
    assert (tmp_path / "t.csv").read_text() == "x\n1.23457\n"


def test_restarted_random_search_averages_to_its_ert() -> None:
    totals = restarting.random_restarts(200, 3, 25, 100_000, np.random.default_rng(0))
    assert totals.mean() == pytest.approx(random_search.ert(200, 3, 25), rel=0.02)
    assert totals.min() >= 1
    # P(total <= t) within the first run is the hypergeometric law
    assert np.mean(totals <= 10) == pytest.approx(random_search.hit_probability(200, 3, 10), abs=0.01)


@pytest.mark.slow
def test_random_with_restarts_is_as_fast_as_exact_random(tmp_path: Path) -> None:
    """Over 200 runs of 40 evaluations, of which half miss: quantiles are known to some percent."""
    write_study(tmp_path, {"a-1__h100": landscape(150, 2)}, {"random": random_order}, 200, 40)
    known = restarting.restarting(analyse(load_study([tmp_path])))
    assert known is not None
    (row,) = known.data.to_dict("records")
    assert row["own_50"] > 40, "half of the searches need a restart"
    assert row["ratio_50"] == pytest.approx(1.0, abs=0.15) and row["ratio_90"] == pytest.approx(1.0, abs=0.15)


def test_a_better_search_with_restarts_is_faster_than_exact_random(results: StudyResults) -> None:
    table = restarting.restarting(results)
    assert table is not None
    guided = table.data[table.data["strategy"] == "s"]
    assert len(guided) == 4 and (guided["ratio_90"] > 1).all()


def test_four_intervals_share_what_they_should(results: StudyResults) -> None:
    table = bootstraps.bootstraps(results)
    assert table is not None
    row = table.data.set_index("strategy").loc["s"]
    runs = bootstraps.task_runs(results, "s", "evaluations", 0.05, baselines.headline_stratum(results.speedups))
    assert np.exp(np.mean([task.log_speedup for task in runs])) == pytest.approx(row["speedup"])
    assert row["seeds_low"] < row["speedup"] < row["seeds_high"]


def test_better_and_worse_add_up(results: StudyResults) -> None:
    table = pairwise.pairwise(results)
    assert table is not None
    found = table.data.set_index(["better", "than"])["probability"]
    assert found["s", "random"] + found["random", "s"] == pytest.approx(1.0)
    assert found["s", "random"] > 0.6
