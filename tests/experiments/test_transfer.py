"""The transfer study: its cells, its misleading sources, and what is made of its runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.transfer import coherence, figures, matrix, misleading, recordings, study, table
from experiments.transfer.replays import MOMENTS, Way, outcomes
from harness.config.compose import Composer
from harness.landscapes.facts import read_facts
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape
from harness.landscapes.siblings import is_itself
from tests.harness.toy import write_toy

TASK = "softmax-4096x2560-bf16__h100"


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_every_target_has_all_groups_and_no_source_is_itself(every: int) -> None:
    names = [path.stem for path in study.targets()]
    assert len(names) >= 25 and not any("helion" in name or "wide" in name for name in names)
    assert study.development() == names[::2]
    found = list(study.cells(["cold", "shape", "device", "sizes", "shapes"], ["*"], study.targets()[::every]))
    assert {cell.task for cell in found if cell.group == "shape"} == set(names[::every])
    assert len({(cell.group, cell.task, cell.way.name) for cell in found}) == len(found)
    shapes = {path.stem: read_facts(path).shape for path in study.targets()}
    for cell in found:
        if cell.group in ("cold", "device"):
            assert cell.way.source == {"cold": "null", "device": "sibling_device"}[cell.group]
            continue
        for source in cell.way.source.strip("[]").split(","):
            assert read_facts(Path(source)).shape != shapes[cell.task]


@pytest.mark.slow
def test_sources_of_other_shapes_are_those_that_a_run_finds_among_the_registered_recordings() -> None:
    composer, task = Composer(), find_landscape("softmax-512x65536-bf16", "h100")
    for group, word in (("shape", "sibling_shape"), ("shapes", "sibling_shapes")):
        first = study.ways(group, task)[0]
        (mine,), (found,) = (
            list(outcomes(task.stem, Way("b", ("strategy=source_best",), source), [2000], composer))
            for source in (first.source, word)
        )
        later = [name for name in found.source.split("+") if name.partition("__")[0] in recordings.LATER]
        assert mine.source == "+".join(name for name in found.source.split("+") if name not in later)
        assert (mine.hit, mine.slowdowns) == (found.hit, found.slowdowns) or later


def paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A library of four recordings: two dtypes of one shape on one device, and each elsewhere or of another shape."""
    of = {
        "softmax-8x8-bf16__toy": ({"n": 8}, "bf16", "Toy"), "softmax-8x8-fp16__toy": ({"n": 8}, "fp16", "Toy"),
        "softmax-8x8-fp16__other": ({"n": 8}, "fp16", "Other"), "softmax-9x9-fp16__toy": ({"n": 9}, "fp16", "Toy"),
    }  # fmt: skip
    files = [
        write_toy(tmp_path, name, 0, task=name.partition("__")[0], kernel="softmax", shape=shape, dtype=dtype,
                  device={"name": device, "slug": device.lower()})
        for name, (shape, dtype, device) in of.items()
    ]  # fmt: skip
    monkeypatch.setattr(recordings, "recorded_landscapes", lambda: files)
    return files


def test_pairs_of_dtypes_differ_in_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bf16, fp16, *_ = paired(tmp_path, monkeypatch)
    assert recordings.dtype_pairs() == [(fp16, bf16), (bf16, fp16)]
    assert [way.source for way in study.ways("dtype", bf16)] == ["sibling_dtype"] * 3
    found = matrix._pair(fp16, bf16)
    assert found["kind"] == "dtype" and found["best"] == 1.0, "the same latencies"
    said = matrix.told(pd.DataFrame([found, matrix._pair(bf16, fp16)]))
    assert said == [
        "to another dtype: 2 of 2 pairs within 5% with the source's best, 2 with three",
        "softmax-8x8-fp16 to bf16: 1.00 times the optimum with the source's best, 1.00 with three",
        "softmax-8x8-bf16 to fp16: 1.00 times the optimum with the source's best, 1.00 with three",
    ]
    assert figures.matrix(pd.DataFrame([found, {**found, "kind": "device"}])).axes[0].images[0].get_array().shape == (
        2,
        2,
    )


def test_tasks_recorded_later_are_no_part_of_the_registered_study(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = paired(tmp_path, monkeypatch)
    monkeypatch.setattr(recordings, "LATER", ("softmax-8x8-fp16",))
    assert recordings.registered() == [files[0], files[3]]
    assert recordings.targets() == [files[0], files[3]] and len(recordings.dtype_pairs()) == 2


def test_the_group_of_dtypes_needs_its_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        study.main(["3200:3220", "--groups", "dtype", "-o", "no.csv"])
    assert "expected --tasks dtype as well" in capsys.readouterr().err


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
    dtypes = table.runs_of(Path(table.__file__).with_name("runs-dtype.csv"))
    claims = table.hypothesis(Path(table.__file__).with_name("dtype.yaml"))
    told = [*table.verdicts(runs), table.told_apart(runs, study.development()), *matrix.told(pairs)]
    told += table.verdicts(dtypes, claims)
    assert [line for line in told if f"\n* {line}\n" not in PAGE] == []
    parts = [table.summary(runs), table.summary(dtypes).query("group == 'dtype'")]
    computed = pd.concat(parts).set_index(["group", "kernel", "way"])
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
    assert found["fits"] == 1.0 and found["distance"] == 0.0 and not found["same_device"] and found["kind"] == "device"
    assert 1.0 <= found["best_of_3"] <= found["best"] < 1.05


def test_figures_show_each_kernel_and_each_pair(tmp_path: Path) -> None:
    rows = [("cold", TASK, "conditional_gp", "10 30"), ("shape", TASK, "transfer_gp", "2 4")]
    (panel,) = figures.quality(table.runs_of(written(tmp_path, rows))).axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in panel.get_lines()}
    assert panel.get_title() == "softmax" and lines["transfer_gp"].tolist() == [1.5] * len(MOMENTS)
    exact = lines["exact random search"]
    assert np.all(np.diff(exact) <= 0) and exact[-1] > 1.0
    names = {"source": ["k-1__x", "k-2__x"], "target": ["k-2__x", "k-1__x"], "kind": ["shape", "shape"]}
    pairs = pd.DataFrame({**names, "fits": [0.5, 0.0], "best_of_3": [1.25, np.inf]})
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
