"""Settings, grouped by purpose. The YAML lists them flat: ``conf/strategy/conditional_gp.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Literal

import numpy as np

from harness.strategies.common.checks import check
from harness.strategies.conditional_gp.covariance import SMOOTHNESS
from harness.strategies.conditional_gp.gp import Priors
from harness.strategies.conditional_gp.initial import DRAWS, Draws
from harness.strategies.conditional_gp.latency_levels import level_targets
from harness.strategies.conditional_gp.targets import Targets, Transform, targets
from search_spaces.encoding import Activity, BlockKind, Floats
from search_spaces.heuristic import Heuristic
from search_spaces.space import SearchSpace

Reference = Literal["posterior", "observed"]
Pending = Literal["believe", "penalise", "ignore"]
PENDING = ("believe", "penalise", "ignore")

SHIFTS: Mapping[BlockKind, float] = {"category": 0.6, "number": 0.3, "feature": -0.5}
"""The assumption was that latencies change more with a derived feature, such as accumulators per thread, than with a
parameter, and least with a category. The ablation shows no benefit (experiments/ablation)."""

OVERLAPPING_COST_WEIGHT = 3.0
"""In spaces that are listed."""

OVERLAPPING_PESSIMISM = 1.0
"""In spaces that are listed."""

BATCH_PESSIMISM = 1.5
"""In spaces that are listed."""

WIDE = (0.0, 2.0)
"""Prior of length scales in spaces too large to list, which have parameters without effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSettings:
    """Settings of the evaluations before the model is used.

    Attributes:
        initial: number of random configurations; in spaces too large to list at least one per two parameters.
        overlapping_initial: the same for overlapping evaluations, whose asks before the first outcome are random in any
            case.
        overlapping_tournament: while evaluations overlap, a random configuration is the one of this many draws that has
            the least work per thread, so that the first outcomes arrive sooner; see :class:`~.initial.InitialDesign`.
        draws: how they are drawn; see :class:`~.initial.InitialDesign`.
    """

    initial: int = 7
    overlapping_initial: int = 3
    overlapping_tournament: int = 2
    draws: Draws = "parameter"

    def __post_init__(self) -> None:
        check(self.initial >= 1, "initial", self.initial, "1 or more")
        check(self.overlapping_initial >= 1, "overlapping_initial", self.overlapping_initial, "1 or more")
        check(self.overlapping_tournament >= 1, "overlapping_tournament", self.overlapping_tournament, "1 or more")
        check(self.draws in DRAWS, "draws", self.draws, ", ".join(DRAWS))

    def evaluations(self, space: SearchSpace, *, listed: bool, overlapping: bool) -> int:
        """The number of random evaluations that must be known before the model is used.

        Without a list to choose from, a model that knows too little about a parameter is misled by it.
        """
        initial = self.overlapping_initial if overlapping else self.initial
        return initial if listed else max(initial, ceil(len(space.parameters) / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeuristicSettings:
    """Settings of the rules of thumb (:class:`~search_spaces.heuristic.Heuristic`), where any applies to the space.

    Attributes:
        heuristic_tournament: with draws by parameter, a random configuration is the one of this many draws that the
            rules score best; 1 draws without them.
        heuristic_slope: by how many of their standard deviations targets grow a priori for each unit of the score. The
            score also becomes a feature, so that the process learns where the rules are wrong. 0: neither.
        heuristic_weights: weights that differ from the rules' own, by name.
    """

    heuristic_tournament: int = 16
    heuristic_slope: float = 1.5
    heuristic_weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        check(self.heuristic_tournament >= 1, "heuristic_tournament", self.heuristic_tournament, "1 or more")
        check(_is_number(self.heuristic_slope), "heuristic_slope", self.heuristic_slope, "a number")
        table = self.heuristic_weights is None or isinstance(self.heuristic_weights, Mapping)
        check(table, "heuristic_weights", self.heuristic_weights, "null or {rule: number}")
        known = Heuristic.__dataclass_fields__
        for rule, weight in (self.heuristic_weights or {}).items():
            check(rule in known, "heuristic_weights", rule, f"one of {', '.join(known)}")
            check(_is_number(weight), f"heuristic_weights.{rule}", weight, "a number")

    @property
    def heuristic(self) -> Heuristic:
        """The rules with their weights."""
        return Heuristic(**(self.heuristic_weights or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """Settings of the targets of latencies and failures.

    Attributes:
        transform, clip_quantile, clip_slope, failure_quantile: see :func:`~.targets.targets`.
        impute_failures: give failures a target; otherwise the latency model ignores them.
        resolution: in spaces too large to list, latencies this close are one level; see
            :func:`~.latency_levels.level_targets`. 0: targets as in listed spaces.
    """

    transform: Transform = "rank"
    clip_quantile: float | None = None
    clip_slope: float = 0.0
    impute_failures: bool = True
    failure_quantile: float = 0.5
    resolution: float = 0.01

    def __post_init__(self) -> None:
        quantile = self.clip_quantile
        check(quantile is None or 0 < quantile <= 1, "clip_quantile", quantile, "null or in (0, 1]")
        check(self.transform in ("clip", "rank"), "transform", self.transform, "clip or rank")
        check(0 <= self.clip_slope <= 1, "clip_slope", self.clip_slope, "from 0 to 1")
        check(0 <= self.failure_quantile <= 1, "failure_quantile", self.failure_quantile, "from 0 to 1")
        check(self.resolution >= 0, "resolution", self.resolution, "0 or more")

    def targets(self, latencies_ms: Sequence[float | None], *, listed: bool) -> Targets:
        """Targets of latencies in ms (``None`` is a failure), in a space that is ``listed`` or too large to list."""
        if not listed and self.resolution > 0:
            return level_targets(latencies_ms, self.resolution, self.failure_quantile)
        values = targets(
            latencies_ms,
            transform=self.transform,
            clip_quantile=self.clip_quantile,
            clip_slope=self.clip_slope,
            failure_quantile=self.failure_quantile,
        )
        return Targets(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class CovarianceSettings:
    """Settings of the covariance of two configurations.

    Attributes:
        additive: use one-dimensional terms in addition to the product.
        smoothness: nu of the Matérn functions: 0.5, 1.5 or 2.5.
        features: use the derived features that the space declares.
        activity: how inactive parameters are placed: ``arc`` or ``impute``.
        priors: by name, (location, spread) of the log hyperparameters; see :class:`~.gp.Priors`. In spaces that are
            too large to list the default of ``lengthscale`` is :data:`WIDE`.
        shifts: by kind of parameter, added to that location in the product term; :data:`SHIFTS` by default.
    """

    additive: bool = True
    smoothness: float = 0.5
    features: bool = True
    activity: Activity = "arc"
    priors: Mapping[str, Sequence[float]] | None = None
    shifts: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        check(self.activity in ("arc", "impute"), "activity", self.activity, "arc or impute")
        check(self.smoothness in SMOOTHNESS, "smoothness", self.smoothness, "0.5, 1.5 or 2.5")
        table = self.priors is None or isinstance(self.priors, Mapping)
        check(table, "priors", self.priors, "null or {name: [location, spread]}")
        known = Priors.__dataclass_fields__
        for name, prior in (self.priors or {}).items():
            check(name in known, "priors", name, f"one of {', '.join(known)}")
            check(_are_two_numbers(prior) and prior[1] > 0, f"priors.{name}", prior, "[location, positive spread]")

        table = self.shifts is None or isinstance(self.shifts, Mapping)
        check(table, "shifts", self.shifts, "null or {kind: number}")
        for kind, shift in (self.shifts or {}).items():
            check(kind in SHIFTS, "shifts", kind, f"one of {', '.join(SHIFTS)}")
            check(_is_number(shift), f"shifts.{kind}", shift, "a number")

    def shifts_of(self, kinds: Sequence[BlockKind]) -> Floats:
        """The shift of each block, [J]."""
        given = self.shifts or {}
        return np.array([float(given.get(kind, SHIFTS[kind])) for kind in kinds])

    def priors_in(self, *, listed: bool) -> Priors:
        """The priors in a space that is ``listed`` or too large to list."""
        given = {**({} if listed else {"lengthscale": WIDE}), **(self.priors or {})}
        return Priors(**{name: (float(prior[0]), float(prior[1])) for name, prior in given.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """When and how hyperparameters are learned.

    Attributes:
        refit_growth: refit when the number of observations has grown by this factor.
        iterations: L-BFGS iterations of a refit, which starts from the last fit.
        max_points: a refit uses at most this many observations (the posterior always uses all).
    """

    refit_growth: float = 1.2
    iterations: int = 50
    max_points: int = 256

    def __post_init__(self) -> None:
        check(self.refit_growth >= 1.0, "refit_growth", self.refit_growth, "1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionSettings:
    """Settings of the acquisition function.

    Attributes:
        feasibility: weight the improvement by the probability of success.
        reference: improve on the lowest ``posterior`` mean at an observation, or on the lowest target ``observed``.
        cost_weight: count improvement per second to this power; 0 ignores costs.
        overlapping_cost_weight: the same for overlapping evaluations, where time matters more and a quick outcome
            also helps the next asks. By default :data:`OVERLAPPING_COST_WEIGHT`, and 0 in spaces too large to list,
            where the weight costs evaluations and gains no time (experiments/asynchronous).
        overlapping_pessimism: with ``believe``, the latency of an evaluation that overlaps is assumed to turn out worse
            than predicted by this many predicted standard deviations, so that asks keep away from what is pending.
            By default :data:`OVERLAPPING_PESSIMISM`, and 0 in spaces too large to list, where no gain was seen.
        batch_pessimism: the same for the earlier picks of a batch, by default :data:`BATCH_PESSIMISM`, and 0 in spaces
            too large to list.
        pending: treatment of pending configurations: ``believe`` assumes that they turn out as
            predicted (kriging believer; Ginsbourger et al. 2010), ``penalise`` multiplies the improvement by one
            minus the prior correlation with them (after González et al. 2016), ``ignore`` leaves them out.
    """

    feasibility: bool = True
    reference: Reference = "posterior"
    cost_weight: float = 0.0
    overlapping_cost_weight: float | None = None
    overlapping_pessimism: float | None = None
    batch_pessimism: float | None = None
    pending: Pending = "believe"

    def __post_init__(self) -> None:
        check(self.reference in ("posterior", "observed"), "reference", self.reference, "posterior or observed")
        check(self.cost_weight >= 0, "cost_weight", self.cost_weight, "0 or more")
        overlapping = self.overlapping_cost_weight
        check(overlapping is None or overlapping >= 0, "overlapping_cost_weight", overlapping, "0 or more")
        for name in ("overlapping_pessimism", "batch_pessimism"):
            worse = getattr(self, name)
            check(worse is None or _is_number(worse), name, worse, "a number")
        check(self.pending in PENDING, "pending", self.pending, ", ".join(PENDING))

    def overlapping_weight(self, *, listed: bool) -> float:
        """The cost weight of overlapping evaluations in a space that is ``listed`` or too large to list."""
        if self.overlapping_cost_weight is not None:
            return self.overlapping_cost_weight
        return OVERLAPPING_COST_WEIGHT if listed else 0.0

    def pessimism(self, *, listed: bool) -> float:
        """The pessimism about pending latencies in a space that is ``listed`` or too large to list."""
        if self.overlapping_pessimism is not None:
            return self.overlapping_pessimism
        return OVERLAPPING_PESSIMISM if listed else 0.0

    def pessimism_in_batch(self, *, listed: bool) -> float:
        """The pessimism about the earlier picks of a batch in a space that is ``listed`` or too large to list."""
        if self.batch_pessimism is not None:
            return self.batch_pessimism
        return BATCH_PESSIMISM if listed else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSettings:
    """Settings of the configurations over which the acquisition is scored.

    Attributes:
        max_listed: score every configuration of spaces up to this size; in larger spaces those that a climb visits, see
            :class:`~.candidate_sources.ClimbedCandidates`.
        drawn: samples per ask in spaces too large to list.
        incumbents: number of climbs from the best configurations, and as many from the best samples.
    """

    max_listed: int = 100_000
    drawn: int = 2_000
    incumbents: int = 5

    def lists(self, space: SearchSpace) -> bool:
        """Whether every configuration of the space is scored."""
        return space.enumerable and space.size <= self.max_listed


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _are_two_numbers(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(map(_is_number, value))
