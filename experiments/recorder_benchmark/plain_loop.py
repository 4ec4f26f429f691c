"""A loop without NearOpt: one process that compiles, checks and times one configuration after another.

Usage: python -m experiments.recorder_benchmark.plain_loop ORDER.json RESULTS.jsonl (against_plain_loop.py writes the
    first and reads the second).
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # against_plain_loop.py's worker processes import this module: nothing heavy at the top
    import torch

    from harness.measure.device import AccelDevice

Configuration = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """The job of the process.

    Attributes:
        overrides: overrides of the task, as for ``nearopt run``.
        configurations: the configurations to measure, in this order.
        compile_timeout_s: wall seconds for compiling one and running it once.
        limit_s: start no configuration after this many seconds; ``None`` for no limit.
        seed: the seed of the inputs.
    """

    overrides: Sequence[str]
    configurations: Sequence[Configuration]
    compile_timeout_s: float
    limit_s: float | None
    seed: int


@dataclass(frozen=True)
class Steps:
    """The steps for a configuration: ``run`` it once, ``error`` of its outputs, ``bench``: its median in ms."""

    run: Callable[[Configuration], Any]
    error: Callable[[Any], float]
    bench: Callable[[Configuration], float]
    tolerance: float


@dataclass(frozen=True)
class PlainEvaluation:
    """``status``: ``ok``, ``compile_timeout``, ``wrong_result`` or an exception's name; ``at_s``: since the start."""

    index: int
    status: str
    latency_ms: float | None
    at_s: float


class TimeLimit(BaseException):
    """A time limit; no ``Exception``, because Triton would wrap one raised during compilation."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the body after ``seconds`` at the next Python instruction; a pass of LLVM runs to its end.

    Raises:
        TimeLimit: the time has elapsed.
    """

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def measure(configuration: Configuration, steps: Steps, compile_timeout_s: float) -> tuple[str, float | None]:
    """The status and latency in ms of one configuration."""
    try:
        with time_limit(compile_timeout_s):
            outputs = steps.run(configuration)
        if not steps.error(outputs) <= steps.tolerance:
            return "wrong_result", None
        return "ok", steps.bench(configuration)
    except TimeLimit:
        return "compile_timeout", None
    except Exception as error:
        return type(error).__name__, None


def plain_loop(
    configurations: Sequence[Configuration],
    steps: Steps,
    compile_timeout_s: float,
    limit_s: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[PlainEvaluation]:
    """Measure one configuration after another."""
    start = clock()
    for index, configuration in enumerate(configurations):
        if limit_s is not None and clock() - start > limit_s:
            return
        status, latency_ms = measure(configuration, steps, compile_timeout_s)
        yield PlainEvaluation(index, status, latency_ms, clock() - start)


def jit_steps(order: Order, info: AccelDevice, device: torch.device) -> Steps:
    """The steps through Triton's JIT; puts inputs and reference on the device."""
    import torch
    import triton
    from triton.testing import do_bench

    from harness.backends.task import build_task
    from harness.config.compose import Composer
    from kernels.execute import allocate_scratch, execute, launch, relative_error

    task = Composer().compose(order.overrides).task
    assert task is not None
    kernel, _ = build_task(task, info)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(order.seed))
    reference = kernel.reference(inputs)
    if device.type == "cuda":  # Triton builds its driver module now: one or two seconds that do not count for the loop
        triton.runtime.driver.active.get_current_target()

    def run(configuration: Configuration) -> dict[str, torch.Tensor]:
        outputs = execute(kernel, configuration, inputs, info.sm_count)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return outputs

    def error(outputs: Mapping[str, torch.Tensor]) -> float:
        return max(relative_error(outputs[name], reference[name]) for name in reference)

    def bench(configuration: Configuration) -> float:
        plan = kernel.plan(configuration, info.sm_count)
        buffers = {**inputs, **kernel.outputs(device), **allocate_scratch(plan, device)}
        return float(do_bench(lambda: launch(plan, buffers), return_mode="median"))

    return Steps(run, error, bench, kernel.tolerance)


def main(order_path: Path, results_path: Path) -> None:
    """Measure the order in ``order_path``; write a line for the set-up and one for each finished configuration."""
    import torch

    from harness.backends.task import find_device
    from harness.system.progress import ProgressDisplay

    order = Order(**json.loads(order_path.read_text(encoding="utf-8")))
    before = time.monotonic()
    steps = jit_steps(order, find_device(), torch.device("cuda:0"))
    with (
        results_path.open("w", encoding="utf-8") as results,
        ProgressDisplay("plain loop", len(order.configurations)) as progress,
    ):
        print(json.dumps({"setup_s": time.monotonic() - before}), file=results, flush=True)
        for evaluation in plain_loop(order.configurations, steps, order.compile_timeout_s, order.limit_s):
            print(json.dumps(asdict(evaluation)), file=results, flush=True)
            progress.advance(f"{(evaluation.index + 1) / evaluation.at_s:.2f}/s, last {evaluation.status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
