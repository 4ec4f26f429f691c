"""Numeric views of configurations, for models and for distances.

Every parameter becomes a *block* of columns in which squared Euclidean distance is at most 1:

* numbers: one column, evenly spaced on the declared scale (log2 or linear);
* categoricals: the corners of a simplex, so that any two values differ by 1 (Hamming);
* permutations: squared distance is the fraction of positions that differ;
* parameters that may be inactive, with ``activity="arc"``: the values lie on a sphere of radius 1/sqrt 2 (numbers on a
  quarter circle), and *inactive* lies at its centre. Two configurations in which the parameter is inactive do not
  differ in it, and an inactive parameter is equally far from every value. This is the arc embedding of Swersky et al.
  (2014), *Raiders of the Lost Architecture*, after Hutter & Osborne (2013), with a quarter circle. Because distances
  are those between points of an embedding, any stationary kernel stays valid;
* the same parameters with ``activity="impute"``: *inactive* lies in the middle of the values, as a typical value does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search_spaces.parameter import Ordinal, Parameter, Permutation
from search_spaces.space import SearchSpace

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Activity = Literal["arc", "impute"]
BlockKind = Literal["category", "number", "feature"]
"""The kind of a block; permutations count as categories."""
FEATURE_SAMPLE = 4096
LOG_RATIO = 8.0


def positions(parameter: Parameter) -> Floats:
    """Position of every value of an ordered parameter (or boolean) on its declared scale, [m] in [0, 1]."""
    values = np.array([float(value) for value in parameter.values if not isinstance(value, str | tuple)])
    return normalised(parameter, values)


def normalised(parameter: Parameter, values: Floats) -> Floats:
    """Convert numbers to the scale on which a parameter's own values span [0, 1]."""
    own = np.array([float(value) for value in parameter.values if not isinstance(value, str | tuple)])
    if isinstance(parameter, Ordinal) and parameter.scale == "log2":
        own = np.log2(own)
        values = np.log2(np.maximum(values, np.finfo(float).tiny))
    span = own[-1] - own[0]
    out: Floats = (values - own[0]) / (span or 1.0)
    return out


def is_number(parameter: Parameter) -> bool:
    """Whether a parameter's values lie on a line: ordinals, integers, booleans."""
    return parameter.ordered or parameter.kind == "boolean"


def arc(x: Floats) -> Floats:
    """Place numbers in [0, 1] on a quarter circle of radius 1/sqrt 2 around *inactive*: [m] -> [m, 2].

    The chord from 0 to 1 has length 1.
    """
    angle = 0.5 * np.pi * x
    points: Floats = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 0.5**0.5
    return points


def parameter_table(parameter: Parameter, on_arc: bool) -> Floats:
    """A point for each value, then one for *inactive* (code -1 indexes the last row): [m + 1, columns]."""
    if is_number(parameter):
        x = positions(parameter)
        if not on_arc:
            return np.append(x, 0.5)[:, None]
        points = arc(x)
    elif isinstance(parameter, Permutation):
        orders = np.array(parameter.values, dtype=int)
        points = np.eye(parameter.length)[orders].reshape(len(orders), -1) / np.sqrt(2.0 * parameter.length)
    else:
        points = np.eye(parameter.size) * 0.5**0.5
    return np.vstack([points, np.zeros(points.shape[1]) if on_arc else points.mean(axis=0)])


def order_of_keys(keys: Sequence[float]) -> tuple[int, ...]:
    """The permutation that a key per item stands for: items by increasing key (Bean 1994, *Genetic
    Algorithms and Random Keys*). Equal keys keep their order."""
    return tuple(int(item) for item in np.argsort(np.asarray(keys), kind="stable"))


def keys_of_order(order: Sequence[int]) -> tuple[int, ...]:
    """Rank of every item in a permutation; :func:`order_of_keys` turns these keys back into the permutation."""
    return tuple(int(rank) for rank in np.argsort(np.asarray(order), kind="stable"))


class Encoding:
    """The points of a space's configurations: parameters first, then declared features.

    Features are scaled to [0, 1] over the feasible set, on a log axis if they are positive and
    span more than a factor of 8. Parameters and features with a single value are left out.

    Args:
        space: the space to encode.
        features: whether to append the features that the space declares.
        activity: where inactive parameters are placed, ``arc`` or ``impute``.
    """

    def __init__(self, space: SearchSpace, features: bool = True, activity: Activity = "arc") -> None:
        self.space = space
        self._arc = activity == "arc"
        self._with_features = features and bool(space.features)
        self._tables = {
            i: parameter_table(parameter, self._arc and parameter.condition is not None)
            for i, parameter in enumerate(space.parameters)
            if parameter.size > 1
        }
        self._scales = self._feature_scales() if self._with_features else ()

    def _feature_scales(self) -> tuple[tuple[int, float, float, bool, bool], ...]:
        """The tuple (feature, low, high, log axis, on an arc) of every feature that varies."""
        if self.space.enumerable:
            codes = self.space.codes()
        else:
            codes = self.space.sample_codes(np.random.default_rng(0), FEATURE_SAMPLE)
        scales = []
        for i, column in enumerate(self.space.feature_values(codes).T):
            seen = column[np.isfinite(column)]
            if seen.size == 0 or seen.min() == seen.max():
                continue
            log = bool(seen.min() > 0 and seen.max() > LOG_RATIO * seen.min())
            low, high = (np.log2(seen.min()), np.log2(seen.max())) if log else (seen.min(), seen.max())
            scales.append((i, float(low), float(high), log, self._arc and seen.size < column.size))
        return tuple(scales)

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """The columns of each parameter that varies, then of each feature."""
        widths = [table.shape[1] for table in self._tables.values()]
        widths += [2 if on_arc else 1 for *_, on_arc in self._scales]
        ends = np.cumsum(widths).tolist()
        return tuple(slice(end - width, end) for end, width in zip(ends, widths, strict=True))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each block."""
        features = tuple(self.space.features)
        return (
            *(self.space.names[i] for i in self._tables),
            *(features[i] for i, *_ in self._scales),
        )

    @cached_property
    def kinds(self) -> tuple[BlockKind, ...]:
        """The kind of each block."""
        numbers = [is_number(self.space.parameters[i]) for i in self._tables]
        kinds: list[BlockKind] = ["number" if number else "category" for number in numbers]
        features: list[BlockKind] = ["feature"] * len(self._scales)
        return (*kinds, *features)

    def points(self, codes: Codes) -> Floats:
        """Convert rows of codes, [n, d], to points, [n, D]."""
        columns = [table[codes[:, i]] for i, table in self._tables.items()]
        if self._scales:
            values = self.space.feature_values(codes)
            columns += [self._feature(values[:, scale[0]], scale) for scale in self._scales]
        return np.hstack(columns) if columns else np.zeros((len(codes), 0))

    def labels(self, codes: Codes) -> list[NDArray[np.intp] | None]:
        """For each block a label of 0 or more per row of codes, [n]; a feature's block has none.

        Rows with the same label have the same point there.
        """
        return [*(codes[:, i].astype(np.intp) + 1 for i in self._tables), *(None for _ in self._scales)]

    @staticmethod
    def _feature(values: Floats, scale: tuple[int, float, float, bool, bool]) -> Floats:
        _, low, high, log, on_arc = scale
        if log:
            values = np.log2(np.maximum(values, np.finfo(float).tiny))
        x = np.clip((values - low) / (high - low), 0.0, 1.0)
        if not on_arc:
            return np.nan_to_num(x, nan=0.5)[:, None]
        return np.nan_to_num(arc(x))
