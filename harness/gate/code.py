"""A digest of the code that decides a strategy's runs: finished runs are used again only for the same code."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.run.provenance import versions
from harness.system.digest import digest

OURS = ("harness", "search_spaces")
SUFFIXES = frozenset({".py", ".so", ".pyd", ".json", ".yaml", ".toml"})


def code_digest(strategy: Mapping[str, Any]) -> str:
    """Over every source file of ours and of the packages that the strategy's targets are in, and all versions.

    Rather too much than too little: a run that is used again although the code has changed would hide the change.
    """
    packages = sorted({*OURS, *(target.split(".", 1)[0] for target in _targets(strategy))})
    code = {name: _package(name) for name in packages}
    return digest({"code": code, "versions": dict(versions()), "python": platform.python_version()})


def _targets(document: Any) -> Iterator[str]:
    """Every ``_target_`` in nested arguments."""
    if isinstance(document, Mapping):
        if isinstance(target := document.get("_target_"), str):
            yield target
        for value in document.values():
            yield from _targets(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _targets(value)


@lru_cache(maxsize=32)
def _package(name: str) -> str:
    """Empty for what cannot be found or has no source file: the run itself will say so, or the versions cover it."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    if spec.submodule_search_locations:
        files = [file for folder in spec.submodule_search_locations for file in sorted(Path(folder).rglob("*"))]
    else:  # a module beside others that it may import
        files = sorted(Path(spec.origin).parent.glob("*.py")) if spec.origin and Path(spec.origin).is_file() else []
    whole = hashlib.sha256()
    for file in files:
        if file.suffix in SUFFIXES and "_data" not in file.parts and file.is_file():
            whole.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
