"""Measure how a strategy's ask and tell times grow with the observations, in replay in a separate process."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import subject_of
from harness.backends.declaration import declaration_of
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.errors import UserError
from harness.evaluation import Evaluation
from harness.run.build import build_strategy, open_backend
from harness.run.given import check_startable, given
from harness.run.loop import run_loop
from harness.run.streams import streams
from harness.strategies.base import Budget
from harness.system.progress import ProgressDisplay
from harness.system.text import describe_exit
from harness.system.threads import safely

TASK = "matmul-2048x2048x2048-bf16"
FIRST = 10
PER_DECADE = 6
WINDOW = 0.8
"""A reading at n observations averages over observations from 0.8 n to n."""


@dataclass(frozen=True)
class Reading:
    """The cost around one number of observations.

    Attributes:
        observations: observations told so far.
        ask_s, tell_s: mean seconds of an ask for one configuration, and of its tell, over the last fifth of the
            observations; a mean, because an occasional refit of a model is spread over all asks.
        memory_bytes: memory of the process beyond what it had before the strategy was built, imported libraries
            included; 0 where the system does not report it.
    """

    strategy: str
    observations: int
    ask_s: float
    tell_s: float
    memory_bytes: int


@dataclass(frozen=True)
class Profile:
    """One strategy's readings.

    Attributes:
        ended: ``done``, or ``time limit`` or ``exhausted`` if it stopped early.
    """

    strategy: str
    readings: tuple[Reading, ...]
    ended: str


def checkpoints(observations: int) -> list[int]:
    """10, 15, 22, 32, 46, 68, 100 … and ``observations``: six per decade, evenly spaced on a log scale.

    Raises:
        UserError: ``observations`` is below 20.
    """
    if observations < 2 * FIRST:
        raise UserError(f"--observations {observations}: expected {2 * FIRST} or more")
    steps = int(PER_DECADE * np.log10(observations / FIRST) + 1e-9) + 1
    grid = FIRST * 10.0 ** (np.arange(steps) / PER_DECADE)
    return sorted({*(int(n) for n in grid.round()), observations})


def profiled_configs(words: Sequence[str], config_dir: Path | None) -> list[RunConfig]:
    """One replay for each strategy in ``words``; words with ``=`` are overrides for all of them.

    Raises:
        UserError: there is no strategy, or an override is wrong.
    """
    names = list(dict.fromkeys(word for word in words if "=" not in word))
    overrides = [word for word in words if "=" in word]
    for word in overrides:
        if word.lstrip("+~").startswith(("strategy", "seed=", "batch=", "budget")):
            raise UserError(f"nearopt profile: {word}: expected names of strategies, or overrides of task or backend")
    if not any(word.startswith(("task=", "backend.landscape=")) for word in overrides):
        overrides = [f"task={TASK}", *overrides]
    composer = Composer(config_dir)
    return [composer.compose([f"strategy={name}", *overrides]) for name in names]


def profile_all(configs: Sequence[RunConfig], observations: int, time_limit_s: float) -> list[Profile]:
    """Profile strategies one at a time, so that none disturbs another, with progress on stderr; see :func:`profile`."""
    profiles = []
    with ProgressDisplay("profiles", len(configs)) as display:
        for config in configs:
            profiles.append(profile(config, observations, time_limit_s))
            reached = profiles[-1].readings[-1].observations if profiles[-1].readings else 0
            display.advance(f"{config.label}: {reached} observations, {profiles[-1].ended}")
    return profiles


def profile(config: RunConfig, observations: int, time_limit_s: float) -> Profile:
    """Ask and tell one strategy one configuration at a time, in a fresh process, until the limit.

    Args:
        config: a replay.
        observations: how many, at most.
        time_limit_s: wall seconds from the first ask on; after that the process is killed.

    Raises:
        UserError: the configuration is wrong.
        RuntimeError: the strategy raised an error.
    """
    if declaration_of(config.backend).needs_device:
        raise UserError(
            f"backend._target_={config.backend.get('_target_')}: profiles run in replay: expected backend=replay"
        )
    if not time_limit_s > 0:
        raise UserError(f"--time-limit-s {time_limit_s}: expected more than 0")
    told = replace(config, budget=Budget(evaluations=observations), batch=1)
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sending, told, checkpoints(observations)), daemon=True)
    with safely():
        process.start()
    sending.close()
    readings: list[Reading] = []
    deadline: float | None = None
    try:
        while receiving.poll(None if deadline is None else max(0.0, deadline - time.monotonic())):
            message = receiving.recv()
            if isinstance(message, BaseException):
                raise message
            if isinstance(message, str):
                return Profile(config.label, tuple(readings), message)
            if message is None:
                deadline = time.monotonic() + time_limit_s
                continue
            readings.append(message)
        return Profile(config.label, tuple(readings), "time limit")
    except EOFError:
        process.join()
        raise RuntimeError(f"{config.label}: its process {describe_exit(process.exitcode)}") from None
    finally:
        process.kill()
        process.join()
        receiving.close()


def _serve(connection: Connection, config: RunConfig, at: Sequence[int]) -> None:
    """Run in the child process: send ``None`` before the first ask, a reading at each checkpoint, and how it ended."""
    try:
        connection.send(_run(connection, config, at))
    except UserError as error:
        connection.send(error)
    except Exception as error:
        connection.send(RuntimeError(f"{config.label}: {type(error).__name__}: {error}"))


def _run(connection: Connection, config: RunConfig, at: Sequence[int]) -> str:
    backend = open_backend(config)
    seeds = streams(config.seed, subject_of(backend), config.strategy["_target_"])
    if backend.space.enumerable and backend.space.size < at[-1]:
        raise UserError(
            f"--observations {at[-1]}: {backend.task} has only {backend.space.size} configurations: expected at most "
            "that"
        )
    _ = backend.space.codes()  # built here, since its memory belongs to the space and not to the strategy
    before = memory_bytes()
    strategy = build_strategy(config, backend, seeds.strategy)
    check_startable(config, strategy)
    begin = given(config, backend)
    costs: list[tuple[float, float]] = []

    def read(evaluation: Evaluation) -> None:
        costs.append((evaluation.ask_s, evaluation.tell_s))
        if len(costs) in at:
            ask_s, tell_s = np.mean(costs[int(WINDOW * len(costs)) :], axis=0)
            grown = max(0, memory_bytes() - before)
            connection.send(Reading(config.label, len(costs), float(ask_s), float(tell_s), grown))

    def keep_nothing(_: Sequence[Evaluation]) -> None:
        return None

    connection.send(None)
    rng = np.random.default_rng(seeds.repair)
    start = () if begin is None else begin.configurations
    ended = run_loop(strategy, backend, config.budget, 1, rng, [], keep_nothing, read, start)
    return "done" if ended == "budget" else ended


def memory_bytes() -> int:
    """Resident memory of this process; 0 where the system does not report it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def to_rows(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """One row per reading, for the analysis."""
    return [
        {
            "strategy": reading.strategy,
            "observations": reading.observations,
            "ask_s": reading.ask_s,
            "tell_s": reading.tell_s,
            "memory_bytes": reading.memory_bytes,
            "ended": profile.ended,
        }
        for profile in profiles
        for reading in profile.readings
    ]
