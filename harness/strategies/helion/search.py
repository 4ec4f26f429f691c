"""Helion's autotuners, unmodified, with measurements that come from a callback. Needs the extra ``helion``.

Only parts that Helion allows to replace are replaced: the kernel (by a spec), the provider of benchmarks, and the
function that re-times configurations.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from inspect import signature
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from helion import exc
from helion.autotuner import base_search, search_algorithms
from helion.autotuner.base_search import BaseSearch
from helion.autotuner.benchmark_provider import BenchmarkProvider, BenchmarkResult
from helion.autotuner.config_spec import ConfigSpec
from helion.autotuner.effort_profile import get_effort_profile
from helion.runtime.config import Config
from helion.runtime.settings import Settings

from harness.errors import UserError
from harness.evaluation import Evaluation, Status
from kernels.helion import NEWEST, OLDEST

Look = Callable[[Sequence[Config]], list[tuple[Config, Evaluation]]]
"""Maps each config to what was measured: the config itself, or that of its repair."""

FINAL, SEARCH = "final", "search"


@dataclass
class Retimings:
    """Counts re-timings of a search, which are answered from memory at no cost.

    Attributes:
        configurations: number of requested timings by phase.
        device_s: seconds that Helion would have spent on them by phase: repeats times latency.
    """

    phase: str = SEARCH
    configurations: dict[str, int] = field(default_factory=lambda: {SEARCH: 0, FINAL: 0})
    device_s: dict[str, float] = field(default_factory=lambda: {SEARCH: 0.0, FINAL: 0.0})

    def time(self, calls: Sequence[Callable[[], float]], *, repeat: int, desc: str = "") -> list[float]:
        """``Settings.autotune_benchmark_fn``: each call returns its known latency in ms."""
        del desc
        timings = [call() for call in calls]
        self.configurations[self.phase] += len(timings)
        self.device_s[self.phase] += repeat * sum(timings) / 1e3
        return timings


class Known:
    """Stands for a compiled kernel; calling it returns its known latency in ms."""

    def __init__(self, latency_ms: float) -> None:
        self.latency_ms = latency_ms

    def __call__(self, *_: object) -> float:
        return self.latency_ms


class CallbackProvider(BenchmarkProvider):  # type: ignore[misc]  # Helion may be missing where types are checked
    """Benchmarks by calling ``look``; failures are errors or timeouts with infinite latency, as in Helion."""

    mutated_arg_indices: Sequence[int] = ()

    def __init__(self, look: Look, **_: object) -> None:
        self._look = look

    def benchmark(
        self,
        configs: list[Config],
        *,
        desc: str = "Benchmarking",
        raise_if_no_viable_config: bool = True,
        **unknown: object,
    ) -> list[BenchmarkResult]:
        """One result per config, in order, with the config that was measured, from which the search learns.

        Args:
            configs: configs to measure.
            desc: for Helion's progress bar.
            raise_if_no_viable_config: an argument of Helion 1.5, for programs that never compile. Here failures
                belong to the task, and the search continues.
            unknown: arguments of a later Helion.

        Raises:
            UserError: ``unknown`` is not empty.
        """
        del desc, raise_if_no_viable_config
        if unknown:
            raise UserError(
                f"helion {version('helion')} calls benchmark() with {next(iter(unknown))}=…: expected helion "
                f"{OLDEST} … {NEWEST}"
            )
        return [_result(*measured) for measured in self._look(configs)]

    def setup(self) -> None:
        """Do nothing."""

    def cleanup(self) -> None:
        """Do nothing."""


def _result(config: Config, evaluation: Evaluation) -> BenchmarkResult:
    latency_ms = math.inf if evaluation.latency_ms is None else evaluation.latency_ms
    timeouts = (Status.COMPILE_TIMEOUT, Status.RUN_TIMEOUT)
    status = "ok" if evaluation.ok else "timeout" if evaluation.status in timeouts else "error"
    return BenchmarkResult(config, Known(latency_ms), latency_ms, status, evaluation.compile_s)


class SpecKernel:
    """The parts of a kernel that a search needs: a spec and settings."""

    def __init__(self, config_spec: ConfigSpec, settings: Settings) -> None:
        self.config_spec = config_spec
        self.settings = settings
        self.configs: list[Config] = []
        self.env = SimpleNamespace(device=torch.device("cpu"), process_group_name=None)

    def format_kernel_decorator(self, config: Config, settings: Settings) -> str:
        del settings
        return repr(config)

    def get_cached_path(self, config: Config | None = None) -> None:
        del config

    def maybe_log_repro(self, *_: object) -> None:
        return None


def quiet_settings(seed: int, retimings: Retimings, overrides: Mapping[str, Any], seeds: Sequence[Config]) -> Settings:
    """Helion's defaults, silent, without its cache and its compilation."""
    return Settings(
        autotune_config_overrides=dict(overrides),
        **({"autotune_seed_configs": tuple(seeds)} if seeds else {}),
        autotune_random_seed=seed,
        autotune_log_level=logging.CRITICAL,
        autotune_log=None,
        autotune_progress_bar=False,
        autotune_precompile=None,
        autotune_benchmark_fn=retimings.time,
        autotune_effort="full",
    )


def make_search(
    algorithm: str,
    config_spec: ConfigSpec,
    seed: int,
    look: Look,
    retimings: Retimings,
    options: Mapping[str, Any],
    overrides: Mapping[str, Any],
    seeds: Sequence[Config] = (),
) -> BaseSearch:
    """A search with Helion's own arguments at full effort, except for ``options``.

    ``overrides`` are keys of a configuration that are not tuned, ``seeds`` the configurations to begin with.

    Raises:
        TypeError: the algorithm lacks an option.
    """
    kind = search_algorithms[algorithm]
    settings = quiet_settings(seed, retimings, overrides, seeds)
    known = signature(kind.__init__).parameters
    wrong = [name for name in options if name not in known or name in ("self", "kernel", "args")]
    if wrong:
        raise TypeError(f"{algorithm} has no argument {wrong[0]}")
    full = kind.get_kwargs_from_profile(get_effort_profile("full"), settings)
    arguments = {name: value for name, value in full.items() if name in known} | dict(options)
    search = kind(SpecKernel(config_spec, settings), (), **arguments)
    search._benchmark_provider_cls = partial(CallbackProvider, look)
    return search


def run_search(search: BaseSearch, retimings: Retimings) -> None:
    """Run to the search's own end; a search without a success also counts as ended."""
    last = getattr(search, "final_rebenchmark_best", None)
    if last is not None:

        def final_rebenchmark_best(best: object) -> object:
            retimings.phase = FINAL
            return last(best)

        search.final_rebenchmark_best = final_rebenchmark_best
    with patch.object(base_search, "get_device_name", lambda *_: None):
        search._prepare()  # asks for a device's name for its own log
    try:
        search.autotune(skip_cache=True)
    except (exc.NoConfigFound, AssertionError):  # raised by its RandomSearch
        if math.isfinite(search.best_perf_so_far):
            raise
