"""Independent draws, parameter by parameter: to measure how often random search comes near the optimum of a large
space.

Draw ``i`` of a seed is the same on every device and in every session, so that an interrupted recording resumes where it
stopped. A draw that breaks a constraint counts as a draw (``outside``) and is not measured; a repeated draw counts
again but is measured once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import numpy as np

from harness.evaluation import Configuration
from harness.measure.engine import Result
from harness.measure.session import Session
from harness.record.log import LogContent, RecordLog
from harness.strategies.common.draws import drawn
from harness.system.progress import ProgressDisplay
from search_spaces.enumeration import Codes
from search_spaces.helion import description_of
from search_spaces.space import SearchSpace

BLOCK = 32
"""Draws made at once: enough to check constraints in bulk, few enough that no GPU waits."""
BY_PARAMETER = "by_parameter"
"""The kind of sample, and the origin of its rows."""


class Generator(Protocol):
    """A generator of draws."""

    @property
    def how(self) -> str:
        """A description of the generator in words."""
        ...

    def codes(self, seeds: Sequence[int]) -> Codes:
        """One canonical row per seed, shape ``[n, d]``; it may break constraints, or be all ``-1``."""
        ...


class UniformParameters:
    """Draws every active parameter uniformly, in declaration order."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    @property
    def how(self) -> str:
        """A description of the generator in words."""
        return "each active parameter uniformly"

    def codes(self, seeds: Sequence[int]) -> Codes:
        """One canonical row per seed, shape ``[n, d]``; it may break constraints."""
        return np.concatenate([drawn(self._space, np.random.default_rng(seed), 1) for seed in seeds])


def generator_of(space: SearchSpace) -> Generator:
    """Helion's own draws for its spaces; every active parameter uniformly for others."""
    if description_of(space) is None:
        return UniformParameters(space)
    from kernels.helion.draws import HelionDraws  # Helion may be missing

    return HelionDraws(space)


class DrawStream:
    """The draws of one seed, by index.

    Args:
        space: the space to draw from.
        seed: seed of the stream.
        generator: the generator; :func:`generator_of` by default.
    """

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, generator: Generator | None = None) -> None:
        self._space = space
        self._seed = seed
        self._generator = generator_of(space) if generator is None else generator
        self._start, self._block = -1, list[Configuration | None]()

    @property
    def how(self) -> str:
        """A description of the generator in words."""
        return self._generator.how

    def __getitem__(self, index: int) -> Configuration | None:
        """Draw ``index``, counted from 0; ``None`` if it breaks a constraint."""
        start = index - index % BLOCK
        if start != self._start:
            self._start, self._block = start, list(self._made(start))
        return self._block[index - start]

    def _made(self, start: int) -> Iterator[Configuration | None]:
        rows = self._generator.codes([_seed_of(self._seed, i) for i in range(start, start + BLOCK)])
        inside = self._space.feasible(rows) & (rows >= 0).any(axis=1)
        for row, good in zip(rows, inside.tolist(), strict=True):
            yield self._space.decode(row) if good else None


def _seed_of(seed: np.random.SeedSequence, index: int) -> int:
    """The seed of draw ``index``: a child of the stream's seed, independent of the order of use."""
    child = np.random.SeedSequence(entropy=seed.entropy, spawn_key=(*seed.spawn_key, index))
    high, low = child.generate_state(2)
    return int(high) << 32 | int(low)


def measure_draws(
    session: Session,
    space: SearchSpace,
    log: RecordLog,
    stream: DrawStream,
    total: int,
    deadline: float,
    measured: Callable[[str, Result], str],
) -> bool:
    """Measure and log draws until there are ``total`` or the deadline passes; returns false if the user stopped it.

    Measurements started before the deadline are finished, so that the log holds the first draws without a gap. If the
    user interrupts them, a later session fills the gaps.

    Args:
        stream: the draws; those in the log are not measured again.
        total: number of draws over all sessions.
        deadline: monotonic time after which no draw is made.
        measured: called with each key and result; returns a note for the progress display.
    """
    results, draws = log.content.results, log.content.draws
    pending: dict[str, int] = {}

    def new() -> Iterator[Configuration]:
        for index in range(total):
            if index in draws and (draws[index] is None or draws[index] in results):
                continue
            if monotonic() > deadline:
                return
            configuration = stream[index]
            key = None if configuration is None else space.key(configuration)
            if configuration is None or key is None:
                log.drawn(index, None)
            elif key in results or key in pending:
                log.drawn(index, key)
            else:
                pending[key] = index
                yield configuration

    with ProgressDisplay(f"draw {log.path.name}", total) as progress:
        try:
            for result in session.engine.evaluate(new()):
                key = space.key(result.configuration)
                log.result(key, result, session.uuid_of(result), origin=BY_PARAMETER, draw=pending.pop(key))
                progress.advance(measured(key, result))
        except KeyboardInterrupt:
            return False
    return True


@dataclass(frozen=True)
class Drawn:
    """The first draws of a stream, without a gap.

    Attributes:
        draws: number of draws.
        outside: number of draws that break a constraint and were not measured.
        times: how often each configuration was drawn, by key.
        first: index of the first draw of each configuration, by key.
    """

    draws: int
    outside: int
    times: Mapping[str, int]
    first: Mapping[str, int]


NOTHING_DRAWN = Drawn(0, 0, {}, {})


def drawn_so_far(content: LogContent) -> Drawn:
    """The draws of a log up to the first missing one."""
    times, first = dict[str, int](), dict[str, int]()
    index = outside = 0
    while index in content.draws:
        key = content.draws[index]
        if key is None:
            outside += 1
        elif key in content.results:
            times[key] = times.get(key, 0) + 1
            first.setdefault(key, index)
        else:
            break
        index += 1
    return Drawn(index, outside, times, first)


def draws_coverage(how: str, seed: int, drawn: Drawn) -> dict[str, Any]:
    """The entry ``coverage`` of the landscape's metadata."""
    return {
        "kind": "sample",
        "how": BY_PARAMETER,
        "draws": drawn.draws,
        "outside": drawn.outside,
        "drawn": f"by parameter, {how}, seed {seed}: {drawn.draws} independent draws, {drawn.outside} of them outside "
        f"the space's rules, {len(drawn.times)} different configurations",
    }
