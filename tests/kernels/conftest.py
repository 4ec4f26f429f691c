"""Without a GPU, kernels run in Triton's interpreter; Triton decides this when they are imported.

The interpreter is slow, so of a grid of parameters the fast tier has few points, which contain each value of each one.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

import torch

HERE = Path(__file__).parent
Point = frozenset[tuple[str, int]]
"""The values, by identity, that one test has of each of its function's ``parametrize``."""


@pytest.fixture
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def with_each_value(points: Sequence[Point]) -> set[int]:
    """Choose points of a grid that contain each value: next the one with most that are new, and unlike the others."""
    chosen: list[int] = []
    left = frozenset[tuple[str, int]]().union(*points)
    while left:
        unlike = [(len(one & left), -sum(len(one & points[i]) for i in chosen)) for one in points]
        chosen.append(unlike.index(max(unlike)))
        left -= points[chosen[-1]]
    return set(chosen)


def point(test: pytest.Function) -> Point:
    marked = [marker.args[0] for marker in test.iter_markers("parametrize")]
    together = [[name.strip() for name in (names.split(",") if isinstance(names, str) else names)] for names in marked]
    values, known = test.callspec.params, {name for names in together for name in names}
    together += [[name] for name in values if name not in known]  # of fixtures
    return frozenset((",".join(names), hash(tuple(id(values[name]) for name in names))) for names in together)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    grids: dict[str, list[pytest.Function]] = defaultdict(list)
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec") or HERE not in item.path.parents:
            continue
        if not any(item.iter_markers("slow")) and not any(item.iter_markers("gpu")):
            grids[item.nodeid.partition("[")[0]].append(item)
    for tests in grids.values():
        chosen = with_each_value([point(test) for test in tests])
        for test in (test for i, test in enumerate(tests) if i not in chosen):
            test.add_marker(pytest.mark.slow)
