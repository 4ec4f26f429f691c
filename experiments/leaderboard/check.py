"""Check that a submission reproduces: ``python -m experiments.leaderboard.check FOLDER [--runs N] [--seed S]``.

Its runs are compared with the protocol (tasks, seeds, budget); some of them, drawn at random, are run again from the
strategy's file and compared bit by bit: ``config_hash``, latencies and their order. ``--strategy NAME`` checks runs of
one of NearOpt's own strategies in FOLDER/results, without a submission.yaml. Exit codes: 0 if all runs exist and are
equal, 1 if not, 2 for wrong input.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.reading import read_logs
from analysis.runs.run_directory import RunLog
from experiments.leaderboard.submission import Cell, Submission, protocol, read_submission, submitted
from harness.config.schema import SweepOptions
from harness.errors import UserError
from harness.study.sweep import run_alone

EXACT = (contract.OK, contract.LATENCY_MS, contract.ORACLE_MS)
"""Columns that a replay repeats to the last bit; costs are rounded in committed results."""


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        asked, found: the number of runs of the protocol, and how many of them exist.
        beyond: the number of submitted runs that are not in the protocol.
        again: each repeated run with its first difference; empty if it is equal.
    """

    asked: int
    found: int
    beyond: int
    again: dict[Cell, str]

    @property
    def holds(self) -> bool:
        return self.asked == self.found and not self.beyond and not any(self.again.values())


def difference(one: RunLog, other: RunLog) -> str:
    """The first difference between two logs of a run; empty if they are equal bit by bit."""
    hashes = [str(log.config["config_hash"]) for log in (one, other)]
    if hashes[0] != hashes[1]:
        return f"another configuration (config_hash {hashes[0][:12]}, again {hashes[1][:12]})"
    for name in EXACT:
        before, after = (np.asarray(log.columns[name], dtype=np.float64) for log in (one, other))
        if len(before) != len(after):
            return f"{len(before)} evaluations, again {len(after)}"
        apart = np.flatnonzero(~((before == after) | (np.isnan(before) & np.isnan(after))))
        if len(apart):
            at = int(apart[0])
            return f"{name} of evaluation {at}: {before[at]!r}, again {after[at]!r}"
    return "" if one.repairs == other.repairs else f"{one.repairs} repairs, again {other.repairs}"


def check(submission: Submission, runs: int, seed: int) -> Check:
    """Compare a submission with the protocol, and ``runs`` of its runs with runs made now.

    Raises:
        UserError: the submission does not compose, or has no finished runs.
        AnalysisError: its results cannot be read.
    """
    found = submitted(submission)
    with tempfile.TemporaryDirectory() as folder:
        asked = protocol(submission, Path(folder))
        there = sorted(asked.keys() & found.keys())
        drawn = np.random.default_rng(seed).permutation(len(there))[:runs]
        again = {}
        for number, cell in enumerate([there[i] for i in sorted(drawn)], start=1):
            print(f"again: {number}/{min(runs, len(there))} {cell[0]} seed {cell[1]}", file=sys.stderr)
            run_alone(asked[cell], SweepOptions(results=Path(folder)))
            ((log,), _, _) = read_logs([Path(folder) / found[cell].cell[0] / submission.strategy / f"seed-{cell[1]}"])
            again[cell] = difference(found[cell], log)
    return Check(len(asked), len(there), len(found.keys() - asked.keys()), again)


def told(name: str, result: Check) -> str:
    """The outcome in lines."""
    lines = [f"{task} seed {seed}: {why}" for (task, seed), why in result.again.items() if why]
    equal = sum(not why for why in result.again.values())
    beyond = f", {result.beyond} outside it" if result.beyond else ""
    lines.append(
        f"{name}: {result.found} of {result.asked} runs of the protocol{beyond}; {len(result.again)} run again, "
        f"{equal} equal bit by bit"
    )
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> int:
    """Check one submission; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.leaderboard.check", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="number of runs to repeat (default: 3)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the draw of these runs (default: 0)")
    parser.add_argument("--strategy", metavar="NAME", help="check a strategy of NearOpt, without a submission.yaml")
    arguments = parser.parse_args(given)
    for name, least in (("runs", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(f"--{name} {getattr(arguments, name)}: expected {least} or more")
    try:
        if arguments.strategy is None:
            submission = read_submission(arguments.folder)
        else:
            submission = Submission(arguments.folder, arguments.strategy, "", "")
        result = check(submission, arguments.runs, arguments.seed)
    except (UserError, AnalysisError) as error:
        parser.error(str(error))
    print(told(submission.strategy, result))
    return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
