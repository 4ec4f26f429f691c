"""Times kept of runs give the speedups that the runs give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.load import load_study
from analysis.study.baseline import PRIMARY
from analysis.study.results import analyse
from experiments.contenders import table, times
from tests.analysis.fabricate import evaluations, guided_order, landscape, write_reference, write_run

TASKS = ("k-8x8-bf16__h100", "l-16x16-bf16__h100")
TARGET = 0.05


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two strategies on two tasks with six seeds; the second strategy misses more often and ends early."""
    folder = tmp_path / "runs"
    for number, task in enumerate(TASKS):
        recorded = landscape(300, seed=number)
        for name, strength, evaluated in (("good", 2.0, 60), ("poor", 0.2, 40)):
            for seed in range(6):
                order = guided_order(strength)(np.random.default_rng([number, seed, evaluated]), recorded)
                write_run(folder, task, name, seed, evaluations(recorded, order[:evaluated]), budget=60)
        write_reference(folder, task, recorded)
    return folder


def rows(found: pd.DataFrame) -> pd.DataFrame:
    """The numbers of tasks that the table of the page uses, in one order."""
    single = found[found["task"].isin(TASKS) & np.isclose(found["target"], TARGET)]
    names = ["task", "strategy", "axis", "hits", "runs", "ert", "bound", "speedup", "speedup_low", "speedup_high"]
    return single[[*names, "unreachable_above"]].sort_values(["task", "strategy", "axis"], ignore_index=True)


def test_kept_times_give_the_speedups_of_the_runs(results: Path, tmp_path: Path) -> None:
    assert times.main([str(results), "-o", str(tmp_path / "times.csv.gz")]) == 0
    kept = times.read_times(tmp_path / "times.csv.gz")
    study = load_study([results])
    whole, again = rows(analyse(study, []).speedups), rows(times.speedups_of(study, kept, [PRIMARY], TARGET))
    assert len(whole) == 8 and 0 < whole["hits"].min() < whole["runs"].min() == 6
    pd.testing.assert_frame_equal(again, whole, rtol=1e-3)  # seconds are kept with four digits
    exact = ["hits", "runs", "ert"]
    in_evaluations = whole["axis"] == "evaluations"
    assert again.loc[in_evaluations, exact].equals(whole.loc[in_evaluations, exact])


def test_a_table_beside_a_folder_adds_its_strategies(results: Path, tmp_path: Path) -> None:
    assert times.main([str(results), "--strategies", "poor", "-o", str(tmp_path / "poor.csv.gz")]) == 0
    both = table.speedups([results])
    for run in results.glob("*/poor"):
        run.rename(tmp_path / run.parent.name)
    apart = table.speedups([results, tmp_path / "poor.csv.gz"])
    columns, order = ["task", "strategy", "baseline", "hits", "runs", "speedup", "expected"], ["strategy", "baseline"]
    one, other = (each[columns].sort_values([*order, "task"], ignore_index=True) for each in (both, apart))
    assert len(both) and set(both["strategy"]) == {"good", "poor"}
    pd.testing.assert_frame_equal(one, other, check_dtype=False)
    with pytest.raises(AnalysisError, match="good: in a table and in a folder"):
        times.main([str(results), "-o", str(tmp_path / "good.csv.gz")])
        table.speedups([results, tmp_path / "good.csv.gz"])


def test_folders_may_give_their_recorded_tables_alone(results: Path, tmp_path: Path) -> None:
    assert times.main([str(results), "--strategies", "poor", "-o", str(tmp_path / "poor.csv.gz")]) == 0
    columns = ["task", "strategy", "baseline", "hits", "runs", "speedup", "expected"]
    alone = table.speedups([results, tmp_path / "poor.csv.gz"], kept_alone=True)[columns]
    whole = table.speedups([results])[columns].query("strategy == 'poor'")
    one, other = (each.sort_values(["baseline", "task"], ignore_index=True) for each in (alone, whole))
    assert len(one) and set(one["strategy"]) == {"poor"}
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_seeds_that_lack_a_task_are_left_out_and_said(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (results / TASKS[0] / "poor" / "seed-5").iterdir():
        file.unlink()
    assert times.main([str(results), "-o", str(tmp_path / "times.csv.gz")]) == 0
    kept = times.long(times.read_times(tmp_path / "times.csv.gz"))
    of = kept.groupby(["strategy", "task"])["seed"].nunique()
    assert of.to_dict() == {(name, task): n for name, n in (("good", 6), ("poor", 5)) for task in TASKS}
    assert "poor: 1 seeds left out" in capsys.readouterr().err


def test_what_cannot_be_kept_or_read_is_refused_in_a_line(results: Path, tmp_path: Path) -> None:
    pd.DataFrame({"task": ["a"], "strategy": ["b"]}).to_csv(tmp_path / "other.csv.gz", index=False)
    (tmp_path / "plain.csv.gz").write_text("task,strategy\na,b\n")
    with pytest.raises(AnalysisError, match=r"plain\.csv\.gz: cannot be read: Not a gzipped file"):
        times.read_times(tmp_path / "plain.csv.gz")
    with pytest.raises(AnalysisError, match="no column axis: expected a file of"):
        times.read_times(tmp_path / "other.csv.gz")
    with pytest.raises(AnalysisError, match=r"nowhere\.csv\.gz: cannot be read"):
        times.read_times(tmp_path / "nowhere.csv.gz")
    kept = times.times_of(load_study([results])).table
    for column, value in (("budget", "many"), ("3", "<60")):
        kept.assign(**{column: value}).to_csv(tmp_path / "wrong.csv.gz", index=False)
        with pytest.raises(AnalysisError, match=rf"wrong\.csv\.gz: .*{value}.*: expected numbers, or >SPENT"):
            times.read_times(tmp_path / "wrong.csv.gz")
    with pytest.raises(AnalysisError, match="good: in several of the results"):
        times.joined([kept, kept])
    elsewhere = kept.assign(task="m-8x8-bf16__h100")
    with pytest.raises(AnalysisError, match="m-8x8-bf16__h100: not in the folder of runs"):
        times.speedups_of(load_study([results]), elsewhere, [PRIMARY], TARGET)
    for config in results.glob("*/good/*/" + contract.CONFIG):
        config.write_text(config.read_text().replace("streams: 2", "streams: 1"))
    with pytest.raises(AnalysisError, match="random streams of version 1"):
        times.times_of(load_study([results]))
