"""One mutant against the tests that execute it, in a process of its own.

A change inside a function costs a fork and its tests: the parent has collected the tests and imported what they import,
and the child gives the functions that the module has already their new code. What is executed at import (constants,
defaults, fields of classes) needs a process that imports the module anew.
"""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import resource
import signal
import sys
import traceback
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation.areas import ROOT
from tests.mutation.covering import PLAIN
from tests.mutation.operators import Mutant, mutated

LIBRARIES = (
    "numpy", "pandas", "scipy.stats", "scipy.optimize", "pyarrow.parquet", "yaml", "orjson", "jsonschema", "hypothesis",
    "torch", "optuna", "hydra", "botorch", "sklearn.ensemble", "omegaconf",
)  # fmt: skip

OF_FIXTURES = ("harness.config.plugins", "harness.measure.folders")
"""What conftest.py imports for every test."""
BROKEN = 9
"""Exit code of a fork in which something else than a test failed."""

Key = tuple[str, str, int]
Run = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Outcome:
    result: str
    """``killed``, ``timeout``, ``survived``, ``unreached`` where no test executes the line, ``broken`` where the trial
    itself broke down, ``elsewhere`` where the module has to be imported anew."""
    by: str = ""
    """The test that failed; of ``broken`` the traceback."""


def import_libraries() -> None:
    """Those that our modules import, and that take longest: a fork has them already."""
    for name in LIBRARIES:
        importlib.import_module(name)


def in_a_fork(prepare: Callable[[], None], run: Callable[[int], int], cost_s: float) -> Outcome:
    """``run`` gets where to write the failed test, and returns pytest's exit code.

    Args:
        prepare: makes the change in the child.
        run: runs the tests.
        cost_s: what they take without a change, in processor seconds; four times as much and 10 s is a timeout.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            os.setpgid(0, 0)
            os.close(reading)
            limit = int(10 + 4 * cost_s)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            prepare()
            code = run(writing)
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    _end_group(child)
    if os.WIFSIGNALED(status):
        return Outcome("timeout" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "killed", said)
    if os.WEXITSTATUS(status) == 0:
        return Outcome("survived")
    if os.WEXITSTATUS(status) == BROKEN:
        return Outcome("broken", said)
    return Outcome("timeout" if said.startswith("Timeout ") else "killed", said)


def _end_group(child: int) -> None:
    """What a test of the mutant had started."""
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def imported_anew(mutant: Mutant, tests: Sequence[str], cost_s: float) -> Outcome:
    """In a process that has imported none of our modules yet."""

    def run(writing: int) -> int:
        return int(pytest.main([*PLAIN, *tests], plugins=[FirstFailure(writing)]))

    return in_a_fork(lambda: _intercept(mutant), run, cost_s)


class FirstFailure:
    def __init__(self, writing: int) -> None:
        self.writing = writing

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            waited = "Timeout " if "Timeout (>" in report.longreprtext else ""
            os.write(self.writing, (waited + report.nodeid).encode())
            os._exit(1)


class Collected:
    """The tests that pytest has collected, and every function of ours that exists by then."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session
        self.items = {item.nodeid: item for item in session.items}
        self.functions: dict[Key, list[types.FunctionType]] = {}
        for name in OF_FIXTURES:
            importlib.import_module(name)
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # else each fork makes its own
        gc.unfreeze()  # conftest.py freezes what is imported, and get_objects leaves that out
        for found in gc.get_objects():
            if isinstance(found, types.FunctionType):
                self.functions.setdefault(_key(found.__code__), []).append(found)
        gc.freeze()

    def tried(self, mutant: Mutant, tests: Sequence[str], cost_s: float) -> Outcome:
        if _module(mutant) not in sys.modules:  # a test imports it
            return in_a_fork(lambda: _intercept(mutant), lambda writing: self._run(tests, writing), cost_s)
        new = new_codes(mutant)
        if new is None or not all(self._takes(key, code) for key, code in new.items()):
            return Outcome("elsewhere")

        def prepare() -> None:
            for key, code in new.items():
                for function in self.functions[key]:
                    function.__code__ = code

        return in_a_fork(prepare, lambda writing: self._run(tests, writing), cost_s)

    def _takes(self, key: Key, code: types.CodeType) -> bool:
        """Whether there are functions for the code, closing over the same names as before."""
        found = self.functions.get(key, [])
        return bool(found) and all(each.__code__.co_freevars == code.co_freevars for each in found)

    def _run(self, tests: Sequence[str], writing: int) -> int:
        self.session.config.pluginmanager.register(FirstFailure(writing))
        items = [self.items[test] for test in tests]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return 0


def new_codes(mutant: Mutant) -> Mapping[Key, types.CodeType] | None:
    """The code of each function that differs in the mutant; None where the functions cannot be told apart."""
    path = str(ROOT / mutant.file)
    source = Path(path).read_text(encoding="utf-8")
    old = list(_codes(compile(source, path, "exec", dont_inherit=True)))
    new = list(_codes(compile(mutated(source, mutant), path, "exec", dont_inherit=True)))
    times = Counter(_key(code) for code in old)
    if [_key(code) for code in old] != [_key(code) for code in new]:
        return None
    pairs = [(_key(b), b) for a, b in zip(old, new, strict=True) if a != b and a.co_flags & inspect.CO_OPTIMIZED]
    functions = [(key, code) for key, code in pairs if not code.co_name.startswith("<") and "<locals>" not in key[1]]
    return dict(functions) if functions and all(times[key] == 1 for key, _ in functions) else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _key(code: types.CodeType) -> Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _module(mutant: Mutant) -> str:
    return mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _intercept(mutant: Mutant) -> None:
    sys.meta_path.insert(0, _Finder(mutant))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _module(self.mutant):
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
