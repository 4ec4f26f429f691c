"""YAML of somebody's folder: what its aliases stand for is bounded before anything is made of it."""

from __future__ import annotations

from typing import Any

import yaml

MAX_NODES = 1_000_000
"""Of a document with every alias written out: a kilobyte of aliases stands for more than any machine holds."""
MAX_DEPTH = 100


def load_yaml(text: str) -> Any:
    """What a YAML document says.

    Raises:
        yaml.YAMLError: not YAML, or aliases and depth beyond the bounds.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None and _size(node, {}, 0) > MAX_NODES:
            raise yaml.YAMLError(f"its aliases stand for more than {MAX_NODES} values: expected none")
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Nodes from a node on, with every alias written out."""
    if id(node) in known:
        return known[id(node)]
    if depth > MAX_DEPTH:  # also an alias of what it stands in
        raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    known[id(node)] = 1 + sum(_size(part, known, depth + 1) for part in inner)
    return known[id(node)]
