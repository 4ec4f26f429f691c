"""A digest of the code that can change a run's trace, so that runs of edited code are not pooled with older ones.

The digest covers the source files of the strategy and all that it imports, the run loop with its streams, and the
search space. It does not cover the rest of ``harness``, nor libraries, whose versions are in environment.json. A
kernel's source is in the config_hash of its live runs. Bytes count, so that a changed comment changes the digest. In a
package that is not NearOpt's, compiled modules and data beside an imported module count as well, since the module may
read them.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.system.digest import digest

OURS = frozenset({"harness", "search_spaces"})
ROOTS = ("harness.run.loop", "harness.run.overlapped", "harness.run.streams", "search_spaces")
"""Modules that every trace depends on, with all NearOpt modules that they import."""
DATA = frozenset({".so", ".pyd", ".json", ".yaml", ".yml", ".toml", ".npy", ".npz", ".pkl", ".pt", ".csv"})
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of a statement that hold other statements."""


def code_digest(strategy: Mapping[str, Any], backend: Mapping[str, Any]) -> str:
    """The digest of the code behind the targets in a strategy's arguments, and of the backend's module.

    A target that cannot be found or has no source file counts by its name alone; the run itself reports it.
    """
    modules = sorted({target.rpartition(".")[0] for target in targets(strategy)})
    measuring = [target.rpartition(".")[0] for target in targets({"_target_": backend.get("_target_")})]
    return _digest(tuple(modules), tuple(measuring))


@lru_cache(maxsize=64)
def _digest(modules: tuple[str, ...], measuring: tuple[str, ...]) -> str:
    """The digest of modules with their imports, and of others without; cached for the thousands of runs of a sweep."""
    own = frozenset(module.split(".", 1)[0] for module in modules)
    code: dict[str, str] = {}
    for module in (*modules, *ROOTS):
        code |= _closure(module, own | OURS)
    for module in measuring:
        code |= {name: _sha256(file) for name, file in _files(module)}
    return digest(code)


def targets(document: Any) -> Iterator[str]:
    """Every ``_target_`` in nested arguments."""
    if isinstance(document, Mapping):
        if isinstance(target := document.get("_target_"), str):
            yield target
        for value in document.values():
            yield from targets(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from targets(value)


@lru_cache(maxsize=64)
def _closure(module: str, packages: frozenset[str]) -> Mapping[str, str]:
    """Map dotted names to the SHA-256 of a module and of all that it imports from ``packages`` or its own folder."""
    seen: dict[str, str] = {}
    left = [module]
    while left:
        for name, file in _files(left.pop()):
            if name in seen:
                continue
            seen[name] = _sha256(file)
            seen |= {f"{name}: {other.name}": _sha256(other) for other in _beside(name, file)}
            left += [other for other in _imports(name, file) if _followed(other, packages, file)]
    return seen


def _beside(name: str, file: Path) -> list[Path]:
    """Data files beside a module of another package."""
    if name.split(".", 1)[0] in OURS or not (file.parent / "__init__.py").exists():
        return []
    return sorted(other for other in file.parent.iterdir() if other.suffix in DATA and other.is_file())


def _followed(name: str, packages: frozenset[str], importer: Path) -> bool:
    top = name.split(".", 1)[0]
    if top in packages:
        return True
    beside = importer.parent
    return not (beside / "__init__.py").exists() and ((beside / f"{top}.py").is_file() or (beside / top).is_dir())


def _files(module: str) -> list[tuple[str, Path]]:
    """The files of a module and of the packages above it, which are imported with it. Imports nothing."""
    top, *rest = module.split(".")
    folder = _folder(top)
    found: list[tuple[str, Path]] = []
    for i, part in enumerate((top, *rest)):
        if folder is None:
            break
        inner = folder / part
        file = inner / "__init__.py" if inner.is_dir() else folder / f"{part}.py"
        if file.is_file():
            found.append((".".join((top, *rest[:i])), file))
        folder = inner if inner.is_dir() else None
    return found


@lru_cache(maxsize=64)
def _folder(top: str) -> Path | None:
    """The folder that contains a top-level module."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(spec.origin).parent if spec.origin and spec.origin.endswith(".py") else None


@lru_cache(maxsize=4096)
def _imports(name: str, file: Path) -> tuple[str, ...]:
    """Names that a file imports, at its top or inside functions; for ``from a import b`` both a and a.b."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: list[str] = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(found))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement that can run, without expressions, which make up most of a tree and contain no import."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            left += node.orelse
            continue
        yield node
        for block in BLOCKS:
            left += getattr(node, block, ())


@lru_cache(maxsize=4096)
def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError:
        return ""
