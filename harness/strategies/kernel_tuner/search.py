"""One of Kernel Tuner's strategies, run as Kernel Tuner runs it. Needs the extra ``kernel-tuner``."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from kernel_tuner.interface import Options, strategy_map
from kernel_tuner.runners.runner import Runner
from kernel_tuner.runners.simulation import SimulationDevice
from kernel_tuner.searchspace import Searchspace
from kernel_tuner.util import (
    CompilationFailedConfig,
    ErrorConfig,
    InvalidConfig,
    RuntimeFailedConfig,
    StopCriterionReached,
    TuningBudget,
)

from harness.evaluation import Evaluation, Status
from harness.strategies.common.callback import Measure
from harness.strategies.kernel_tuner.space import FlatSpace
from search_spaces.flat import FlatConfiguration

MS_PER_S = 1e3
MAX_THREADS = 1_000_000_000
"""As in Kernel Tuner's simulation mode: no limit of its own on thread blocks. The list determines feasibility."""
ERRORS: Mapping[Status, type[ErrorConfig]] = {
    Status.COMPILE_ERROR: CompilationFailedConfig,
    Status.COMPILE_TIMEOUT: CompilationFailedConfig,
    Status.OUT_OF_RESOURCES: InvalidConfig,
}
"""All other failures are RuntimeFailedConfig."""
PYATF = "pyatf_strategies"
TICK_S = 1e-6


def load(strategy: str) -> None:
    """Import what a strategy would import while it runs: since modules draw from the global generators when loaded.

    Raises:
        ImportError: a package is not installed.
    """
    import scipy.stats.qmc  # noqa: F401

    if strategy == PYATF:
        import pyatf.search_techniques.simulated_annealing  # noqa: F401
    importlib.import_module(strategy_map[strategy]._module_path)


class TuningClock:
    """The time that ``bayes_opt`` sees: evaluations take their costs, and everything else almost nothing.

    It refits its model when its last evaluation took five times as long as its last prediction, and otherwise every
    sixth round. With a real clock the trace would depend on the machine, and in replay the fits would become rare.

    Args:
        instant: evaluations also take no time, as in Kernel Tuner's simulation mode.
    """

    def __init__(self, instant: bool) -> None:
        self._instant = instant
        self._now_s = 0.0

    def evaluated(self, done: Evaluation) -> None:
        """Advance by the cost of an evaluation."""
        self._now_s += 0.0 if self._instant else done.compile_s + done.verify_s + done.benchmark_s

    def perf_counter(self) -> float:
        """Like ``time.perf_counter``."""
        self._now_s += TICK_S
        return self._now_s

    def perf_counter_ns(self) -> int:
        """Like ``time.perf_counter_ns``."""
        return int(self.perf_counter() * 1e9)

    def installed(self, strategy: str) -> contextlib.AbstractContextManager[object]:
        """Inside the block the strategy's module has this clock."""
        if strategy != "bayes_opt":
            return contextlib.nullcontext()
        return mock.patch.object(importlib.import_module(strategy_map[strategy]._module_path), "time", self)


@dataclass(frozen=True)
class Search:
    """A search for the callback adapter.

    Attributes:
        options: ``strategy_options``.
        evaluations: ``max_fevals``: different configurations after which Kernel Tuner stops.
        account: receives ``stopped``, the reason why the search ended without returning.
        clock: receives the costs of evaluations.
    """

    flat: FlatSpace
    strategy: str
    options: Mapping[str, Any]
    evaluations: int
    account: MutableMapping[str, str]
    clock: TuningClock

    def __call__(self, measure: Measure) -> None:
        """Run to the end.

        Raises:
            Exception: whatever Kernel Tuner raises before its first request.
        """
        if len(self.flat) == 1:  # no strategy can draw a second configuration
            measure([self.flat.configuration(self.flat.rows[0])])
            return
        runner = CallbackRunner(measure, self.flat, self.clock)
        try:
            with runner.starting:
                self._tune(runner)
        except StopCriterionReached as stopped:
            self.account["stopped"] = str(stopped)
        except Exception as error:
            if not runner.asked:
                raise
            self.account["stopped"] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"

    def _tune(self, runner: CallbackRunner) -> None:
        searchspace = Searchspace(None, None, None, block_size_names=[], from_cache=self.flat.as_cache())
        searchspace.max_threads = MAX_THREADS
        tuning_options = Options(
            objective=["time"],
            objective_higher_is_better=[False],
            strategy_options=Options(max_fevals=self.evaluations, **self.options),
            budget=TuningBudget(None, self.evaluations),
            tune_params=self.flat.tune_params,
            restrictions=[],
            restrictions_unmodified=self.flat.rules() if self.strategy == PYATF else [],
            verbose=False,
            metrics=None,
        )
        if self.strategy == PYATF:
            runner.starting.enter_context(pyatf_as_kernel_tuner_expects_it())
        strategy_map[self.strategy].tune(searchspace, runner, tuning_options)


