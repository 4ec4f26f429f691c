"""The study of asynchronous runs: its bound against a schedule computed by hand, and its page against its table."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.runs.load import Study
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM
from experiments.asynchronous import choose
from experiments.asynchronous.bound import rescheduled
from experiments.asynchronous.choose import WORKERS, Outcome, Runs, interval, outcome, run
from harness.evaluation import Evaluation
from harness.landscapes.landscape import read_landscape
from harness.testing import evaluation

FOLDER = Path(__file__).parents[2] / "experiments" / "asynchronous"


def test_the_bound_is_the_same_evaluations_list_scheduled() -> None:
    evaluations = pd.DataFrame(
        {"run": 0, "index": range(4), "ok": True, "latency_ms": 1.0, "oracle_ms": [4.0, 3.0, 2.0, 1.0],
         "clock_end_s": [6.0, 10.0, 11.0, 14.0], "compile_s": [5.0, 1.0, 1.0, 2.0], "device_s": [1.0, 3.0, 0.0, 1.0]}
    )  # fmt: skip
    runs = pd.DataFrame({"batch": [1], "compile_workers": [1], "schedule": ["batch"]})
    moved = rescheduled(Study(runs, evaluations), 2)
    # the second worker: 0-1, 1-2, 2-4; the device: the second 1-4, the fourth 4-5, the first 5-6; the third has failed
    assert moved.evaluations["oracle_ms"].tolist() == [2.0, 3.0, 1.0, 4.0]
    assert moved.evaluations["clock_end_s"].tolist() == [2.0, 4.0, 5.0, 6.0]
    assert moved.evaluations["index"].tolist() == [0, 1, 2, 3]
    assert moved.runs[["batch", "compile_workers"]].to_numpy().tolist() == [[2, 2]]


def test_the_page_has_the_numbers_of_its_table() -> None:
    table = pd.read_csv(FOLDER / "table.csv")
    useful = table[table["stratum"] == "useful"].set_index(["task", "baseline", "strategy"])["speedup"]
    columns = [
        (kind, name)
        for kind in (EXACT_RANDOM, EXACT_BY_PARAMETER)
        for name in ("bound", "conditional_gp_async", "conditional_gp_batch")
    ]
    page = (FOLDER / "README.md").read_text()
    lines = [line for line in page.splitlines() if "__h" in line or "| ALL |" in line]
    assert len(lines) == 20
    for line in lines:
        task, *cells = [cell.strip() for cell in line.strip("| ").split("|")]
        assert len(cells) == len(columns)
        for cell, key in zip(cells, columns, strict=True):
            value = useful.get((task, *key), np.nan)
            assert (cell == "–") == bool(np.isnan(value))
            if cell != "–":
                assert float(cell) == pytest.approx(value, rel=0.051)
    whole = useful["ALL"]
    for kind in (EXACT_RANDOM, EXACT_BY_PARAMETER):
        own, bound, batch = (whole[kind, name] for name in ("conditional_gp_async", "bound", "conditional_gp_batch"))
        assert f"They are {own / batch:.1f} times as fast as batches and reach {own / bound:.0%} of the bound" in page
        assert f"are {own / batch:.1f} times as fast as batches, in tuning seconds, and reach {own / bound:.0%}" in page


def test_a_hit_is_the_first_incumbent_that_is_truly_near() -> None:
    readings = [(5.0, 5.0), (1.0, 4.0), (2.0, 1.0), (0.9, 1.1), (0.8, 1.0)]
    log = [
        replace(evaluation(i, {}, reading), oracle_ms=true, clock_end_s=float(i))
        for i, (reading, true) in enumerate(readings)
    ]
    assert (outcome(log, 1.2).seconds, outcome(log, 1.2).hit) == (3.0, True), "the third was not the incumbent"
    assert (outcome(log[:3], 1.2).seconds, outcome(log[:3], 1.2).hit) == (2.0, False)
    moved = outcome(log, 1.2, ends_s=[9.0, 8.0, 7.0, 6.0, 5.0])
    assert (moved.seconds, moved.hit) == (5.0, True), "another schedule, another first"


@pytest.mark.slow
def test_a_run_to_choose_by_has_the_outcome_of_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    landscape = read_landscape(FOLDER.parent / "landscapes" / "softmax-4096x2560-bf16__h100.parquet")
    jobs = [(seed, workers) for seed in range(3) for workers in (WORKERS, 1)]
    ended = [run(landscape, seed, {}, workers) for seed, workers in jobs]
    assert sum(each.hit for each in ended) >= 4
    asked = []

    def never(log: Sequence[Evaluation], near_ms: float, ends_s: Sequence[float] | None = None) -> Outcome:
        asked.append(len(log))
        found = outcome(log, near_ms, ends_s)
        return replace(found, hit=found.hit and len(log) == choose.EVALUATIONS)

    monkeypatch.setattr(choose, "outcome", never)
    assert [run(landscape, seed, {}, workers) for seed, workers in jobs] == ended
    assert max(asked) == choose.EVALUATIONS


def test_a_share_of_the_bound_is_a_geometric_mean_and_its_interval_is_of_paired_seeds() -> None:
    rng = np.random.default_rng(0)
    seconds = rng.exponential(size=(3, 40))
    bound = Runs(seconds, np.ones_like(seconds))
    slower = Runs(seconds * np.array([[1.0], [2.0], [4.0]]), np.ones_like(seconds))
    assert slower.share(bound) == pytest.approx(0.5)
    assert interval(slower, bound) == pytest.approx((0.5, 0.5)), "the same seeds, so that nothing is left to chance"
    half = Runs(seconds, np.arange(40) % 2 * np.ones((3, 1)))
    assert half.share(bound) == pytest.approx(0.5), "a miss costs its seconds"


def test_seeds_are_ranges_and_each_is_named_once() -> None:
    assert choose.seeds_of("300:303,310:311") == [300, 301, 302, 310]
    for wrong in ("300", "5:5", "300:310,305:306", "a:b", "1:2:3", ""):
        with pytest.raises(ArgumentTypeError, match="expected FIRST:END"):
            choose.seeds_of(wrong)


def test_the_tasks_of_the_h200_are_chosen_on_only_when_asked_for() -> None:
    alone, both = ([task.path.stem for task in choose.tasks(h200)] for h200 in (False, True))
    assert len(alone) == 14 and set(alone) < set(both)
    assert all(name.endswith("__h200") for name in set(both) - set(alone)) and len(both) == 19


def test_a_choice_is_tested_on_kernels_on_which_none_is_made() -> None:
    new = {name.partition("-")[0] for name in choose.new_tasks()}
    assert len(choose.new_tasks()) == 20 and len(new) == 10
    assert not new & {task.path.stem.partition("-")[0] for task in choose.tasks(h200=True)}
