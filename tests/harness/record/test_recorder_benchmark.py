"""The benchmark of the recorder against a plain loop: its arithmetic, time limit and command, on fakes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import torch

import harness.backends.task
import harness.record.recorder
from experiments.recorder_benchmark import against_plain_loop
from experiments.recorder_benchmark.against_plain_loop import Plain, compare, main, plain_results, plain_side
from experiments.recorder_benchmark.comparison import Side, agreement, counted
from experiments.recorder_benchmark.plain_loop import Configuration, Order, Steps, jit_steps, plain_loop, time_limit
from harness.errors import UserError
from tests.harness.measure.devices import has_device
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, space
from tests.kernels.bf16_dot import mend_bf16_dot

without_device = pytest.mark.skipif(has_device(), reason="there is an NVIDIA device")


def fake_steps() -> Steps:
    def run(configuration: Configuration) -> Configuration:
        fault = configuration["fault"]
        if fault == "slow":
            time.sleep(30)
        if fault == "raises":
            raise ValueError("the compiler gave up")
        if fault == "wraps":  # as Triton does with what goes wrong while it reads a kernel
            try:
                time.sleep(30)
            except Exception as error:
                raise RuntimeError("while compiling") from error
        return configuration

    def bench(configuration: Configuration) -> float:
        if configuration["fault"] == "bench":
            raise MemoryError
        return float(configuration["size"])

    def error(outputs: Configuration) -> float:
        return {"wrong": 1.0, "nan": float("nan")}.get(outputs["fault"], 0.0)

    return Steps(run, error, bench, tolerance=0.1)


@pytest.mark.slow
def test_the_loop_survives_every_fault() -> None:
    faults = ("none", "slow", "raises", "wraps", "wrong", "nan", "bench", "none")
    configurations = [{"fault": fault, "size": size} for size, fault in enumerate(faults)]
    start = time.monotonic()
    outcomes = list(plain_loop(configurations, fake_steps(), 1.0, None))
    elapsed_s = time.monotonic() - start
    assert [outcome.status for outcome in outcomes] == [
        "ok", "compile_timeout", "ValueError", "compile_timeout", "wrong_result", "wrong_result", "MemoryError", "ok",
    ]  # fmt: skip
    assert [outcome.latency_ms for outcome in outcomes if outcome.status == "ok"] == [0.0, 7.0]
    assert [outcome.index for outcome in outcomes] == list(range(8))
    assert 2 * 1.0 <= outcomes[-1].at_s <= elapsed_s, "two were waited for"


def test_the_time_limit_ends_with_its_body() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(600.0):
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 600.0
        assert signal.getsignal(signal.SIGALRM) is not before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0), "an alarm left behind would end the process"
    assert signal.getsignal(signal.SIGALRM) is before


def test_the_loop_stops_after_its_limit() -> None:
    ticks: Iterator[int] = count()
    configurations = [{"fault": "none", "size": 1}] * 100
    outcomes = list(plain_loop(configurations, fake_steps(), 1.0, 9.0, clock=lambda: float(next(ticks))))
    assert len(outcomes) == 5  # two looks at the clock each
    assert outcomes[-1].at_s == 10.0


def test_rates_and_counts() -> None:
    side = Side(counted(["ok", "wrong_result", "ok", "ok"]), 2.0, 8.0)
    document = side.to_json()
    assert (document["finished"], document["failed"]) == (4, 1)
    assert (document["steady_per_s"], document["whole_per_s"]) == (2.0, 0.5)
    assert list(document["statuses"]) == ["ok", "wrong_result"]


def test_agreement() -> None:
    found = agreement([1.1, 2.2, 3.3, None, 5.0, None], [1.0, 2.0, 3.0, 4.0, None, None])
    assert (found.both, found.only_one) == (3, 2)
    assert found.rank_correlation == pytest.approx(1.0)
    assert found.median_relative_difference == pytest.approx(0.1)
    assert found.median_ratio == pytest.approx(1.1)
    assert agreement([3.0, 2.0, 1.0], [1.0, 2.0, 3.0]).rank_correlation == pytest.approx(-1.0)
    assert agreement([1.0, None], [1.0, 1.0]).rank_correlation is None


def test_results_of_a_process_that_died() -> None:
    lines = ['{"setup_s": 3.0}', '{"index": 0, "status": "ok", "latency_ms": 0.5, "at_s": 2.0}', '{"index": 1, "sta']
    plain = plain_results("\n".join(lines), "it died")
    assert plain.latencies_ms == [0.5] and plain.ended == "it died"
    assert (plain.side.steady_s, plain.side.whole_s) == (2.0, 5.0)
    with pytest.raises(UserError, match="measured nothing: it died"):
        plain_results(lines[0], "it died")


@pytest.fixture
def fake_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The recorder measures ``size`` hundredths of a ms in fake processes."""
    task = FakeKernel(str(tmp_path)), space(20, ("compile_error", "wrong_result"))
    monkeypatch.setattr(harness.backends.task, "find_device", lambda: FAKE)
    monkeypatch.setattr(harness.backends.task, "build_task", lambda *_: task)
    monkeypatch.setattr(
        harness.record.recorder, "record", partial(harness.record.recorder.record, work=fake_work(tmp_path))
    )


