"""The small documents of a run directory, which may come from anywhere: bounded before anything is made of them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_BYTES = 1 << 24
MAX_NODES = 1_000_000
"""Of a YAML document with every alias written out: a kilobyte of aliases stands for more than any machine holds."""
MAX_DEPTH = 100


def check_regular(path: Path) -> None:
    """Refuse what would keep a reader waiting: a pipe, a device.

    Raises:
        OSError: no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))


def read_text(path: Path) -> str:
    """A document's text.

    Raises:
        OSError: not readable, no regular file, or larger than any document of a run.
        UnicodeDecodeError: not UTF-8.
    """
    check_regular(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(None, f"more than {MAX_BYTES >> 20} MiB", str(path))
    return data.decode("utf-8")


def load_yaml(text: str) -> Any:
    """What a YAML document says, of which aliases make little more than what is written.

    Raises:
        yaml.YAMLError: not YAML, or aliases and depth beyond the bounds.
    """
    loader = YAML_LOADER(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}, 0) > MAX_NODES:
            raise yaml.YAMLError(
                f"its aliases stand for more than {MAX_NODES} values: expected a document without them"
            )
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Nodes below a node with every alias written out."""
    if id(node) in known:
        return known[id(node)]
    if depth > MAX_DEPTH:  # also an alias of what it stands in
        raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")
    inner = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    size = 1 + sum(_size(part, known, depth + 1) for part in inner)
    known[id(node)] = size
    return size
