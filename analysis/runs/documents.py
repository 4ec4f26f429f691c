"""Read the small documents of a run directory, which may come from anywhere, within limits.

``harness/system/yaml_text.py`` has the same rules for YAML, because the two halves do not import each other.
"""

from __future__ import annotations

import json
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

import yaml

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_BYTES = 1 << 24
"""Size limit of a file."""
MAX_CHARACTERS = 1 << 20
"""Length limit of a YAML document: usual ones have some thousands of characters; a megabyte takes seconds."""
MAX_NODES = 1_000_000
"""Size limit of a document with expanded aliases: a kilobyte of aliases may expand beyond any memory."""
MAX_DEPTH = 100
MAX_DIGITS = 1000
"""Digit limit of a number: more than any real one has, and few enough to be parsed and printed quickly."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_SHALLOW = 4_000
"""Depth limit, far within libyaml's recursion; a document with a hundred thousand levels would crash the process."""


def check_regular(path: Path) -> None:
    """Refuse pipes and devices, which could block a reader.

    Raises:
        OSError: not a regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))


def read_text(path: Path) -> str:
    """Read the text of a document.

    Raises:
        OSError: not readable, no regular file, or larger than any document of a run.
        UnicodeDecodeError: not UTF-8.
    """
    return read_bytes(path).decode("utf-8")


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a document.

    Raises:
        OSError: not readable, no regular file, or larger than any document of a run.
    """
    with BufferedReader(FileIO(str(path), "r", opener=without_waiting)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "not a regular file", str(path))
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(None, f"more than {MAX_BYTES >> 20} MiB", str(path))
    return data


def without_waiting(name: str, flags: int) -> int:
    """Open a file for :class:`io.FileIO` without blocking, as opening a pipe without a writer would."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        OSError: not readable, no regular file, or larger than any document of a run.
        ValueError: not JSON, or nested too deeply.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def load_yaml(text: str, loader: Any = YAML_LOADER) -> Any:
    """Parse a YAML document.

    Args:
        loader: a PyYAML loader class that creates only plain values.

    Raises:
        yaml.YAMLError: not YAML, or size, aliases or depth beyond the bounds.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"{len(text)} characters: expected at most {MAX_CHARACTERS}")
    if _may_be_deep(text):
        _check_depth(text)
    reader = loader(text)
    try:
        node = reader.get_single_node()
        if node is not None and _size(node, {}, 0) > MAX_NODES:
            raise yaml.YAMLError(f"its aliases expand to more than {MAX_NODES} values: expected none")
        return None if node is None else reader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    except (ValueError, OverflowError) as error:  # an invalid date, a number with too many digits
        raise yaml.YAMLError(f"an invalid value: {error}") from None
    finally:
        reader.dispose()


def _may_be_deep(text: str) -> bool:
    """Whether the document may be too deep, by its brackets and indentation; a cheap test."""
    longest = max(map(len, text.splitlines()), default=0)
    return text.count("[") + text.count("{") + 2 * longest > _SHALLOW


def _check_depth(text: str) -> None:
    """Check the depth by the events of the document, which needs no recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=YAML_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested more than {MAX_DEPTH} deep")


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """The number of nodes below a node, with aliases expanded."""
    if id(node) in known:
        return known[id(node)]
    if depth > MAX_DEPTH:  # also a recursive alias
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
