"""The tuning clock, on batches computed by hand."""

from __future__ import annotations

from harness.evaluation import Measurement, Status
from harness.run.clock import Span, schedule


def cost(compile_s: float, gpu_s: float = 0.0) -> Measurement:
    return Measurement(Status.OK, compile_s=compile_s, benchmark_s=gpu_s)


def test_one_at_a_time_adds_up() -> None:
    assert schedule([cost(2, 1)], workers=1, now_s=5) == [Span(5, 8)]


def test_one_at_a_time_is_the_running_sum_to_the_last_bit() -> None:
    """As on the clocks of recorded runs: 0.1 + (0.2 + 0.3) is another number."""
    one = Measurement(Status.OK, compile_s=0.1, verify_s=0.2, benchmark_s=0.3)
    assert schedule([one], 1, 0.0) == [Span(0.0, 0.1 + 0.2 + 0.3)] and 0.1 + 0.2 + 0.3 != 0.1 + (0.2 + 0.3)


def test_one_worker_compiles_while_the_gpu_measures() -> None:
    # compiles end at 2, 4, 5; the GPU is busy 2-5, 5-6, 6-7
    assert schedule([cost(2, 3), cost(2, 1), cost(1, 1)], 1, 0) == [Span(0, 5), Span(2, 6), Span(4, 7)]


def test_two_workers_benchmark_in_order_of_compile_end() -> None:
    # compiles: 0-5 and 0-1, then 1-2 on the freed worker; the GPU takes the second, the third, the first
    assert schedule([cost(5, 1), cost(1, 3), cost(1, 1)], 2, 0) == [Span(0, 6), Span(0, 4), Span(1, 5)]


def test_a_failed_compile_never_waits_for_the_gpu() -> None:
    assert schedule([cost(1, 5), cost(2, 0)], 2, 10) == [Span(10, 16), Span(10, 12)]


def test_ties_keep_ask_order() -> None:
    assert schedule([cost(1, 2), cost(1, 2)], 2, 0) == [Span(0, 3), Span(0, 5)]
