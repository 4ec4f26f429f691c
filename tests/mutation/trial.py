"""One mutant against the tests that execute it, in a process forked from one that has imported the libraries."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation.areas import ROOT
from tests.mutation.covering import PLAIN
from tests.mutation.operators import Mutant, mutated

LIBRARIES = ("numpy", "pandas", "scipy.stats", "scipy.optimize", "pyarrow.parquet", "yaml", "orjson", "jsonschema", "hypothesis")
HEAVY = ("torch", "optuna", "hydra", "botorch", "sklearn.ensemble", "omegaconf")
WALL_S = 300


@dataclass(frozen=True)
class Outcome:
    result: str
    """``killed``, ``timeout``, ``survived``, or ``unreached`` where no test executes the line."""
    by: str = ""


def import_libraries(heavy: bool) -> None:
    for name in (*LIBRARIES, *(HEAVY if heavy else ())):
        importlib.import_module(name)


def tried(mutant: Mutant, tests: Sequence[str], cost_s: float) -> Outcome:
    """``cost_s`` is what the tests take without a change, in processor seconds."""
    if not tests:
        return Outcome("unreached")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(mutant, tests, cost_s, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    _end_group(child)
    if os.WIFSIGNALED(status):
        timed_out = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL)
        return Outcome("timeout" if timed_out else "killed", said)
    return Outcome("survived") if os.WEXITSTATUS(status) == 0 else Outcome("killed", said)


def _end_group(child: int) -> None:
    """What a test of the mutant had started."""
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _run(mutant: Mutant, tests: Sequence[str], cost_s: float, writing: int) -> None:
    os.setpgid(0, 0)
    limit = int(10 + 4 * cost_s)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    signal.alarm(WALL_S)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.meta_path.insert(0, _Finder(mutant))
    code = 3
    try:
        code = int(pytest.main([*PLAIN, *tests], plugins=[_FirstFailure(writing)]))
    finally:
        os._exit(code)


class _FirstFailure:
    def __init__(self, writing: int) -> None:
        self.writing = writing

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self.writing, report.nodeid.encode())


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.module = mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        path = str(ROOT / self.mutant.file)
        return importlib.util.spec_from_file_location(name, path, loader=_Loader(name, path, self.mutant))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self.mutant = mutant

    def get_code(self, _name: str) -> types.CodeType:
        tree = mutated(Path(self.path).read_text(encoding="utf-8"), self.mutant)
        return compile(tree, self.path, "exec", dont_inherit=True)