class CallbackRunner(Runner):  # type: ignore[misc]  # Kernel Tuner may be missing where types are checked
    """Measures by callback, and counts the budget as Kernel Tuner's SimulationRunner does: repeats are free.

    Attributes:
        starting: closed at the first request.
        asked: whether there was a request.
    """

    def __init__(self, measure: Measure, flat: FlatSpace, clock: TuningClock) -> None:
        super().__init__()
        self.dev = SimulationDevice(MAX_THREADS, {"device_name": "NearOpt"}, True)
        self.simulation_mode = True
        self.starting = contextlib.ExitStack()
        self.asked = False
        self._measure = measure
        self._flat = flat
        self._clock = clock
        self._visited: set[FlatConfiguration] = set()

    def get_device_info(self) -> SimulationDevice:
        return self.dev

    def get_environment(self, _tuning_options: Any) -> dict[str, Any]:
        return dict(self.dev.get_environment())

    def run(self, parameter_space: Sequence[Sequence[Any]], tuning_options: Any) -> list[dict[str, Any] | None]:
        """A result per configuration, in Kernel Tuner's form; ``None`` past the budget."""
        self.starting.close()
        self.asked = True
        allowed: list[FlatConfiguration] = []
        for element in map(tuple, parameter_space):
            if tuning_options.budget.is_done():
                break
            if element not in self._visited:
                self._visited.add(element)
                tuning_options.budget.add_evaluations(1)
            allowed.append(element)
        evaluations = self._measure([self._flat.configuration(element) for element in allowed])
        for done in evaluations:
            self._clock.evaluated(done)
        results = [self._result(element, done) for element, done in zip(allowed, evaluations, strict=True)]
        return results + [None] * (len(parameter_space) - len(results))

    def _result(self, element: FlatConfiguration, done: Evaluation) -> dict[str, Any]:
        result: dict[str, Any] = dict(zip(self._flat.tune_params, element, strict=True))
        result["compile_time"] = done.compile_s * MS_PER_S
        result["verification_time"] = done.verify_s * MS_PER_S
        result["benchmark_time"] = done.benchmark_s * MS_PER_S
        if done.latency_ms is None:
            result["__error__"] = ERRORS.get(done.status, RuntimeFailedConfig)()
        else:
            result |= {"time": done.latency_ms, "times": list(done.samples_ms)}
        return result


@contextlib.contextmanager
def pyatf_as_kernel_tuner_expects_it() -> Iterator[None]:
    """Patches that Kernel Tuner's pyATF strategy needs until its first request.

    It creates a folder in the working directory, prints, and passes a fourth argument, the constraint's source, to
    pyATF's ``TP``, which no published version (up to 0.0.13) accepts, so that it fails in Kernel Tuner itself.
    """
    import pyatf

    class TP(pyatf.TP):  # type: ignore[misc]
        def __init__(self, name: str, values: Any, constraint: Any = None, _source: Any = None) -> None:
            super().__init__(name, values)
            self._constraint = constraint

    before = Path.cwd()
    with (
        TemporaryDirectory() as folder,
        mock.patch.object(pyatf, "TP", TP),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
