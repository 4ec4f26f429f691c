"""Small search spaces that together cover everything that a strategy may encounter."""

from __future__ import annotations

from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Permutation
from search_spaces.space import SearchSpace


def plain() -> SearchSpace:
    """Every ordered kind and a categorical, no rules: 240 configurations."""
    return SearchSpace(
        [
            Ordinal("block", (16, 32, 64, 128, 256), "log2"),
            Integer("stages", 1, 4),
            Boolean("pad"),
            Categorical("order", ("row", "column", "group")),
            Ordinal("share", (0.25, 1.0)),
        ]
    )


def constrained() -> SearchSpace:
    """Two thirds of the product break a constraint; a feature is declared."""
    return SearchSpace(
        [
            Ordinal("m", (1, 2, 4, 8, 16, 32), "log2"),
            Ordinal("n", (1, 2, 4, 8, 16, 32), "log2"),
            Integer("k", 1, 4),
        ],
        constraints=("m * n <= limit", "n % k == 0"),
        constants={"limit": 64},
        features={"area": "m * n"},
    )


def conditional(names: tuple[str, str, str] = ("direct", "split", "persistent")) -> SearchSpace:
    """Nested conditions, one of them on two values, and a feature that may be undefined: 44 configurations.

    Args:
        names: names of the three schemes, in declaration order.
    """
    direct, split, persistent = names
    return SearchSpace(
        [
            Categorical("scheme", names),
            Ordinal("tile", (16, 32), "log2"),
            Ordinal("factor", (2, 4, 8), "log2", active_when=f"scheme == '{split}'"),
            Boolean("atomic", active_when=f"scheme == '{split}'"),
            Integer("groups", 1, 3, active_when="atomic == False"),
            Boolean("prefetch", active_when=f"scheme in ('{direct}', '{persistent}')"),
            Integer("waves", 1, 2, active_when=f"scheme == '{persistent}'"),
        ],
        features={"work": "tile * factor"},
    )


def permuted() -> SearchSpace:
    """A loop order under a constraint, and a second one that may be inactive."""
    return SearchSpace(
        [
            Permutation("loops", 4),
            Boolean("nested"),
            Permutation("inner", 3, active_when="nested"),
        ],
        constraints=("loops[0] != 3",),
    )


def single() -> SearchSpace:
    """A space with one configuration."""
    return SearchSpace([Ordinal("block", (64,)), Boolean("pad")], constraints=("pad",))


def huge() -> SearchSpace:
    """A space far beyond the enumeration limit: about 10^12 configurations."""
    parameters = [Integer(f"p{i}", 0, 15) for i in range(10)]
    return SearchSpace([*parameters, Boolean("extra", active_when="p0 > 7")], constraints=("p1 <= p2",))
