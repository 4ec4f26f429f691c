"""Recording on a fake device: complete, resumable, re-timed; nothing is lost or measured twice."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

import harness.record.phases as record_phases
import harness.record.recorder as record_module
import harness.record.search as record_search
import harness.record.tasks as recording_module
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.landscape import read_landscape
from harness.measure.activity import Activity
from harness.measure.device import AccelDevice
from harness.measure.work import SessionOptions
from harness.record.facts import LOG_SUFFIX, Recording, RecordOptions
from harness.record.log import RecordLog
from harness.record.progress import RecordingProgress
from harness.record.recorder import draw_order, record
from harness.record.retime import Retiming
from harness.record.tasks import RecordRequest
from harness.testing.spaces import huge
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.measure.fakes import FAKE, SECOND, SLOWER, FakeKernel, fake_work, lines_of, space
from tests.harness.measure.killed import check_resumed, kill_while_recording, results_of_torn

OPTIONS = SessionOptions(compile_workers=2, compile_timeout_s=60.0, run_timeout_s=60.0)
FAULTS = ("compile_error", "run_poison", "wrong_result")


def make(  # type: ignore[no-untyped-def]
    folder: Path,
    out: Path,
    sizes: int = 8,
    work: dict[str, float] | None = None,
    beside: tuple[AccelDevice, ...] = (),
    **options: object,
):
    recording = Recording(
        task="fake-1-fp32",
        kernel=FakeKernel(str(folder)),
        space=space(sizes, FAULTS),
        out=out,
        device=FAKE,
        beside=beside,
        options=RecordOptions(OPTIONS, **options),
        command="test",
    )
    return record(recording, work=fake_work(folder, **(work or {})))


@pytest.fixture
def work_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let deadlines count configurations that began to compile instead of seconds."""
    clock = SimpleNamespace(monotonic=lambda: lines_of(tmp_path, "compiled"))
    monkeypatch.setattr(record_module, "time", clock)
    monkeypatch.setattr(record_phases, "time", clock)
    monkeypatch.setattr(record_search, "time", clock)


def ran(folder: Path, name: str = "ran") -> list[str]:
    file = folder / name
    return [line.split(" ", 1)[1] for line in file.read_text().splitlines()] if file.exists() else []


def test_whole_space_with_metadata(tmp_path: Path) -> None:
    out = tmp_path / "fake-1-fp32__f100.parquet"
    progress = make(tmp_path, out)
    assert progress.landscape == out and (progress.done, progress.total) == (32, 32)
    landscape = read_landscape(out)
    assert landscape.exhaustive and len(landscape.codes) == 32
    ok = np.array([status is Status.OK for status in landscape.status])
    assert ok.sum() == 8
    sizes = np.array([landscape.space.decode(row)["size"] for row in landscape.codes])[ok]
    assert landscape.latency_ms[ok] == pytest.approx(0.01 * sizes)
    assert landscape.oracle_ms[ok] == pytest.approx(0.009 * sizes)  # re-timed or rescaled: one scale
    metadata = landscape.metadata
    assert metadata["vendor"] == {"name": "fakelib", "latency_ms": pytest.approx(0.0135)}
    assert metadata["versions"]["fake"] == "1"
    assert metadata["roofline"]["peak_flops"] == 1e12
    assert metadata["summary"]["statuses"] == {"ok": 8, "compile_error": 8, "runtime_error": 8, "wrong_result": 8}
    assert "configurations/s" in progress.report()


def test_what_all_failed_is_said_as_that(tmp_path: Path) -> None:
    recording = Recording(
        task="fake-1-fp32",
        kernel=FakeKernel(str(tmp_path)),
        space=SearchSpace(
            [Ordinal("size", (1, 2, 4)), Categorical("fault", ("compile_error", "wrong_result"))],
            ["size < 4 or fault == 'wrong_result'"],
        ),
        out=tmp_path / "fake-1-fp32__f100.parquet",
        device=FAKE,
        options=RecordOptions(OPTIONS),
        command="test",
    )
    progress = record(recording, work=fake_work(tmp_path))
    said = "no configuration of this task succeeded (of 5 tried; most often, 3 times: wrong_result"
    assert said in progress.report()
    assert progress.landscape == recording.out and len(read_landscape(recording.out).codes) == 5
    assert progress.none_succeeded and "3 wrong_result (most often, 3 times: " in progress.report()
    other = make(tmp_path, tmp_path / "a__f100.parquet")
    assert not other.none_succeeded and (other.succeeded, sum(other.failures.values())) == (8, 24)
    assert "\n24 of 32 evaluations failed: 8 compile_error (most often, " in other.report()


