"""YAML of somebody's folder: what it stands for is bounded before anything is made of it.

``analysis/runs/documents.py`` has the same rules, since neither half imports the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_CHARACTERS = 1 << 20
"""Of a document: what a person or a run writes has some thousands, and a megabyte takes seconds to read."""
MAX_NODES = 1_000_000
"""Of a document with every alias written out: a kilobyte of aliases stands for more than any machine holds."""
MAX_DEPTH = 100
MAX_DIGITS = 1000
"""Of a number: more than any has, and fewer than take time or cannot be printed."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_SHALLOW = 4_000
"""Levels that libyaml's own recursion holds by far; a document of a hundred thousand ends the process."""


def load_yaml(text: str, loader: Any = YAML_LOADER) -> Any:
    """What a YAML document says.

    Args:
        loader: a class of PyYAML that makes plain values alone.

    Raises:
        yaml.YAMLError: not YAML, or size, aliases or depth beyond the bounds.
    """
    with _bounded(text, loader) as (reader, node):
        if node is not None and _size(node, {}, 0) > MAX_NODES:
            raise yaml.YAMLError(f"its aliases stand for more than {MAX_NODES} values: expected none")
        return None if node is None else reader.construct_document(node)


def check_yaml(text: str, at_most: int) -> None:
    """Refuse a document that is for somebody else's reader, before that one makes anything of it.

    Args:
        at_most: values that it may stand for, every alias written out.

    Raises:
        yaml.YAMLError: not YAML, or size, aliases or depth beyond the bounds.
    """
    with _bounded(text, YAML_LOADER) as (_, node):
        if node is not None and _size(node, {}, 0) > at_most:
            raise yaml.YAMLError(f"with its aliases written out it is more than {at_most} values: expected fewer")


@contextmanager
def _bounded(text: str, loader: Any) -> Iterator[tuple[Any, yaml.Node | None]]:
    """A reader and the document's node; what is wrong with either is one kind of error."""
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"{len(text)} characters: expected at most {MAX_CHARACTERS}")
    if _may_be_deep(text):
        _check_depth(text)
    reader = loader(text)
    try:
        yield reader, reader.get_single_node()
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    except (ValueError, OverflowError) as error:  # a date that is none, a number of too many digits
        raise yaml.YAMLError(f"a value that is none: {error}") from None
    finally:
        reader.dispose()


def _may_be_deep(text: str) -> bool:
    """Whether brackets or columns would do for a depth that is not safe to look into; costs next to nothing."""
    longest = max(map(len, text.splitlines()), default=0)
    return text.count("[") + text.count("{") + 2 * longest > _SHALLOW


def _check_depth(text: str) -> None:
    """By the events of the document, which come without any recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=YAML_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Nodes from a node on, with every alias written out."""
    if id(node) in known:
        return known[id(node)]
    if depth > MAX_DEPTH:  # also an alias of what it stands in
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
