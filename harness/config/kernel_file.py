"""A kernel in a user's own file: its class, and its task, which needs no YAML."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import isabstract
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from hydra.core.config_store import ConfigStore

from harness.config.own_space import task_node
from harness.config.plugins import importable
from harness.errors import UserError
from harness.system.text import one_line
from kernels.base import Kernel

SUFFIX = ".py"


@dataclass(frozen=True)
class KernelFile:
    """A kernel class in a file.

    Attributes:
        where: the word as the user wrote it, for messages.
        target: the dotted path for Hydra.
        kernel: the class.
    """

    where: str
    target: str
    kernel: type[Kernel]

    @property
    def task(self) -> str:
        """The name of its task in overrides."""
        return self.target.replace(".", "-")


def is_kernel_file(word: str) -> bool:
    """Whether a word names a Python file (``FILE.py``) or a class in one (``FILE.py:NAME``)."""
    return word.endswith(SUFFIX) or f"{SUFFIX}:" in word


def read_kernel_file(word: str, *, whole: bool = True) -> KernelFile:
    """The kernel that ``FILE.py:NAME`` names; ``FILE.py`` suffices if there is only one.

    The file is imported as a module of its stem, also by worker processes.

    Args:
        whole: refuse a class that lacks members; ``nearopt check`` reports them one by one instead.

    Raises:
        UserError: there is no such file or class, it cannot be imported, or its name imports another file.
    """
    text, _, name = word.partition(f"{SUFFIX}:")
    path = Path(text if text.endswith(SUFFIX) else f"{text}{SUFFIX}")
    if not path.is_file():
        raise UserError(f"{path}: no such file: expected {_like(path) or 'FILE.py:NAME'}, or a task's name")
    kernels = dict(_kernels(_module(path)))
    if not kernels:
        raise UserError(f"{path}: contains no kernel: expected a class derived from kernels.simple.SimpleKernel, "
                        "kernels.cpu.CpuKernel or kernels.cuda.CudaKernel")  # fmt: skip
    if not name and len(kernels) > 1:
        raise UserError(f"{path}: expected one of {', '.join(f'{path}:{each}' for each in kernels)}")
    name = name or next(iter(kernels))
    if name not in kernels:
        near = get_close_matches(name.lower(), [each.lower() for each in kernels], n=1, cutoff=0.5)
        expected = [each for each in kernels if each.lower() in near] or list(kernels)
        raise UserError(f"{path}:{name}: no such kernel: expected {' or '.join(expected)}")
    missing = sorted(getattr(kernels[name], "__abstractmethods__", ()))
    if missing and whole:
        raise UserError(f"{path}:{name}: {', '.join(missing)}: required in every kernel (see kernels/simple.py)")
    return KernelFile(word, f"{path.stem}.{name}", kernels[name])


def register_task(file: KernelFile) -> str:
    """Register the kernel as a task that overrides can name; returns the name.

    Raises:
        UserError: the kernel has no search space.
    """
    node = task_node(file.where, file.target, file.kernel)
    ConfigStore.instance().store(name=file.task, node=node, group="task", provider=file.where)
    return file.task


def _kernels(module: ModuleType) -> Iterator[tuple[str, type[Kernel]]]:
    """The classes that the module itself defines; abstract ones only if they lack members that a kernel needs."""
    own = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Kernel) and value.__module__ == module.__name__
    }
    bases = {base for value in own.values() for base in value.__mro__[1:]}
    yield from ((name, value) for name, value in own.items() if not (isabstract(value) and value in bases))


def _module(path: Path) -> ModuleType:
    if not path.stem.isidentifier():
        raise UserError(f"{path}: Python cannot import a file of this name: expected letters, digits and _")
    importable(path.parent)
    try:
        module = importlib.import_module(path.stem)
    except (Exception, SystemExit) as error:  # importing a user's module may raise anything
        said = one_line(error.msg if isinstance(error, SyntaxError) else error, 300)
        raise UserError(f"{path}{_line(error, path)}: cannot be imported: {type(error).__name__}: {said}") from error
    found = getattr(module, "__file__", None)
    if found is None or Path(found).resolve() != path.resolve():
        sys.path[:] = [entry for entry in sys.path if entry != str(path.parent.resolve())]
        raise UserError(f"{path}: Python imports {found or path.stem} under this name: expected another file name")
    return module


def _like(path: Path) -> str:
    """A file in the same folder with a similar name; empty if there is none."""
    try:
        names = sorted(file.name for file in path.parent.glob(f"*{SUFFIX}"))
    except OSError:
        return ""
    near = get_close_matches(path.name, names, n=1)
    return str(path.with_name(near[0])) if near else ""


def _line(error: BaseException, path: Path) -> str:
    """``:12`` if the error is in the file itself."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}" if error.lineno else ""
    lines = [at.lineno for at in extract_tb(error.__traceback__) if at.filename == str(path.resolve())]
    return f":{lines[-1]}" if lines else ""
