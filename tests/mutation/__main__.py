"""``python -m tests.mutation map|try|again AREA``: see README.md."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.covering import PLAIN, Map, read_map, write_map
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.trial import Collected, Outcome, import_libraries, imported_anew

SEED = 26
FIRST_S, ALL_S = 0.3, 2.0
Trial = Callable[[Mutant, Sequence[str], float], Outcome]
COLUMNS = ("area", "place", "before", "after", "result", "by")


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    area = next(area for area in AREAS if area.name == options.area)
    options.folder.mkdir(parents=True, exist_ok=True)
    map_path = options.folder / f"{area.name}.json"
    if options.command == "map":
        write_map(area, options.tests or area.test_files(), map_path)
        return
    results = options.folder / f"{area.name}.csv"
    known = _read(results)
    sample = sampled(area)[: options.number]
    todo = [m for m in sample if m.name not in known]
    if options.command == "again":
        todo = [m for m in sample if m.name in known and known[m.name]["result"] in ("survived", "unreached")]
    covering = read_map(map_path)
    child = os.fork()  # collects the tests; this process stays free of our modules for what is executed at import
    if child == 0:
        trials = Trials(area, covering, results)
        session = OverCollected(lambda collected: trials.go([m for m in todo if not m.at_import], collected.tried))
        pytest.main([*PLAIN, "-s", *sorted({test.split("::")[0] for test in covering.costs_s})], plugins=[session])
        os._exit(0)
    os.waitpid(child, 0)
    trials = Trials(area, covering, results)
    left = [m for m in todo if m.at_import or m.name not in trials.known]
    if left and not options.quick:
        import_libraries(heavy=area.name in ("run_loop", "conditional_gp"))
        trials.go(left, imported_anew)


class OverCollected:
    """A pytest plug-in: the trials take the place of the run of the tests."""

    def __init__(self, go: Callable[[Collected], None]) -> None:
        self.go = go

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.go(Collected(session))
        return True


class Trials:
    def __init__(self, area: Area, covering: Map, results: Path) -> None:
        self.area, self.covering, self.results, self.known = area, covering, results, _read(results)

    def go(self, mutants: Sequence[Mutant], trial: Trial) -> None:
        began = time.monotonic()
        for count, mutant in enumerate(mutants, 1):
            outcome = against(mutant, self.covering, trial)
            before, after = (text[:60] for text in (mutant.before, mutant.after))
            told = f"{count}/{len(mutants)} {time.monotonic() - began:.0f} s {mutant.name} {before} -> {after}"
            print(f"{told}: {outcome.result}", file=sys.stderr, flush=True)
            if outcome.result == "elsewhere":
                continue
            row = (self.area.name, mutant.name, before, after, outcome.result, outcome.by)
            self.known[mutant.name] = dict(zip(COLUMNS, row, strict=True))
            _write(self.results, self.known)


def sampled(area: Area) -> list[Mutant]:
    """All mutants of an area in a random order that depends on the area's own stream only."""
    found = [mutant for file in area.files() for mutant in mutants_of(ROOT, file)]
    stream = np.random.SeedSequence(SEED).spawn(len(AREAS))[AREAS.index(area)]
    return [found[i] for i in np.random.default_rng(stream).permutation(len(found))]


def against(mutant: Mutant, covering: Map, trial: Trial) -> Outcome:
    """The cheapest tests first; all that execute the line, up to a limit of their cost, where those pass."""
    tests = covering.tests_of(mutant)
    outcome = Outcome("unreached")
    sofar = 0
    for limit_s in (FIRST_S, ALL_S):
        ends = np.cumsum([covering.costs_s[test] for test in tests])
        chosen = tests[sofar : max(int(np.searchsorted(ends, limit_s)), 1)]
        if chosen:
            outcome = trial(mutant, chosen, sum(covering.costs_s[test] for test in chosen))
        if outcome.result != "survived":
            break
        sofar += len(chosen)
    return outcome


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
    parser.add_argument("area", choices=[area.name for area in AREAS])
    parser.add_argument("tests", nargs="*", help="map: test files, instead of the area's")
    parser.add_argument("-n", "--number", type=int, default=100, help="how many mutants of the area's random order")
    parser.add_argument("--quick", action="store_true", help="leave what is executed at import for another time")
    parser.add_argument("--folder", type=Path, default=Path("results/mutation"))
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