@pytest.mark.usefixtures("fake_device")
def test_both_sides_measure_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def loop(order: Order, _folder: Path) -> Plain:
        assert order.compile_timeout_s == 10.0 and order.limit_s == 60.0
        done = order.configurations[:20]  # of 30
        latencies = [0.02 * int(c["size"]) if c["fault"] == "none" else None for c in done]
        return Plain(latencies, Side(counted(["ok" if ms else "failed" for ms in latencies]), 40.0, 50.0), "")

    monkeypatch.setattr(against_plain_loop, "plain_side", loop)
    out = tmp_path / "result.json"
    assert main(["task=softmax", "-n", "30", "--plain-limit-s", "60", "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    recorder, plain = document["recorder"], document["plain_loop"]
    assert (recorder["finished"], plain["finished"]) == (30, 20)
    assert set(recorder["statuses"]) == {"ok", "compile_error", "wrong_result"}
    ratio = document["ratio"]
    assert ratio["steady"] == pytest.approx(recorder["steady_per_s"] / 0.5)
    assert ratio["whole"] == pytest.approx(recorder["whole_per_s"] / 0.4)
    assert ratio["whole_without_retiming"] > ratio["whole"]
    latencies = document["latencies"]
    assert latencies["both"] == plain["statuses"]["ok"] and latencies["only_one"] == 0
    assert latencies["rank_correlation"] == pytest.approx(1.0)
    assert latencies["median_ratio"] == pytest.approx(0.5)
    assert document["device"]["uuid"] == "GPU-fake"
    printed = capsys.readouterr().out
    assert "ratio: " in printed and "Fake F100" in printed


def test_the_jit_is_driven_as_the_harness_drives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the interpreter, everything but the timing works."""
    mend_bf16_dot(monkeypatch)
    shape = ["task=matmul", "task.kernel.m=70", "task.kernel.n=72", "task.kernel.k=80"]
    configuration = {
        "schedule": "split_k", "split_k": 2, "operand_load": "descriptor", "block_m": 64, "block_n": 64,
        "block_k": 32, "group_m": 1, "num_warps": 4, "num_stages": 2,
    }  # fmt: skip
    steps = jit_steps(Order(shape, [configuration], 10.0, None, 0), FAKE, torch.device("cpu"))
    outputs = steps.run(configuration)
    assert steps.error(outputs) <= steps.tolerance == 0.04
    outputs["c"][0, 0] += 1.0
    assert steps.error(outputs) > steps.tolerance


@without_device
def test_no_device_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("against_plain_loop: backend=live: no usable GPU") and error.count("\n") == 1


@without_device
@pytest.mark.slow
def test_a_loop_that_cannot_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="measured nothing: the process ended with code 1"):
        plain_side(Order(["task=matmul"], [{}, {}], 10.0, None, 0), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "1"], "-n 1: expected 2 or more"),
        (["-n", "many"], "invalid int value"),
        (["--plain-limit-s", "0"], "--plain-limit-s 0.0: expected more than 0"),
        (["--out", "/nowhere/out.json"], "/nowhere is not a folder"),
        (["--speed"], "--speed"),
        (["task=unknown"], "task=unknown"),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_compare_pairs_what_the_loop_did_with_what_it_was_given() -> None:
    recorded = against_plain_loop.FromRecorder(
        [{}] * 3, [1.0, 2.0, None], Side({"ok": 2, "compile_error": 1}, 1.0, 3.0), {"retime_s": 1.0}, 10.0
    )
    plain = Plain([None, 1.0], Side({"ok": 1, "compile_timeout": 1}, 10.0, 20.0), "")
    document = compare(recorded, [2, 0, 1], plain)
    assert document["ratio"] == {"steady": 15.0, "whole": 10.0, "whole_without_retiming": 15.0}
    assert document["latencies"]["both"] == 1 and document["latencies"]["only_one"] == 0
