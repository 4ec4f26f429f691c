"""Limit the work of a configuration's interpolations, which OmegaConf resolves anew at every reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import UserError

MOST = 10_000
"""Most interpolations resolved for one value. NearOpt's need some dozens; a chain that doubles thirty times needs
10^9."""
DEEPEST = 50
"""Deepest chain of references, which OmegaConf resolves recursively."""
_REFERENCE = re.compile(r"\$\{\s*(\.*[\w.\-]+(?:\[\w+\])*)\s*\}")

Path = tuple[str, ...]


def check_interpolations(document: Any) -> None:
    """Refuse a configuration with a value that needs more than :data:`MOST` steps or :data:`DEEPEST` levels to resolve.

    Args:
        document: plain types, with interpolations unresolved.

    Raises:
        UserError: naming the value.
    """
    known: dict[Path, tuple[int, int]] = {}
    for path, value in _values(document, ()):
        if isinstance(value, str) and "${" in value:
            steps, depth = _work(document, path, known, 0)
            name = ".".join(path)
            if depth > DEEPEST:
                raise UserError(f"{name}: interpolations are nested more than {DEEPEST} deep")
            if steps > MOST:
                raise UserError(f"{name}: resolving it takes more than {MOST} interpolations")


def _values(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every leaf below a node, with its path."""
    if isinstance(node, Mapping):
        items: Any = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    else:
        yield path, node
        return
    for key, value in items:
        yield from _values(value, (*path, str(key)))


def _work(document: Any, path: Path, known: dict[Path, tuple[int, int]], above: int) -> tuple[int, int]:
    """The number of references that resolving ``path`` follows, and the length of their longest chain.

    OmegaConf reports missing and circular references. ``above`` is the depth so far, which bounds the recursion.
    """
    if path in known or above > DEEPEST:
        return known.get(path, (0, DEEPEST))
    known[path] = (1, 1)  # value for a circular reference
    steps = depth = 0
    for at, value in _values(_at(document, path), path):
        if isinstance(value, str) and "${" in value:
            for reference in _REFERENCE.findall(value):
                own, below = _work(document, _absolute(reference, at), known, above + 1)
                steps, depth = steps + 1 + own, max(depth, 1 + below)
    known[path] = (steps, depth)
    return steps, depth


def _absolute(reference: str, at: Path) -> Path:
    names = tuple(re.findall(r"[\w\-]+", reference))
    dots = len(reference) - len(reference.lstrip("."))
    return (*at[: len(at) - dots], *names) if dots else names


def _at(document: Any, path: Path) -> Any:
    node = document
    for name in path:
        if isinstance(node, Mapping):
            node = next((value for key, value in node.items() if str(key) == name), None)
        elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node
