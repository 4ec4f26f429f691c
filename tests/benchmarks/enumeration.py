"""Seconds to list the few feasible of ten million combinations: ``python -m tests.benchmarks.enumeration``."""

from __future__ import annotations

import time

from search_spaces.parameter import Ordinal
from search_spaces.space import SearchSpace

RULES = {
    "one rule over all parameters": ["a * b * c * d * e * f * g == 2520"],
    "rules that prune early": ["a + b <= 4", "c * d <= 6", "e == f", "g > a * b"],
}


def main() -> None:
    """Print a line for each kind of rule."""
    wide = [Ordinal(name, tuple(range(1, 11))) for name in "abcdefg"]
    for name, rules in RULES.items():
        started = time.perf_counter()
        size = SearchSpace(wide, rules).size
        print(f"{name}: {size} of 10,000,000 in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
