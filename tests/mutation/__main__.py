"""``python -m tests.mutation map|try|again AREA``: see README.md."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest

from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.covering import PLAIN, read_map, write_map
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.trial import Collected, Outcome, import_libraries, imported_anew

SEED = 26
FIRST_S = 0.3
"""Processor seconds of the tests that are tried before the rest."""
NICE = 19
"""Of trials: they take what others leave. Tests are collected before, at the priority of a test run."""
Trial = Callable[[Mutant, Sequence[str], float], Outcome]
COLUMNS = ("area", "place", "before", "after", "result", "by")


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = [area for area in AREAS if area.name in options.areas]
    if options.command == "map":
        for area in chosen:
            write_map(area, options.tests or area.test_files(), options.folder / f"{area.name}.json")
        return
    for area in chosen:
        covering = options.folder / f"{area.name}.json"
        if not covering.is_file():
            sys.exit(f"{covering}: no such file: expected python -m tests.mutation map {area.name} first")
    trials = [Trials(area, options.folder, options.seconds) for area in chosen]
    again = options.command == "again"
    todo = in_turn([[(of, m) for m in of.todo(options.number, again)] for of in trials])
    child = os.fork()  # collects the tests; this process stays free of our modules for what is executed at import
    if child == 0:
        _collect_and_go([(of, m) for of, m in todo if not m.at_import])
    os.waitpid(child, 0)
    if options.at_import:
        import_libraries()
        os.nice(NICE)
        trials = [Trials(area, options.folder, options.seconds) for area in chosen]
        go(in_turn([[(of, m) for m in of.todo(options.number, again, left=True)] for of in trials]), imported_anew)


def in_turn(lists: Sequence[Sequence[Item]]) -> list[Item]:
    """One of each, then another of each."""
    return [item for items in zip_longest(*lists) for item in items if item is not None]


def _collect_and_go(todo: Sequence[Item]) -> None:
    covering = {of.area.name: of.covering for of, _ in todo}.values()
    files = sorted({test.split("::")[0] for tests in covering for test in tests.costs_s})

    def trials(collected: Collected) -> None:
        os.nice(NICE)
        go(todo, collected.tried)

    pytest.main([*PLAIN, "-s", *files], plugins=[OverCollected(trials)])
    os._exit(0)


def go(todo: Sequence[Item], trial: Trial) -> None:
    """Try one mutant after the other, and keep each outcome at once."""
    began = time.monotonic()
    for count, (of, mutant) in enumerate(todo, 1):
        outcome = of.against(mutant, trial)
        of.keep(mutant, outcome)
        told = f"{count}/{len(todo)} {time.monotonic() - began:.0f} s {mutant.name} {mutant.before} -> {mutant.after}"
        print(f"{told}: {outcome.result}", file=sys.stderr, flush=True)
        if outcome.result == "broken":
            print(outcome.by, file=sys.stderr)


class OverCollected:
    """A pytest plug-in: the trials take the place of the run of the tests."""

    def __init__(self, go: Callable[[Collected], None]) -> None:
        self.go = go

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.go(Collected(session))
        return True


class Trials:
    """Of one area: what is to be tried, against which tests, and what came out."""

    def __init__(self, area: Area, folder: Path, most_s: float) -> None:
        self.area, self._most_s = area, most_s
        self.covering = read_map(folder / f"{area.name}.json")
        self._results = folder / f"{area.name}.csv"
        self._known = _read(self._results)

    def todo(self, number: int, again: bool, left: bool = False) -> list[Mutant]:
        """Of the first ``number`` what was not tried, or ``again`` not killed; ``left``: and needs an import."""
        of = sampled(self.area)[:number]
        if not again:
            return [mutant for mutant in of if mutant.name not in self._known]
        open_ = {name for name, row in self._known.items() if row["result"] in ("survived", "unreached")}
        return [mutant for mutant in of if mutant.name in open_ and (mutant.at_import or not left)]

    def against(self, mutant: Mutant, trial: Trial) -> Outcome:
        """The cheapest tests first; then all that execute the line, up to a limit of their cost, where those pass."""
        tests = self.covering.tests_of(mutant)
        ends = np.cumsum([self.covering.costs_s[test] for test in tests])
        outcome, sofar = Outcome("unreached"), 0
        for limit_s in (FIRST_S, self._most_s):
            chosen = tests[sofar : max(int(np.searchsorted(ends, limit_s)), 1)]
            if chosen:
                outcome = trial(mutant, chosen, sum(self.covering.costs_s[test] for test in chosen))
            if outcome.result != "survived":
                break
            sofar += len(chosen)
        return outcome

    def keep(self, mutant: Mutant, outcome: Outcome) -> None:
        if outcome.result not in ("elsewhere", "broken"):
            row = (self.area.name, mutant.name, mutant.before[:60], mutant.after[:60], outcome.result, outcome.by)
            self._known[mutant.name] = dict(zip(COLUMNS, row, strict=True))
            _write(self._results, self._known)


Item = tuple[Trials, Mutant]


def sampled(area: Area) -> list[Mutant]:
    """All mutants of an area in a random order that depends on the area's own stream only."""
    found = [mutant for file in area.files() for mutant in mutants_of(ROOT, file)]
    stream = np.random.SeedSequence(SEED).spawn(len(AREAS))[AREAS.index(area)]
    return [found[i] for i in np.random.default_rng(stream).permutation(len(found))]


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["place"]: row for row in csv.DictReader(file)}


def _write(path: Path, rows: dict[str, dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("command", choices=("map", "try", "again"))
    parser.add_argument("areas", nargs="+", choices=[area.name for area in AREAS])
    parser.add_argument("--tests", nargs="+", help="map: these test files alone")
    parser.add_argument("-n", "--number", type=int, default=100, help="how many mutants of an area's random order")
    parser.add_argument("--seconds", type=float, default=2.0, help="processor seconds of tests a mutant, at most")
    parser.add_argument("--at-import", action="store_true", help="also what is executed at import: seconds each")
    parser.add_argument("--folder", type=Path, default=Path("results/mutation"))
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
