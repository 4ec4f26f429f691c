"""How much work a configuration's interpolations are: OmegaConf resolves each anew wherever it is referred to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import UserError

MOST = 10_000
"""Interpolations that are resolved for one value. Ours need some dozens; a chain that doubles thirty times, 10^9."""
_REFERENCE = re.compile(r"\$\{\s*(\.*[\w.\-]+(?:\[\w+\])*)\s*\}")

Path = tuple[str, ...]


def check_interpolations(document: Any) -> None:
    """Refuse a configuration of which a value takes more than :data:`MOST` steps to resolve.

    Args:
        document: in plain types, not resolved.

    Raises:
        UserError: naming the value.
    """
    steps: dict[Path, int] = {}
    for path, value in _values(document, ()):
        if isinstance(value, str) and "${" in value and _steps(document, path, steps, 0) > MOST:
            name = ".".join(path)
            raise UserError(f"{name}: its interpolations are resolved more than {MOST} times: expected fewer")


def _values(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Everything below a node that holds nothing itself."""
    if isinstance(node, Mapping):
        items: Any = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    else:
        yield path, node
        return
    for key, value in items:
        yield from _values(value, (*path, str(key)))


def _steps(document: Any, path: Path, known: dict[Path, int], depth: int) -> int:
    """References that resolving what is at ``path`` follows; one that leads nowhere, or in a circle, is OmegaConf's."""
    if path in known:
        return known[path]
    if depth > MOST:
        return MOST + 1
    known[path] = 1  # of a circle
    total = 0
    for at, value in _values(_at(document, path), path):
        if isinstance(value, str) and "${" in value:
            for reference in _REFERENCE.findall(value):
                total += 1 + _steps(document, _absolute(reference, at), known, depth + 1)
    known[path] = total
    return total


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
