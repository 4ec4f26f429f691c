"""Check results of configurations, some of which need more of the GPU than it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from triton.runtime.errors import OutOfResources

from harness.evaluation import Configuration


def assert_right_where_they_fit(
    configurations: Sequence[Configuration], error_of: Callable[[Configuration], float], tolerance: float
) -> None:
    """Check that every configuration is right, except a few whose buffers the space leaves to the GPU to refuse."""
    fitting = 0
    for configuration in configurations:
        with suppress(OutOfResources):
            assert error_of(configuration) <= tolerance, configuration
            fitting += 1
    assert fitting > 0.7 * len(configurations)