@pytest.mark.slow
def test_inputs_are_fresh_in_each_recording_and_kept_in_its_sessions(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    make(tmp_path, out, deadline_s=0.0)
    make(tmp_path, out)
    make(tmp_path, tmp_path / "b__f100.parquet")
    first, second, other = ran(tmp_path, "input-seeds")
    assert first == second != other
    assert str(read_landscape(out).metadata["timing"]["input_seed"]) in first


def test_limit_is_a_uniform_sample(tmp_path: Path) -> None:
    make(tmp_path, tmp_path / "a__f100.parquet", limit=10)
    landscape = read_landscape(tmp_path / "a__f100.parquet")
    assert len(landscape.codes) == 10
    assert landscape.metadata["coverage"]["kind"] == "sample"
    assert "10 of 32" in landscape.metadata["coverage"]["drawn"]


def search(strategy: str, evaluations: int) -> RunConfig:
    return Composer().compose([f"strategy={strategy}", f"budget.evaluations={evaluations}", "batch=3"])


def test_searches_go_beyond_the_sample_and_only_set_the_optimum(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    searches = (search("local_search", 12), search("random", 8))
    progress = make(tmp_path, out, limit=10, searches=searches)
    landscape = read_landscape(out)
    assert landscape.searchable.sum() == 10 == progress.done
    assert 0 < progress.searched <= 20 and len(landscape.codes) == 10 + progress.searched
    assert f"{progress.searched} more by searches" in progress.report()
    assert len(ran(tmp_path, "compiled")) == len(landscape.codes)  # what the sample held was not measured again
    assert [s["strategy"] for s in landscape.metadata["searches"]] == ["local_search", "random"]
    assert landscape.space.size == 10


@pytest.mark.usefixtures("work_clock")
def test_interrupted_search_goes_on_and_measures_nothing_twice(tmp_path: Path) -> None:
    out, searches = tmp_path / "a__f100.parquet", (search("random", 24),)
    stops = 0
    while (progress := make(tmp_path, out, limit=2, searches=searches, deadline_s=8)).landscape is None:
        stops += 1
        assert stops < 3
    assert stops == 2, "batches of 3 begin until more than 8 have been compiled"
    assert len(ran(tmp_path)) == len(set(ran(tmp_path)))
    whole = tmp_path / "whole"
    whole.mkdir()
    make(whole, whole / "a__f100.parquet", limit=2, searches=searches)
    assert sorted(ran(tmp_path)) == sorted(ran(whole))  # the same seed asks for the same
    assert progress.searched == len(read_landscape(out).codes) - 2


def test_searches_that_differ_are_another_recording(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    make(tmp_path, out, limit=2, deadline_s=0.0)
    with pytest.raises(UserError, match="searches="):
        make(tmp_path, out, limit=2, searches=(search("random", 3),))


def test_aliases_and_the_device_are_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    progress = make(tmp_path, out, work={"aliases": 4})
    table = pq.read_table(out).to_pandas()
    ok = table[table["status"] == "ok"]
    assert progress.activity.aliases == 4 * 3  # none, run_poison and wrong_result compile
    assert ok["binary"].nunique() == 4 and (ok.groupby("binary").size() == 2).all()
    assert (ok.groupby("binary")["alias"].sum() == 1).all()
    assert (ok.groupby("binary")["benchmark_s"].nunique() == 1).all()  # an alias is charged like the first
    assert table.loc[table["status"] == "compile_error", "binary"].isna().all()
    assert set(ok["sm_clock_mhz"]) <= set(range(1972, 1980)) and set(ok["temperature_c"]) == {40}
    assert "sw_power_cap at 8" in progress.report()


def test_summary_states_limits_and_where_the_time_went(tmp_path: Path) -> None:
    progress = make(tmp_path, tmp_path / "a__f100.parquet", work={"compile_s": 0.05, "run_s": 0.01})
    activity = progress.activity
    assert activity.compile_workers == 2
    # 24 configurations take 0.05 s at least on one of two workers, 8 fail at once; no worker is busy twice at a time
    assert 24 * 0.05 <= activity.compile_busy_s <= 2 * activity.wall_s
    assert activity.finished == 32 and activity.compile_limit == 32 * 2 / activity.compile_busy_s
    assert 0 < activity.rate <= activity.compile_limit < activity.device_limit
    assert activity.verify_s == pytest.approx(8 * 0.001) and activity.benchmark_s == pytest.approx(8 * 0.002)
    assert activity.idle_s >= activity.handoff_s >= 0
    report = progress.report()
    assert "limits: compile-bound" in report and "of the lower" in report and "handing over" in report


def test_tasks_of_one_command_share_a_compile_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caches: list[Path] = []

    def fake_record(recording: Recording, *, cache: Path) -> RecordingProgress:
        caches.append(cache)
        log = landscape = tmp_path / recording.task
        return RecordingProgress(
            log=log, landscape=landscape, done=1, total=1, activity=Activity(), wall_s=0.0, retime_s=0.0
        )

    monkeypatch.setattr(recording_module, "record", fake_record)
    monkeypatch.setattr(recording_module, "find_device", lambda: FAKE)
    monkeypatch.setattr(recording_module, "find_devices", lambda: [FAKE])
    (tmp_path / "softmax-4096x2560-bf16__f100.parquet").touch()
    tasks = "matmul-2048x2048x2048-bf16,softmax-4096x2560-bf16,layernorm-8192x4096-bf16"
    configs = Composer().expand(["backend=live", f"task={tasks}"]).runs
    done = list(recording_module.record_tasks(configs, RecordRequest(out=tmp_path)))
    assert [r.log.name for r in done] == ["matmul-2048x2048x2048-bf16", "layernorm-8192x4096-bf16"]
    assert caches[0] == caches[1] and not caches[0].parent.exists()
    with pytest.raises(UserError, match=r"one\.parquet: expected a folder"):
        list(recording_module.record_tasks(configs, RecordRequest(out=tmp_path / "one.parquet")))
    with pytest.raises(UserError, match=r"--search: needs --limit"):
        RecordRequest(searches=(search("random", 3),))


def test_two_gpus_share_the_work_and_are_compared(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    retiming = Retiming(factor=1.0, anchors=20)
    progress = make(tmp_path, out, 40, {"in_step": 31}, beside=(SECOND,), retiming=retiming)
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == 120  # each configuration once, on one of them
    shares = [ran(tmp_path, f"ran-on-{device.uuid}") for device in (FAKE, SECOND)]
    assert min(map(len, shares)) > 30 and sum(map(len, shares)) == 120
    for device, own in zip((FAKE, SECOND), shares, strict=True):
        assert all(device.uuid in line for line in own)  # CUDA shows each process its own device alone
    table = pq.read_table(out).to_pandas().query("status == 'ok'")
    assert set(table["gpu"]) == {0, 1}
    first = read_landscape(out).metadata["summary"]["gpus"].index(FAKE.uuid)
    slower = np.where(table["gpu"] == first, 1.0, SLOWER)
    assert table["latency_ms"].to_numpy() == pytest.approx(0.01 * table["config.size"] * slower)
    assert table["oracle_ms"].to_numpy() == pytest.approx(0.009 * table["config.size"])  # all on the first one's scale
    agreement = progress.consistency[SECOND.uuid]
    assert agreement.configurations == 21 and agreement.rank_correlation == pytest.approx(1.0)
    assert agreement.median_ratio == pytest.approx(SLOWER) and agreement.p95_difference == pytest.approx(SLOWER - 1)
    assert "2 GPU processes busy" in progress.report() and "median ratio 1.0200" in progress.report()
    again = make(tmp_path, out, 40, retiming=retiming)  # what the log says is enough
    assert again.consistency == progress.consistency


def test_one_of_two_gpus_is_lost_in_every_other_job(tmp_path: Path) -> None:
    progress = make(tmp_path, tmp_path / "a__f100.parquet", 10, beside=(SECOND,))
    assert progress.done == 40  # run_poison replaces the process of either
    assert progress.activity.finished == 40


@pytest.mark.usefixtures("work_clock")
def test_deadline_stops_and_the_same_call_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    first = make(tmp_path, out, deadline_s=-1)
    assert first.landscape is None and not out.exists() and "run the same command again" in first.report()
    calls = 0
    while (progress := make(tmp_path, out, deadline_s=9)).landscape is None:
        calls += 1
        assert 0 < progress.done < 32
    assert calls in (2, 3), "no configuration is begun once more than 9 have been; a few were on their way"
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == 24  # compile errors never run
    assert progress.done == 32 and len(read_landscape(out).codes) == 32
    again = make(tmp_path, out)  # the recording is complete, so no process starts
    assert again.landscape == out
    assert len(ran(tmp_path)) == 24


KILLED = """
import sys
from pathlib import Path
from tests.harness.record.test_record import make
make(Path(sys.argv[1]), Path(sys.argv[2]), 40, {"runs": 30})
"""


@pytest.mark.slow
def test_parent_killed_and_resumed(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    log = Path(f"{out}{LOG_SUFFIX}")
    kill_while_recording(KILLED, [str(tmp_path), str(out)], log, after=20)
    kept = results_of_torn(log)
    assert 20 <= len(kept) < 160
    progress = make(tmp_path, out, 40)
    assert progress.done == 160 and len(read_landscape(out).codes) == 160
    check_resumed(log, kept, 160)


def test_another_recording_under_the_same_name_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "a__f100.parquet"
    make(tmp_path, out, deadline_s=0.0)
    before = Path(f"{out}{LOG_SUFFIX}").read_bytes()
    with pytest.raises(UserError, match=r"space_hash=.*: this recording has"):
        make(tmp_path, out, sizes=9)
    assert Path(f"{out}{LOG_SUFFIX}").read_bytes() == before
    Path(f"{out}{LOG_SUFFIX}").write_text("not a log\n")
    with pytest.raises(UserError, match="line 1: expected a recording's log"):
        make(tmp_path, out)


def test_log_rejects_nothing_it_wrote_itself(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with RecordLog(path, {"a": (1, 2)}, {"task": "t"}) as log:
        log.session({"uuid": "x"})
    with RecordLog(path, {"a": (1, 2)}, {"task": "t"}) as log:
        assert log.content.sessions == [{"uuid": "x"}]


def test_retiming_chooses_the_best_and_spread_anchors() -> None:
    latency = {f"k{i}": 1.0 + 0.01 * i for i in range(1000)}
    chosen = Retiming(limit=20, anchors=5).choose(latency)
    assert chosen[:20] == [f"k{i}" for i in range(20)]
    assert chosen[20:] == ["k20", "k265", "k510", "k754", "k999"]
    assert Retiming().choose({}) == []
    assert Retiming().choose({"only": 2.0}) == ["only"]
    assert len(Retiming().choose({f"k{i}": 1.0 for i in range(600)})) == 520


def test_a_space_too_large_to_list_is_sampled_without_repeats() -> None:
    space = huge()
    drawn = draw_order(space, np.random.default_rng(0), 500)
    assert len(drawn) == len(np.unique(drawn, axis=0)) == 500
    assert space.feasible(drawn).all()
    assert np.array_equal(drawn, draw_order(space, np.random.default_rng(0), 500))
    with pytest.raises(UserError, match="--limit"):
        draw_order(space, np.random.default_rng(0), None)


def test_a_listed_space_is_shuffled_and_cut() -> None:
    listed = space(8, FAULTS)
    everything = draw_order(listed, np.random.default_rng(0), None)
    assert len(everything) == listed.size
    assert np.array_equal(everything[:5], draw_order(listed, np.random.default_rng(0), 5))
