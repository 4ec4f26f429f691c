"""The baselines of speedups: random search on the recorded table, or the runs of a strategy."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.study.laws import BY_PARAMETER, DRAWN, UNIFORM

EXACT_RANDOM = "exact_random"
EXACT_BY_PARAMETER = "exact_random_by_parameter"
DRAWN_RANDOM = "drawn_random"
NOISY_RANDOM = "noisy_random"
NOISY_BY_PARAMETER = "noisy_random_by_parameter"
RANDOM_RUNS = "random"
HIERARCHICAL_RUNS = "random_hierarchical"
RANDOM_STRATEGIES = (RANDOM_RUNS, HIERARCHICAL_RUNS)
_KINDS = {
    EXACT_RANDOM: UNIFORM,
    DRAWN_RANDOM: DRAWN,
    NOISY_RANDOM: UNIFORM,
    EXACT_BY_PARAMETER: BY_PARAMETER,
    NOISY_BY_PARAMETER: BY_PARAMETER,
}
_OF_RUNS = {RANDOM_RUNS: UNIFORM, HIERARCHICAL_RUNS: BY_PARAMETER}


@dataclass(frozen=True)
class Baseline:
    """The random search, or the strategy, that a speedup is relative to.

    Attributes:
        name: ``exact_random`` and ``exact_random_by_parameter`` (closed forms), ``drawn_random`` (the measured rate
            of independent draws, which replaces ``exact_random`` if draws were recorded), ``noisy_random`` and
            ``noisy_random_by_parameter`` (simulations of the same draws with the recording's noise), or the label of
            a strategy whose runs are the baseline.
        workers: compile workers on the baseline's clock; ``None``: as many as for the runs compared with it.
        restarts: whether it restarts after the budget of the runs compared with it; else it continues until it hits.
        fallback: the strategy whose runs are the baseline if there is no recorded table; ``None``: none.
    """

    name: str = EXACT_RANDOM
    workers: int | None = None
    fallback: str | None = None
    restarts: bool = True

    @property
    def from_table(self) -> bool:
        return self.name in _KINDS

    @property
    def kind(self) -> str:
        """``uniform``, ``by_parameter`` or ``drawn``, for a baseline from the table."""
        return _KINDS[self.name]

    @property
    def law(self) -> str | None:
        """The kind of random search whose law the baseline follows; ``None`` for runs of any other strategy."""
        return _KINDS.get(self.name) or _OF_RUNS.get(self.name)

    @property
    def noisy(self) -> bool:
        return self.name in (NOISY_RANDOM, NOISY_BY_PARAMETER)

    @property
    def label(self) -> str:
        """The value in the ``baseline`` column."""
        workers = "" if self.workers is None else f"_{self.workers}_workers"
        return self.name + workers + ("" if self.restarts else "_without_restarts")


PRIMARY = Baseline(EXACT_RANDOM, fallback=RANDOM_RUNS)
