"""Configurations drawn as Helion's own random search draws them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np
from helion.exc import InvalidConfig

from kernels.helion.description import config_spec
from kernels.helion.target import Target, visible
from search_spaces.enumeration import INACTIVE, Codes
from search_spaces.helion import description_of, overrides, values_of
from search_spaces.space import SearchSpace


class HelionDraws:
    """Draws of ``ConfigGeneration.random_config``, which Helion's RandomSearch and first populations use.

    Each tunable is drawn independently, tiles are halved until a thread's elements are below a random limit, and
    incompatible values are normalised. So the draws are uniform neither over configurations nor over values.

    Args:
        space: the space of a Helion kernel.

    Raises:
        ValueError: it is another space, or another version of Helion described it.
    """

    def __init__(self, space: SearchSpace) -> None:
        description = description_of(space)
        if description is None:
            raise ValueError("the space has no helion_spec: expected the space of a Helion kernel")
        major, minor = description["capability"] or (9, 0)
        self._target = Target(description["num_sm"], 10 * major + minor)
        self._space = space
        with visible(self._target):
            self._generation = config_spec(description).create_config_generation(
                overrides=overrides(description) or None
            )

    @property
    def how(self) -> str:
        """How the draws are made, in words, for a landscape's metadata."""
        return f"ConfigGeneration.random_config of helion {version('helion')}"

    def codes(self, seeds: Sequence[int]) -> Codes:
        """One canonical row per seed, shape ``[n, d]``; all ``-1`` if Helion finds no valid configuration.

        Rows may violate the space's constraints, one of which is not Helion's.
        """
        rows = np.full((len(seeds), len(self._space.parameters)), INACTIVE, dtype=np.int32)
        with visible(self._target), own_generator():
            for row, seed in zip(rows, seeds, strict=True):
                random.seed(seed)
                try:
                    config = self._generation.random_config().config
                except InvalidConfig:
                    continue
                row[:] = self._space.encode(values_of(config, self._space))
        drawn = (rows != INACTIVE).any(axis=1)
        for i, _ in enumerate(self._space.parameters):
            rows[~(self._space.active(i, rows) & drawn), i] = INACTIVE
        return rows


@contextmanager
def own_generator() -> Iterator[None]:
    """Restore Python's global generator, from which Helion draws, after the block, which may seed it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
