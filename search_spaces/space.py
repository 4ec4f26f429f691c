"""A search space: parameters, conditions, constraints, and exact operations on the feasible set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces import neighbours, sampling
from search_spaces.declaration import declared
from search_spaces.enumeration import FREE, INACTIVE, Codes, concatenated
from search_spaces.errors import InvalidConfiguration, SpaceError, SpaceTooLarge
from search_spaces.listing import Listing
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space_json import space_arguments

MAX_ENUMERATED = 5_000_000
MAX_ENUMERATED_CODES = 100_000_000
"""The most rows to list; the table of a space with more than 20 parameters then stays below 400 MB."""
Constant = int | float | str | bool


class SearchSpace:
    """Finite parameters under conditions and constraints.

    Args:
        parameters: the parameters in declaration order; a condition may mention only earlier ones.
        constraints: expressions that every feasible configuration satisfies. One that mentions an inactive
            parameter holds vacuously.
        constants: numbers, strings and booleans that expressions may mention (shape, device limits).
        features: derived numbers for models, by name. They do not affect feasibility. Names that end in ``_per_thread``
            say how much a thread does (:mod:`search_spaces.work`).

    Raises:
        SpaceError: a parameter or an expression is at fault; the message names it.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        constraints: Sequence[str] = (),
        constants: Mapping[str, Constant] | None = None,
        features: Mapping[str, str] | None = None,
    ) -> None:
        self.parameters = tuple(parameters)
        self.constraints = tuple(constraints)
        self.constants = dict(constants or {})
        self.features = dict(features or {})
        self.names = tuple(parameter.name for parameter in self.parameters)
        self._rules, self._features = declared(self.parameters, self.constraints, self.constants, self.features)
        self._restriction: Listing | None = None
        self._row_memo: dict[tuple[tuple[str, Any], ...], int] = {}

    def __repr__(self) -> str:
        return f"SearchSpace({len(self.parameters)} parameters, {len(self.constraints)} constraints)"

    # -- codes ---------------------------------------------------------------------------------------------------

    def encode(self, configuration: Mapping[str, Any]) -> Codes:
        """Encode a configuration, shape ``[d]``; absent parameters get ``-1``. Rules are not checked.

        Raises:
            InvalidConfiguration: a name is unknown, or a value is outside its domain.
        """
        codes = np.full(len(self.parameters), INACTIVE, dtype=np.int32)
        for name, value in configuration.items():
            i = self._rules.index.get(name)
            if i is None:
                raise InvalidConfiguration(f"unknown parameter {name!r}")
            parameter = self.parameters[i]
            if isinstance(parameter, Permutation) and not isinstance(value, str):
                value = tuple(value)
            try:
                codes[i] = parameter.code_of[value]
            except (KeyError, TypeError):
                raise InvalidConfiguration(f"{name}={value!r} is not among its values {_shown(parameter)}") from None
        return codes

    def encode_many(self, configurations: Sequence[Mapping[str, Any]]) -> Codes:
        """Encode several configurations, shape ``[n, d]``."""
        rows = [self.encode(configuration) for configuration in configurations]
        return np.array(rows, dtype=np.int32).reshape(len(rows), len(self.parameters))

    def decode(self, codes: Codes) -> dict[str, Value]:
        """Decode one row of codes, shape ``[d]``, into a configuration."""
        return {
            parameter.name: parameter.values[code]
            for parameter, code in zip(self.parameters, codes.tolist(), strict=True)
            if code >= 0
        }

    @property
    def deciding(self) -> frozenset[str]:
        """Names of the parameters that conditions of others mention."""
        mentioned = [condition.names for condition in self._rules.conditions if condition is not None]
        return frozenset().union(*mentioned) & frozenset(self.names)

    def active(self, i: int, codes: Codes) -> NDArray[np.bool_]:
        """The rows in which parameter ``i`` is active; the parameters before it must be placed. Shape ``[n]``."""
        return self._rules.active(i, codes)

    # -- single configurations -----------------------------------------------------------------------------------

    def canonicalize(self, configuration: Mapping[str, Any]) -> dict[str, Value]:
        """Return a configuration's canonical form: only active parameters, in declared order, with declared values.

        Raises:
            InvalidConfiguration: a name is unknown, a value is outside its domain, or an active parameter is missing.
        """
        codes = self._rules.deactivate(self.encode(configuration)[None, :])
        missing = [
            name for i, name in enumerate(self.names) if codes[0, i] < 0 and bool(self._rules.active(i, codes)[0])
        ]
        if missing:
            raise InvalidConfiguration(f"parameter {missing[0]!r} is active and has no value")
        return self.decode(codes[0])

    def key(self, configuration: Mapping[str, Any]) -> str:
        """Return a string that is equal for two configurations exactly if their canonical forms are equal."""
        return self.key_of_codes(self.encode(self.canonicalize(configuration)))

    def key_of_codes(self, codes: Codes) -> str:
        """Return the key of one canonical row of codes, shape ``[d]``."""
        return json.dumps(self.decode(codes), separators=(",", ":"))

    def validate(self, configuration: Mapping[str, Any]) -> None:
        """Check every rule.

        Raises:
            InvalidConfiguration: a rule is broken; the message names it and the values that break it.
        """
        given = self.encode(configuration)
        canonical = self.encode(self.canonicalize(configuration))
        for i in np.flatnonzero(given != canonical):
            parameter = self.parameters[i]
            raise InvalidConfiguration(f"parameter {parameter.name!r} is inactive: {parameter.condition!r} is false")
        for constraint in self._rules.constraints:
            if not self._rules.satisfied(constraint, canonical[None, :])[0]:
                values = {**self.constants, **configuration}
                involved = ", ".join(f"{n}={values[n]!r}" for n in values if n in constraint.mentions)
                raise InvalidConfiguration(f"constraint {constraint.source!r} is broken by {involved}")
        if self._restriction is not None and self.row_of_codes(canonical) is None:
            raise InvalidConfiguration("the configuration is not in the restricted space")

    def contains(self, configuration: Mapping[str, Any]) -> bool:
        """Whether a configuration passes :meth:`validate`."""
        try:
            self.validate(configuration)
        except InvalidConfiguration:
            return False
        return True

    # -- the feasible set ----------------------------------------------------------------------------------------

    @cached_property
    def _listing(self) -> Listing:
        if self._restriction is not None:
            return self._restriction
        nothing = np.full((1, len(self.parameters)), FREE, dtype=np.int32)
        limit = min(MAX_ENUMERATED, MAX_ENUMERATED_CODES // len(self.parameters))
        blocks = list(self._rules.complete(nothing, limit))
        return Listing(concatenated(blocks, len(self.parameters)))

    @cached_property
    def enumerable(self) -> bool:
        """Whether the feasible set is small enough to list."""
        try:
            return len(self._listing) >= 0
        except SpaceTooLarge:
            return False

    @property
    def size(self) -> int:
        """The number of feasible configurations.

        Raises:
            SpaceTooLarge: the feasible set is larger than the enumeration limit.
        """
        return len(self._listing)

    def codes(self) -> Codes:
        """Return the feasible set in lexicographic order, shape ``[N, d]``, read-only; ``-1`` where inactive.

        Raises:
            SpaceTooLarge: the feasible set is larger than the enumeration limit.
        """
        return self._listing.rows

    def row_of_codes(self, codes: Codes) -> int | None:
        """Return the row of ``codes`` (shape ``[d]``, canonical) in :meth:`codes`, or ``None`` if not feasible."""
        return self._listing.row_of(codes)

    def feasible(self, codes: Codes) -> NDArray[np.bool_]:
        """Return which rows of codes, shape ``[n, d]``, are canonical and feasible; shape ``[n]``."""
        if self.enumerable:
            return self._listing.holds(codes)
        feasible = self._rules.canonical(codes)
        feasible[feasible] = self._rules.feasible(codes[feasible])
        return feasible

    def satisfied(self, codes: Codes) -> NDArray[np.bool_]:
        """Return which canonical rows, ``[n, d]``, satisfy all constraints, regardless of a restriction; ``[n]``."""
        return self._rules.feasible(codes)

    def row_of(self, configuration: Mapping[str, Any]) -> int | None:
        """Return the row of a configuration in :meth:`codes`, or ``None`` if it is not canonical and feasible."""
        items = tuple(configuration.items())
        try:
            return self._row_memo[items]
        except (KeyError, TypeError):
            pass
        try:
            row = self.row_of_codes(self.encode(configuration))
        except InvalidConfiguration:
            return None
        if row is not None:
            with suppress(TypeError):
                self._row_memo[items] = row
        return row

    def enumerate(self) -> Iterator[dict[str, Value]]:
        """Yield every feasible configuration once, in lexicographic order of codes."""
        return (self.decode(row) for row in self._listing.rows)

    def restricted(self, codes: Codes) -> SearchSpace:
        """Return the same space with its feasible set restricted to ``codes`` (shape ``[n, d]``), the recorded rows.

        Raises:
            SpaceError: a row is not feasible, or occurs twice.
        """
        for row in codes[~self._rules.feasible(codes)][:1]:
            raise SpaceError(f"row {self.decode(row)} is not feasible")
        listing = Listing(codes)
        if listing.repeats:
            raise SpaceError("a row occurs twice")
        space = SearchSpace(self.parameters, self.constraints, self.constants, self.features)
        space._restriction = listing
        return space

    def canonical_codes(self, codes: Codes) -> Codes:
        """Set the code of every inactive parameter to ``-1``; shape ``[n, d]``."""
        return self._rules.deactivate(codes)

    def incomplete(self, codes: Codes) -> NDArray[np.bool_]:
        """Return the rows in which an active parameter has no value, shape ``[n]``."""
        missing = np.zeros(len(codes), dtype=bool)
        for i in range(len(self.parameters)):
            missing |= self._rules.active(i, codes) & (codes[:, i] < 0)
        return missing

    @cached_property
    def _parts(self) -> list[sampling.Part]:
        return sampling.parts(self._rules)

    def sample_codes(self, rng: np.random.Generator, n: int) -> Codes:
        """Draw ``n`` rows uniformly from the feasible set, with replacement; shape ``[n, d]``.

        Raises:
            SpaceError: no feasible row is found.
        """
        if not self.enumerable:
            return sampling.draw(self._parts, len(self.parameters), rng, n)
        if self.size == 0:
            raise SpaceError("the search space has no feasible configuration")
        return self._listing.rows[rng.integers(self.size, size=n)]

    def sample(self, rng: np.random.Generator, n: int) -> list[dict[str, Value]]:
        """Draw ``n`` configurations uniformly from the feasible set, with replacement."""
        return [self.decode(row) for row in self.sample_codes(rng, n)]

    # -- neighbours ----------------------------------------------------------------------------------------------

    def neighbour_codes(self, codes: Codes) -> Codes:
        """Return the feasible one-parameter changes of a feasible row (shape ``[d]``); shape ``[n, d]``, lexicographic.

        Ordered kinds step to the next value up or down, categoricals and booleans to any other value, and permutations
        swap two positions. Parameters that a change activates take every value.

        Raises:
            SpaceTooLarge: a change activates parameters with more than a million combinations.
        """
        changed = neighbours.neighbour_codes(self._rules, codes)
        if self._restriction is not None:
            changed = changed[[self.row_of_codes(row) is not None for row in changed]]
        return changed

    def neighbours(self, configuration: Mapping[str, Any]) -> list[dict[str, Value]]:
        """Return the feasible one-parameter changes of a feasible configuration (see :meth:`neighbour_codes`).

        Raises:
            InvalidConfiguration: ``configuration`` is not feasible.
        """
        self.validate(configuration)
        return [self.decode(row) for row in self.neighbour_codes(self.encode(configuration))]

    # -- models and files ----------------------------------------------------------------------------------------

    def feature_values(self, codes: Codes, names: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Compute the derived features, or those of the given names, shape ``[n, f]``; NaN where a mentioned parameter
        is inactive."""
        wanted = self._features if names is None else {name: self._features[name] for name in names}
        columns = [self._rules.values(feature, codes) for feature in wanted.values()]
        return np.stack(columns, axis=1) if columns else np.empty((len(codes), 0))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document from which :meth:`from_json` rebuilds the space."""
        return {
            "parameters": [parameter.to_json() for parameter in self.parameters],
            "constraints": list(self.constraints),
            "constants": dict(self.constants),
            "features": dict(self.features),
        }

    @classmethod
    def from_json(cls, document: Any) -> SearchSpace:
        """Rebuild a space from the document of :meth:`to_json`.

        Raises:
            SpaceError: a field is at fault; the message names it.
        """
        return cls(**space_arguments(document))


def _shown(parameter: Parameter) -> str:
    shown = [repr(value) for value in parameter.values[:12]]
    return "[" + ", ".join(shown) + (", …]" if parameter.size > 12 else "]")
