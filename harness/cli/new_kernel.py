"""The command ``nearopt new-kernel``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.system.terminal import say

KINDS = ("triton", "cpu", "cuda")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the module and its class, in snake_case")
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help="default: triton; cpu: a Python callable")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="default: the working directory"
    )


def _run(arguments: argparse.Namespace) -> int:
    from harness.authoring.new_kernel import new_kernel

    for file in new_kernel(arguments.name, arguments.kind, arguments.output):
        say(file)
    return DONE


NEW_KERNEL = Command(
    name="new-kernel",
    summary="write a working kernel to start from, with search space, reference and contract test",
    description=(
        "Write NAME.py and test_NAME.py into DIR: a kernel in Triton, a Python callable (cpu) or CUDA C++ (cuda),\n"
        "with its search space, its reference and its contract test. The files work as they are, their test needs no\n"
        "GPU, and existing files are not overwritten."
    ),
    examples=(
        "nearopt new-kernel row_norm",
        "nearopt new-kernel gram --kind cpu -o mine   # then: pytest mine; nearopt check mine/gram.py\n"
        "  nearopt run task=mine/gram.py backend=live budget.evaluations=20",
    ),
    add_options=_options,
    run=_run,
)
