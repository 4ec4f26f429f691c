"""Live runs are timed again in one batch and judged by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analysis.runs.load import load_study
from analysis.study.incumbents import optima
from harness.backends.live import LiveBackend
from harness.config.schema import RunConfig, SweepOptions
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.measure.work import SessionOptions
from harness.record import retime as retime_module
from harness.record.retime import Retiming
from harness.record.retime_study import live_evaluations, retime_task
from harness.run.execute import execute
from harness.strategies.base import Budget
from tests.harness.measure.fakes import FAKE, SECOND, SLOWER, FakeKernel, fake_work, space

TASK = "fake-1-fp32__f100"
OPTIONS = SessionOptions(compile_workers=2, compile_timeout_s=5, run_timeout_s=5)
SPACE = space(30, ("compile_error", "run_error"))


def open_fake(task: TaskSpec | None, seed: np.random.SeedSequence, folder: str, second: bool = False) -> LiveBackend:
    del task, seed
    work, device = fake_work(Path(folder)), SECOND if second else FAKE
    return LiveBackend("fake-1-fp32", FakeKernel(folder), SPACE, device, OPTIONS, work=work)


def live_run(folder: Path, seed: int, second: bool = False) -> None:
    backend = {"_target_": f"{__name__}.open_fake", "folder": str(folder), "second": second}
    strategy = {"_target_": "harness.strategies.random.RandomSearch"}
    execute(RunConfig(None, "random", strategy, backend, Budget(24), seed, 4), SweepOptions(folder / "results"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    live_run(tmp_path, 0)
    live_run(tmp_path, 1, second=True)  # on a card that is slower
    return tmp_path


def again(folder: Path, retiming: Retiming) -> None:
    kernel, rng = FakeKernel(str(folder)), np.random.default_rng(0)
    retime_task(folder / "results" / TASK, kernel, SPACE, FAKE, OPTIONS, retiming, rng, fake_work(folder))


def test_runs_are_judged_by_one_batch(runs: Path) -> None:
    before = load_study([runs / "results"])
    again(runs, Retiming(factor=3.0, anchors=12, rounds=2))
    after = load_study([runs / "results"])
    ok = after.evaluations["ok"]
    assert ok.sum() > 8 and before.evaluations["latency_ms"].equals(after.evaluations["latency_ms"])
    sizes = pq.read_table(runs / "results" / TASK / "retimed.parquet").to_pandas()
    expected = 0.009 * sizes["key"].astype(str).map(lambda key: json.loads(key)["size"])
    assert sizes["oracle_ms"].to_numpy() == pytest.approx(expected.to_numpy())  # both cards on the batch's scale
    assert sorted(after.evaluations.loc[ok, "oracle_ms"]) == pytest.approx(sorted(expected))
    own = before.evaluations.loc[ok, "oracle_ms"] / after.evaluations.loc[ok, "oracle_ms"]
    assert set(np.round(own, 6)) == {round(0.01 / 0.009, 6), round(0.01 * SLOWER / 0.009, 6)}
    assert optima(after).t_star_ms[TASK] == pytest.approx(expected.min())


def test_finalists_of_each_run_and_the_vendor_are_in_the_batch(runs: Path) -> None:
    kernel, rng = FakeKernel(str(runs)), np.random.default_rng(0)
    where = (runs / "results" / TASK, kernel, SPACE, FAKE, OPTIONS, Retiming(limit=1, anchors=0, rounds=1), rng)
    retime_task(*where, fake_work(runs), finalists=3)
    table = pq.read_table(runs / "results" / TASK / "retimed.parquet")
    timed = [(row["seed"], row["key"]) for row in table.to_pylist() if row["samples_ms"]]
    of_seed = {seed: {key for of, key in timed if of == seed} for seed in (0, 1)}
    every = sorted(live_evaluations(runs / "results" / TASK, SPACE), key=lambda one: one.latency_ms)
    for seed, keys in of_seed.items():
        assert {one.key for one in [one for one in every if one.seed == seed][:3]} <= keys
    assert 3 <= len({key for _, key in timed}) <= 6
    document = json.loads(table.schema.metadata[b"nearopt"])
    assert document["vendor"] == {"name": "fakelib", "latency_ms": pytest.approx(0.0135)}


def test_configurations_that_fail_now_are_counted(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_all = retime_module._compile
    monkeypatch.setattr(retime_module, "_compile", lambda *given: dict(list(compile_all(*given).items())[2:]))
    kernel, rng = FakeKernel(str(runs)), np.random.default_rng(0)
    folder = runs / "results" / TASK
    done = retime_task(folder, kernel, SPACE, FAKE, OPTIONS, Retiming(rounds=1), rng, fake_work(runs))
    chosen = Retiming().choose({one.key: one.latency_ms for one in live_evaluations(folder, SPACE)})
    assert (done.failed, done.configurations) == (2, len(chosen) - 2)
    table = pq.read_table(folder / "retimed.parquet")
    assert json.loads(table.schema.metadata[b"nearopt"])["failed"] == 2
    assert len({row["key"] for row in table.to_pylist() if row["samples_ms"]}) == done.configurations


def test_nothing_is_written_if_everything_fails_now(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retime_module, "_compile", lambda *_: {})
    with pytest.raises(UserError, match=r"all \d+ configurations fail now.*nothing was written"):
        again(runs, Retiming(rounds=1))
    assert not (runs / "results" / TASK / "retimed.parquet").exists()


def test_a_run_that_came_later_asks_for_another_re_timing(runs: Path) -> None:
    again(runs, Retiming(rounds=1))
    live_run(runs, 2)
    with pytest.raises(Exception, match="no row of random seed 2: run nearopt retime again"):
        load_study([runs / "results"])
    again(runs, Retiming(rounds=1))
    assert len(load_study([runs / "results"]).runs) == 3


def truncated(run: Path) -> None:
    data = (run / "evaluations.parquet").read_bytes()
    (run / "evaluations.parquet").write_bytes(data[: len(data) // 2])


def another_latency(run: Path) -> None:
    """Write a readable file with latencies that were not measured."""
    table = pq.read_table(run / "evaluations.parquet")
    column = table.column_names.index("latency_ms")
    half = pc.multiply(table.column(column), 0.5)
    pq.write_table(table.set_column(column, "latency_ms", half), run / "evaluations.parquet")


def a_file_for_it(run: Path) -> None:
    run.rename(run.parents[3] / "away")
    run.write_text("")


@pytest.mark.parametrize("damage", [truncated, another_latency, a_file_for_it])
def test_damaged_runs_are_named_and_nothing_is_timed(runs: Path, damage: Callable[[Path], None]) -> None:
    run = runs / "results" / TASK / "random/seed-1"
    damage(run)
    with pytest.raises(UserError, match=rf"^{run}: damaged: .*: run its sweep again, or move it away"):
        again(runs, Retiming(rounds=1))
    assert not (runs / "results" / TASK / "retimed.parquet").exists()


def test_runs_that_are_not_done_are_counted(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in ((3, "FAILED"), (4, "evaluations.jsonl")):
        run = runs / "results" / TASK / f"random/seed-{seed}"
        run.mkdir()
        (run / name).write_text('{"message": "x", "final": true, "trace": ""}' if name == "FAILED" else "")
    assert {one.seed for one in live_evaluations(runs / "results" / TASK, SPACE)} == {0, 1}
    assert "1 of 4 runs failed, 1 of 4 runs interrupted: not re-timed" in capsys.readouterr().err


def test_no_live_run_and_another_space_are_refused(runs: Path) -> None:
    with pytest.raises(UserError, match="no finished live run"):
        live_evaluations(runs / "results" / "nothing", SPACE)
    with pytest.raises(UserError, match=r"config\.size=.*expected one of the space's values"):
        live_evaluations(runs / "results" / TASK, space(2, ("compile_error", "run_error")))
