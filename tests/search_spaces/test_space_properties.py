"""Properties of any search space, on random ones, against a brute-force definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from search_spaces import sampling
from search_spaces.errors import InvalidConfiguration
from search_spaces.parameter import Boolean, Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.search_spaces.random_spaces import brute_force, spaces


@settings(max_examples=150, deadline=None)
@given(spaces())
def test_enumeration_is_the_brute_force_set(space: SearchSpace) -> None:
    expected = {space.key(configuration) for configuration in brute_force(space)}
    listed = [space.key(configuration) for configuration in space.enumerate()]
    assert len(listed) == len(set(listed)) == space.size
    assert set(listed) == expected


@settings(max_examples=80, deadline=None)
@given(spaces(), st.integers(0, 2**32))
def test_every_configuration_is_valid_canonical_and_survives_codes_and_json(space: SearchSpace, seed: int) -> None:
    assume(space.size > 0)
    again = SearchSpace.from_json(space.to_json())
    rng = np.random.default_rng(seed)
    for configuration in space.sample(rng, 5):
        space.validate(configuration)
        assert list(space.canonicalize(configuration).items()) == list(configuration.items())
        assert space.decode(space.encode(configuration)) == configuration
        assert again.key(configuration) == space.key(configuration)
        row = space.row_of(configuration)
        assert row is not None
        assert np.array_equal(space.codes()[row], space.encode(configuration))


@settings(max_examples=80, deadline=None)
@given(spaces(), st.data())
def test_canonicalize_drops_what_is_inactive_and_is_idempotent(space: SearchSpace, data: st.DataObject) -> None:
    full = {p.name: data.draw(st.sampled_from(p.values)) for p in space.parameters}
    canonical = space.canonicalize(full)
    assert space.canonicalize(canonical) == canonical
    assert canonical.items() <= full.items()
    assert space.key(full) == space.key(canonical)
    if canonical != full:
        with pytest.raises(InvalidConfiguration, match="is inactive"):
            space.validate(full)
    else:
        assert space.contains(full) == (canonical in brute_force(space))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32))
def test_neighbours_are_valid_others_and_symmetric(space: SearchSpace, seed: int) -> None:
    assume(space.size > 0)
    configuration = space.sample(np.random.default_rng(seed), 1)[0]
    neighbours = space.neighbours(configuration)
    keys = {space.key(neighbour) for neighbour in neighbours}
    assert len(keys) == len(neighbours)
    assert space.key(configuration) not in keys
    for neighbour in neighbours:
        space.validate(neighbour)
        assert configuration in space.neighbours(neighbour)


@settings(max_examples=40, deadline=None)
@given(spaces(at_most=4), st.integers(0, 2**32), st.sampled_from([None, 1_000_000, 0]))
def test_sampling_is_uniform_over_the_enumerated_set(space: SearchSpace, seed: int, max_listed: int | None) -> None:
    """Draws come from the table, part by part as in a space too large to list, or by rejection."""
    assume(2 <= space.size <= 60)
    rng, n = np.random.default_rng(seed), 200 * space.size
    if max_listed is None:
        draws = space.sample_codes(rng, n)
    else:
        draws = sampling.draw(sampling.parts(space._rules, max_listed), len(space.names), rng, n)
    rows = [space.row_of_codes(row) for row in draws]
    assert None not in rows
    counts = np.bincount(np.array(rows, dtype=int), minlength=space.size)
    assert chisquare(counts).pvalue > 1e-6


def test_keys_tell_apart_what_looks_alike() -> None:
    space = SearchSpace([Categorical("a", ("1", 1, "True", 'x","b":2')), Boolean("b"), Ordinal("c", (1, 2.5))])
    keys = [space.key(configuration) for configuration in space.enumerate()]
    assert len(set(keys)) == space.size == 4 * 2 * 2
