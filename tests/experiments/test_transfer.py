"""The transfer study: its cells, its misleading sources, and what is made of its runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.transfer import coherence, figures, matrix, misleading, study, table
from experiments.transfer.replays import MOMENTS, Way, outcomes
from harness.config.compose import Composer
from harness.landscapes.facts import read_facts
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape
from harness.landscapes.siblings import is_itself

TASK = "softmax-4096x2560-bf16__h100"


def test_every_target_has_all_groups_and_no_source_is_itself() -> None:
    names = [path.stem for path in study.targets()]
    assert len(names) >= 25 and not any("helion" in name or "wide" in name for name in names)
    assert study.development() == names[::2]
    found = list(study.cells(["cold", "shape", "device", "sizes", "shapes"], ["*"]))
    assert {cell.task for cell in found if cell.group == "shape"} == set(names)
    assert len({(cell.group, cell.task, cell.way.name) for cell in found}) == len(found)
    for cell in found:
        assert cell.way.source == {"cold": "null", "device": "sibling_device", "shapes": "sibling_shapes"}.get(
            cell.group, "sibling_shape"
        )


@pytest.mark.parametrize("kind", misleading.KINDS)
def test_misleading_sources_hold_other_outcomes_of_no_task_that_is_the_target(tmp_path: Path, kind: str) -> None:
    task = find_landscape("softmax-512x65536-bf16", "h100")
    made = read_landscape(misleading.misleading(task, kind, tmp_path))
    again = misleading.misleading(task, kind, tmp_path / "again")
    np.testing.assert_array_equal(read_landscape(again).oracle_ms, made.oracle_ms)
    assert not is_itself(read_facts(task), read_facts(made.path))
    near = read_landscape(misleading.sibling(task))
    if kind == "kernel":
        other = read_landscape(misleading.other_kernel(task))
        assert set(made.oracle_ms[np.isfinite(made.oracle_ms)]) <= set(other.oracle_ms)
        assert made.space.size == read_landscape(task).space.size
        return
    assert made.space.size == near.space.size
    both = np.isfinite(near.oracle_ms) & np.isfinite(made.oracle_ms)
    order = np.corrcoef(*[np.argsort(np.argsort(one.oracle_ms[both])) for one in (near, made)])[0, 1]
    if kind == "reversed":
        assert order == pytest.approx(-1.0, abs=1e-4)
    else:
        assert abs(order) < 0.1
        np.testing.assert_array_equal(np.sort(made.oracle_ms), np.sort(near.oracle_ms))


def test_a_run_is_what_nearopt_run_makes_until_it_has_hit() -> None:
    composer, way = Composer(), Way("b", ("strategy=source_best",), "sibling_shape")
    (best,) = outcomes(TASK, way, [2000], composer)
    assert best.source == "softmax-16384x2560-bf16__h100" and len(best.slowdowns) == len(MOMENTS)
    assert best.hit is not None and best.hit <= 3 and best.slowdowns[1] <= 1.05
    (twice,) = outcomes(TASK, way, [2000], composer)
    assert twice == best


def written(tmp_path: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    path = tmp_path / "runs.csv"
    made = [
        {
            "group": group, "task": task, "way": way, "source": "", "first_seed": 2000, "hits": hits,
            "seconds": "1 2", **dict.fromkeys(table.AFTER, 1.5),
        }
        for group, task, way, hits in rows
    ]  # fmt: skip
    pd.DataFrame(made).to_csv(path, index=False)
    return path


def test_the_summary_the_losses_and_the_verdicts_are_those_of_the_runs(tmp_path: Path) -> None:
    rows = [
        ("cold", "softmax-1__h100", "conditional_gp", "10 30"),
        ("cold", "attention-1__h100", "conditional_gp", "0 79"),  # a miss counts 121
        ("shape", "softmax-1__h100", "transfer_gp", "2 4"),
        ("shape", "attention-1__h100", "transfer_gp", "20 30"),
        ("reversed", "softmax-1__h100", "transfer_gp", "26 20"),
        ("reversed", "attention-1__h100", "transfer_gp", "100 100"),
    ]
    runs = table.runs_of(written(tmp_path, rows))
    assert runs["mean"].tolist() == [20.0, 100.0, 3.0, 25.0, 23.0, 100.0]
    assert runs["hit"].tolist() == [2, 1, 2, 2, 2, 2]
    every = table.summary(runs).set_index(["group", "kernel"])
    assert every.loc[("shape", "all"), "ratio"] == pytest.approx(np.sqrt(3 / 20 * 25 / 100))
    assert every.loc[("shape", "all"), "median"] == 12.0
    (lost,) = table.harm(runs).to_dict("records")
    assert lost["in margins"] == pytest.approx((3 / 3 + 0 / 15) / 2) and lost["tasks beyond"] == 0
    said = table.verdicts(runs)
    assert said[0].startswith("row kernels: median 3.00, at most 3: reached; 0 of 1 tasks beyond")
    assert said[1] == "device to device: no runs"
    assert said[2].startswith("attention: ratio of means 0.25, at most 0.5: reached")
    assert any(line.startswith("harm, reversed, transfer_gp: +1.5 evaluations, +0.50 margins") for line in said)


PAGE = Path(table.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_the_page_says_what_is_computed_from_its_files() -> None:
    runs = table.runs_of(Path(table.__file__).with_name("runs.csv"))
    pairs = pd.read_csv(Path(table.__file__).with_name("pairs.csv"))
    told = [*table.verdicts(runs), table.told_apart(runs, study.development()), *matrix.told(pairs)]
    assert [line for line in told if f"\n* {line}\n" not in PAGE] == []
    computed = table.summary(runs).set_index(["group", "kernel", "way"])
    rows = [cells for line in PAGE.splitlines() if len(cells := line.strip("| ").split(" | ")) == 13]
    assert len(rows) > 20
    for group, kernel, way, *said in rows[1:]:
        if group == "---":
            continue
        row = computed.loc[(group, kernel, way)]
        after = ["fails" if np.isinf(row[name]) else f"{row[name]:.2f}" for name in table.AFTER]
        counted = [f"{row['tasks']:g}", f"{row['hits']:g}/{row['runs']:g}"]
        assert said == [*counted, f"{row['median']:g}", f"{row['mean']:.1f}", f"{row['ratio']:.2f}", *after]


def test_tasks_that_designs_were_chosen_on_are_told_apart(tmp_path: Path) -> None:
    rows = []
    for i, (cold, warm) in enumerate([(20, 2), (20, 15), (40, 30)]):
        task = f"softmax-{i}__h100"
        rows += [("cold", task, "conditional_gp", f"{cold} {cold}"), ("shape", task, "transfer_gp", f"{warm} {warm}")]
    runs = table.runs_of(written(tmp_path, rows))
    said = table.told_apart(runs, ["softmax-0__h100"])
    assert "all 0.10 (tasks: 1) and 0.75 (tasks: 2), softmax 0.10 (tasks: 1) and 0.75 (tasks: 2)" in said
    assert "all – and 0.38 (tasks: 3)" in table.told_apart(runs, [])


def test_pairs_are_of_one_kernel_and_say_what_fits() -> None:
    found = matrix._pair(
        find_landscape("softmax-4096x2560-bf16", "h100"), find_landscape("softmax-4096x2560-bf16", "h200")
    )
    assert found["fits"] == 1.0 and found["distance"] == 0.0 and not found["same_device"]
    assert 1.0 <= found["best_of_3"] <= found["best"] < 1.05


def test_figures_show_each_kernel_and_each_pair(tmp_path: Path) -> None:
    rows = [("cold", TASK, "conditional_gp", "10 30"), ("shape", TASK, "transfer_gp", "2 4")]
    (panel,) = figures.quality(table.runs_of(written(tmp_path, rows))).axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in panel.get_lines()}
    assert panel.get_title() == "softmax" and lines["transfer_gp"].tolist() == [1.5] * len(MOMENTS)
    exact = lines["exact random search"]
    assert np.all(np.diff(exact) <= 0) and exact[-1] > 1.0
    pairs = pd.DataFrame(
        {"source": ["a__x", "b__x"], "target": ["b__x", "a__x"], "fits": [0.5, 0.0], "best_of_3": [1.25, np.inf]}
    )
    cells = np.asarray(figures.matrix(pairs).axes[0].images[0].get_array().filled(np.nan))  # type: ignore[union-attr]
    np.testing.assert_array_equal(cells, [[np.nan, 1.25], [np.nan, np.nan]])


def test_coherence_counts_what_falls_on_the_wrong_side() -> None:
    told = coherence.Group("new", 2, 1, (0.9, 0.2), (0.3, -0.1, 0.0)).told()
    assert told == (
        "new, 2 tasks (1 more are too small to be judged): siblings 0.20 to 0.90, 1 of 2 not followed; "
        "shuffled -0.10 to 0.30, 1 of 3 followed"
    )


@pytest.mark.slow
def test_the_page_has_the_coherence_of_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    assert coherence.main() == 0
    assert f"$ python -m experiments.transfer.coherence\n{capsys.readouterr().out}```" in PAGE
