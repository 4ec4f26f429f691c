"""Translate search spaces to ConfigSpace, and configurations in both directions. Needs the extra ``smac``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ConfigSpace import (
    AndConjunction,
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    ForbiddenOrConjunction,
    InCondition,
    OrdinalHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.hyperparameters import Hyperparameter

from harness.strategies.common.conditions import Membership, forbidden, memberships
from search_spaces.encoding import keys_of_order, order_of_keys
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space import SearchSpace

MAX_LEVELS = 64
MAX_CLAUSES = 256


class ConfigSpace:
    """A space for SMAC: hyperparameters over value indices, conditions, forbidden clauses.

    * Ordered parameters are ordinals (integers beyond 64 values), others categoricals, permutations are one integer
      rank per item; single values are constants.
    * A condition that is a conjunction of memberships becomes a condition; parameters with other conditions are always
      active.
    * A constraint is forbidden clause by clause if 256 suffice; both apply only if all parameters they mention are
      active, as in NearOpt.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._parameters = space.parameters
        # ConfigSpace refuses clauses that forbid its default configuration.
        feasible = space.encode(space.sample(np.random.default_rng(0), 1)[0])
        self._own = [_hyperparameters(p, int(code)) for p, code in zip(space.parameters, feasible, strict=True)]
        self.configspace = ConfigurationSpace(name="nearopt")
        self.configspace.add([own for group in self._own for own in group])
        for i in range(len(space.parameters)):
            self._add_conditions(memberships(space, i) or (), self._own[i])
        for constraint in space.constraints:
            clauses = [self._clause(parts) for parts in forbidden(space, constraint, MAX_CLAUSES) or ()]
            if clauses:
                # One clause per constraint: ConfigSpace draws (clauses + conditions)^2 times as many configurations as
                # requested.
                self.configspace.add(clauses[0] if len(clauses) == 1 else ForbiddenOrConjunction(*clauses))

    def read(self, configuration: Configuration) -> dict[str, Value]:
        """A ConfigSpace configuration as a proposal in NearOpt's space."""
        given = dict(configuration)
        proposal: dict[str, Value] = {}
        for parameter, own in zip(self._parameters, self._own, strict=True):
            if own[0].name in given:
                numbers = [int(given[each.name]) for each in own]
                permuted = isinstance(parameter, Permutation)
                proposal[parameter.name] = order_of_keys(numbers) if permuted else parameter.values[numbers[0]]
        return proposal

    def write(self, configuration: Mapping[str, Value], proposal: Mapping[str, Value]) -> Configuration | None:
        """A configuration in ConfigSpace; values active only there come from ``proposal`` or are defaults.

        ``None`` if that combination is forbidden.
        """
        values: dict[str, Any] = {}
        for parameter, own in zip(self._parameters, self._own, strict=True):
            value = configuration.get(parameter.name, proposal.get(parameter.name))
            if value is None:
                values |= {each.name: each.default_value for each in own}
            elif isinstance(parameter, Permutation):
                assert isinstance(value, tuple)
                values |= zip((each.name for each in own), keys_of_order(value), strict=True)
            else:
                values[own[0].name] = parameter.code_of[value]
        vector = np.array([each.to_vector(values[name]) for name, each in self.configspace.items()], dtype=float)
        for name in self.configspace:  # parents come before children
            conditions = self.configspace.parent_conditions_of[name]
            if not all(condition.satisfied_by_vector(vector) for condition in conditions):
                vector[self.configspace.index_of[name]] = np.nan
        try:
            made = Configuration(self.configspace, vector=vector)
            made.check_valid_configuration()
        except ForbiddenValueError:
            return None
        return made

    def _add_conditions(self, parts: tuple[Membership, ...], children: list[Hyperparameter]) -> None:
        for child in children:
            conditions = [self._condition(part, child) for part in parts]
            if conditions:
                self.configspace.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))

    def _condition(self, part: Membership, child: Hyperparameter) -> InCondition | EqualsCondition:
        parent = self._own[part.index][0]
        if len(part.codes) == 1:
            return EqualsCondition(child, parent, part.codes[0])
        return InCondition(child, parent, list(part.codes))

    def _clause(self, parts: tuple[Membership, ...]) -> ForbiddenAndConjunction | ForbiddenInClause:
        clauses = [
            ForbiddenEqualsClause(self._own[part.index][0], part.codes[0])
            if len(part.codes) == 1
            else ForbiddenInClause(self._own[part.index][0], list(part.codes))
            for part in parts
        ]
        return clauses[0] if len(clauses) == 1 else ForbiddenAndConjunction(*clauses)


def _hyperparameters(parameter: Parameter, code: int) -> list[Hyperparameter]:
    """The hyperparameters of a parameter, with the default of ``code`` unless it is negative."""
    default = code if code >= 0 else parameter.size // 2
    name = parameter.name
    if isinstance(parameter, Permutation) and parameter.length > 1:
        order = parameter.values[default]
        assert isinstance(order, tuple)
        ranks = keys_of_order(order)
        top = parameter.length - 1
        return [UniformIntegerHyperparameter(f"{name}.{item}", 0, top, ranks[item]) for item in range(len(ranks))]
    if parameter.size == 1:
        return [Constant(name, 0)]
    if not parameter.ordered:
        return [CategoricalHyperparameter(name, list(range(parameter.size)), default_value=default)]
    if parameter.size > MAX_LEVELS:
        return [UniformIntegerHyperparameter(name, 0, parameter.size - 1, default)]
    return [OrdinalHyperparameter(name, list(range(parameter.size)), default_value=default)]
