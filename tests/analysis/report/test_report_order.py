"""The order in figures and on the page: the claim's strategies, then the fastest; other clocks last."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.report.gallery import Gallery
from analysis.report.order import by_speedup
from analysis.report.page import verdict_rows
from analysis.study.results import StudyResults, study_results
from analysis.verdict.judge import judge
from tests.analysis.fabricate import evaluations, guided_order, landscape, random_order, write_reference, write_run
from tests.analysis.hypotheses import CLAIM

ORDERS = {"random": random_order, "fast": guided_order(3.0), "wide": guided_order(4.0), "lfbo": guided_order(0.2)}
TASK = "k-1__h100"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder, table = tmp_path_factory.mktemp("r"), landscape(300, spread=2.0)
    write_reference(folder, TASK, table)
    for s, (label, order) in enumerate(ORDERS.items()):
        workers = 16 if label == "wide" else 1
        backend = {"kind": "replay", "noise": "none", "compile_workers": workers, "landscape_sha256": TASK}
        for seed in range(12):
            rows = order(np.random.default_rng([s, seed]), table)[:60]
            write_run(folder, TASK, label, seed, evaluations(table, rows), budget=60, batch=workers, backend=backend)
    return study_results([folder])


def test_order(found: StudyResults) -> None:
    speedup = found.speedups.query("task == 'ALL' and stratum == 'all' and target == 0.05 and axis == 'evaluations'")
    speedup = speedup.set_index("strategy")["speedup"]
    assert speedup["wide"] > speedup["lfbo"] and speedup["fast"] > speedup["lfbo"]
    assert by_speedup(found, CLAIM.strategies) == ["lfbo", "fast", "wide", "random"]
    assert list(Gallery(found, CLAIM).shown) == ["lfbo", "fast", "wide", "random"]
    assert list(Gallery(found).shown) == by_speedup(found) == ["fast", "lfbo", "wide", "random"]


def test_verdicts_have_a_row_a_strategy_and_the_stratum_of_the_claim_first(found: StudyResults) -> None:
    columns, rows = verdict_rows(judge(found, CLAIM))
    assert [name for name, _ in rows] == ["lfbo", "fast", "wide"]
    strata = ("useful tasks", "all tasks")
    assert columns == [f"{stratum}, {asked}" for stratum in strata for asked in ("here", "new kernels")]
    assert all(len(cells) == len(columns) for _, cells in rows)
