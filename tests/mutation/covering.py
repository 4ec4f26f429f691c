"""Which tests execute a line, and what each costs: one pass over an area's tests under coverage."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.areas import ROOT, Area
from tests.mutation.operators import Mutant

PLAIN = ["-q", "-x", "-o", "timeout=900", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not gpu"]


@dataclass
class Map:
    """``costs_s`` are processor seconds of a test that passes, ``lines`` file -> line -> the tests that execute it."""

    costs_s: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Cheapest first. What is executed at import is seen by every test of the module."""
        by_line = self.lines.get(mutant.file, {})
        first, last = mutant.lines
        wanted = by_line if mutant.at_import else [str(line) for line in range(first, last + 1)]
        found = {test for line in wanted for test in by_line.get(line, [])}
        return sorted(found, key=lambda test: (self.costs_s[test], test))


def read_map(path: Path) -> Map:
    return Map(**json.loads(path.read_text())) if path.exists() else Map()


class _Contexts:
    """A pytest plug-in: a coverage context per test, with its cost."""

    def __init__(self, coverage: Any) -> None:
        self.coverage, self.costs_s, self.failed = coverage, {}, set[str]()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        began = time.process_time()
        yield
        self.costs_s[item.nodeid] = round(time.process_time() - began, 4)
        self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def write_map(area: Area, tests: Sequence[str], path: Path) -> None:
    """Add what ``tests``, files of the area, execute of its modules to the map in ``path``."""
    from coverage import Coverage

    known = read_map(path)
    for test in tests:  # a file at a time, so that an interrupted pass goes on where it was
        coverage = Coverage(include=[str(ROOT / file) for file in area.files()], data_file=None)
        contexts = _Contexts(coverage)
        coverage.start()
        pytest.main([*(option for option in PLAIN if option != "-x"), test], plugins=[contexts])
        coverage.stop()
        for node in [node for node in known.costs_s if node.startswith(f"{test}::")]:
            del known.costs_s[node]
            for by_line in known.lines.values():
                for nodes in by_line.values():
                    nodes[:] = [other for other in nodes if other != node]
        known.costs_s |= {node: cost for node, cost in contexts.costs_s.items() if node not in contexts.failed}
        data = coverage.get_data()
        for measured in data.measured_files():
            by_line = known.lines.setdefault(str(Path(measured).relative_to(ROOT)), {})
            for line, nodes in data.contexts_by_lineno(measured).items():
                by_line.setdefault(str(line), []).extend(node for node in nodes if node in known.costs_s)
        path.write_text(json.dumps(vars(known)))
