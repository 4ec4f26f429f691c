"""Load YAML from a user's folder, checking its expanded size before it is processed.

``analysis/runs/documents.py`` has the same rules, since neither half imports the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_CHARACTERS = 1 << 20
"""Longest document in characters: typical ones have some thousands, and a megabyte takes seconds to read."""
MAX_NODES = 1_000_000
"""Most nodes of a document with aliases expanded: a kilobyte of aliases can expand beyond any memory."""
MAX_DEPTH = 100
MAX_DIGITS = 1000
"""Most digits of a number: more than any needs, and few enough to convert and print quickly."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_SHALLOW = 4_000
"""Deepest nesting, far below what libyaml's recursion survives; a hundred thousand levels crash the process."""


def load_yaml(text: str, loader: Any = YAML_LOADER) -> Any:
    """Load a YAML document.

    Args:
        loader: a PyYAML loader class that creates only plain values.

    Raises:
        yaml.YAMLError: the text is not YAML, or exceeds the limits of size, aliases or depth.
    """
    with _bounded(text, loader) as (reader, node):
        if node is not None and _size(node, {}, 0) > MAX_NODES:
            raise yaml.YAMLError(f"its aliases expand to more than {MAX_NODES} values: expected none")
        return None if node is None else reader.construct_document(node)


def check_yaml(text: str, at_most: int) -> None:
    """Check a document before another reader processes it.

    Args:
        at_most: most values that it may have with aliases expanded.

    Raises:
        yaml.YAMLError: the text is not YAML, or exceeds the limits of size, aliases or depth.
    """
    with _bounded(text, YAML_LOADER) as (_, node):
        if node is not None and _size(node, {}, 0) > at_most:
            raise yaml.YAMLError(f"it has more than {at_most} values with its aliases expanded: expected fewer")


@contextmanager
def _bounded(text: str, loader: Any) -> Iterator[tuple[Any, yaml.Node | None]]:
    """Yield a loader and the document's node, with all errors converted to ``yaml.YAMLError``."""
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"{len(text)} characters: expected at most {MAX_CHARACTERS}")
    if _may_be_deep(text):
        _check_depth(text)
    reader = loader(text)
    try:
        yield reader, reader.get_single_node()
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    except (ValueError, OverflowError) as error:  # an invalid date, a number of too many digits
        raise yaml.YAMLError(f"an invalid value: {error}") from None
    finally:
        reader.dispose()


def _may_be_deep(text: str) -> bool:
    """Whether brackets or indentation may give an unsafe depth; a cheap check."""
    longest = max(map(len, text.splitlines()), default=0)
    return text.count("[") + text.count("{") + 2 * longest > _SHALLOW


def _check_depth(text: str) -> None:
    """Check the depth by the document's events, which need no recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=YAML_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """The number of nodes below a node, with aliases expanded."""
    if id(node) in known:
        return known[id(node)]
    if depth > MAX_DEPTH:  # also for an alias inside its own anchor
        raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.ScalarNode):
        if node.tag in _NUMBERS and len(node.value) > MAX_DIGITS:
            raise yaml.YAMLError(f"a number of {len(node.value)} digits")
    elif isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    known[id(node)] = 1 + sum(_size(part, known, depth + 1) for part in inner)
    return known[id(node)]
