"""Hash the code that a kernel's measurements depend on."""

from __future__ import annotations

import hashlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

import kernels.base
from kernels.base import Kernel


def kernel_source_hash(kernel: Kernel) -> str:
    """SHA-256 over the kernel's module, the modules of its package that it uses, and ``kernels/base.py``."""
    digest = hashlib.sha256()
    for name, module in sorted(_modules(kernel).items()):
        digest.update(f"{name}\0".encode())
        digest.update(Path(module.__file__ or "").read_bytes())
    return digest.hexdigest()


def _modules(kernel: Kernel) -> dict[str, ModuleType]:
    """Modules by name: that of the kernel's class and, transitively, those of what it uses."""
    first = sys.modules[type(kernel).__module__]
    package = first.__name__.partition(".")[0]
    modules = {kernels.base.__name__: kernels.base}
    queue = [first]
    while queue:
        module = queue.pop()
        if module.__name__ in modules or not module.__file__:
            continue
        modules[module.__name__] = module
        for value in vars(module).values():
            home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
            if inspect.ismodule(value) and value.__name__.startswith(f"{module.__name__}."):
                continue  # a package has all of its modules that this process has imported, used or not
            if isinstance(home, str) and home.partition(".")[0] == package and home in sys.modules:
                queue.append(sys.modules[home])
    return modules
