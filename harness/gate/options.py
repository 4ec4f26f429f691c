"""The options of ``nearopt gate``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def add_gate(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command, with ``add`` of :func:`harness.cli_parser.command_parser`."""
    gate = add(
        "gate",
        "did a change make a strategy slower? exit 0, 3 or 4",
        "Compare the evaluations that two strategies need to come within 5% of the optimum (ERT, geometric mean over\n"
        "the suite's tasks), in replay. CANDIDATE and BASELINE are a strategy of conf/strategy, a results folder\n"
        "(FOLDER or FOLDER:LABEL) or a baseline file (.json). BASELINE by name is the committed baseline where there\n"
        "is one. What is missing is run; finished runs of the same code are used again. It stops as soon as the looks\n"
        "decide.\n\n"
        "exit codes: 0 pass or improvement, 4 regression, 3 undecided (and how many more seeds it needs); 2, 1 as ever",
    )
    gate.add_argument("candidate", metavar="CANDIDATE", help="strategy, results folder or baseline file")
    gate.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="strategy.…=VALUE of the candidate")
    gate.add_argument("--against", metavar="BASELINE", help="required, unless --update-baseline")
    gate.add_argument(
        "--against-override", action="append", default=[], metavar="OVERRIDE", help="strategy.…=VALUE of the baseline"
    )
    gate.add_argument("--rerun", action="store_true", help="run BASELINE, even if it has a committed baseline")
    gate.add_argument(
        "--suite", default="default", metavar="NAME|FILE", help="of conf/suite, or a YAML file like those"
    )
    gate.add_argument("--seeds", type=int, metavar="N", help="seeds a task at the last look; default: the suite's")
    gate.add_argument("--to-the-end", action="store_true", help="go on after a pass: is it an improvement?")
    gate.add_argument("--results", type=Path, default=Path("results/gate"), metavar="DIR", help="default: results/gate")
    gate.add_argument("--jobs", type=int, metavar="N", help="runs at once; default: one a core")
    gate.add_argument("--config-dir", type=Path, metavar="DIR", help="a further folder of Hydra configuration")
    gate.add_argument("--baselines", type=Path, metavar="DIR", help="where baselines lie; default: those of NearOpt")
    gate.add_argument("--update-baseline", action="store_true", help="write CANDIDATE's runs to DIR/<label>.json")
    for name in ("json", "junit", "markdown"):
        gate.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write the verdict as {name}")
