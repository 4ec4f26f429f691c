"""Choose a strategy for tuning a kernel, by rules from NearOpt's measurements."""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"
ASK_S = 0.025
"""Mean seconds of an ask of conditional_gp beside live work (experiments/asynchronous, matmul)."""
LEAD = 9.5 / 5.7
"""Ratio of the evaluations of pattern_search to those of conditional_gp to come within 5% (experiments/claim_5_10x,
useful tasks); that version of conditional_gp knew no rules of thumb."""


@dataclass(frozen=True)
class Choice:
    """A strategy of ``conf/strategy`` and the reason for it."""

    strategy: str
    reason: str


LEARNS = Choice("transfer_gp", "it learns from the source (experiments/transfer)")
"""The choice if there is a source, for every budget."""


def auto_strategy(
    size: int | None,
    evaluations: int | None,
    seconds: float | None = None,
    workers: int = 1,
    evaluation_s: float | None = None,
) -> Choice:
    """Choose the strategy for one search.

    Args:
        size: number of feasible configurations; ``None`` if too many to enumerate.
        evaluations, seconds: the budget; ``None`` for no limit.
        workers: number of compile workers.
        evaluation_s: mean cost of an evaluation in s on one worker, if known; more than 0.
    """
    if (
        size is not None
        and (reach := _reach(evaluations, seconds, workers, evaluation_s)) is not None
        and reach >= size
    ):
        return Choice("random", f"the budget covers all {size} configurations: each is measured once, in random order")
    if evaluation_s is not None and evaluation_s / workers < ASK_S / (LEAD - 1):
        own_ms, ask_ms = 1000 * evaluation_s / workers, 1000 * ASK_S
        return Choice(
            "pattern_search",
            f"an evaluation takes {own_ms:.2g} ms, and an ask of conditional_gp {ask_ms:g}: the fastest strategy "
            "whose asks cost nothing (experiments/claim_5_10x)",
        )
    if size is None:
        return Choice(
            "conditional_gp",
            "the space is too large to enumerate: 2.17 times as fast as TPE in such spaces (experiments/ablation)",
        )
    if workers > 1:
        return Choice(
            "conditional_gp",
            "19 times as fast as uniform random search with 16 workers on recorded tasks (experiments/asynchronous)",
        )
    return Choice(
        "conditional_gp",
        "20 times as fast as uniform random search on recorded tasks, the most of all strategies that begin without a "
        "default (experiments/contenders)",
    )


def _reach(evaluations: int | None, seconds: float | None, workers: int, evaluation_s: float | None) -> float | None:
    """The number of evaluations that the budget allows; ``None`` if unknown."""
    if seconds is None:
        return evaluations
    if evaluation_s is None:
        return None
    in_time = seconds * workers / evaluation_s
    return in_time if evaluations is None else min(in_time, evaluations)
