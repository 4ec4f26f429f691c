"""The command ``nearopt check``."""

from __future__ import annotations

import argparse
import os

from harness.cli.command import Command
from harness.cli.exit_codes import DONE, FAILED
from harness.errors import UserError
from harness.system.terminal import say


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.py[:NAME]", help="a file with a kernel; add :NAME if it has several")
    parser.add_argument("overrides", nargs="*", metavar="FIELD=VALUE", help="fields of the kernel: rows=512 dtype=fp16")
    parser.add_argument("--no-compile", action="store_true", help="skip compiling, which takes a few seconds")


def _run(arguments: argparse.Namespace) -> int:
    os.environ["TRITON_INTERPRET"] = "1"  # Triton decides when a kernel is imported; compile workers unset it
    from harness.authoring.check_kernel import check_kernel
    from harness.config.kernel_file import is_kernel_file

    if not is_kernel_file(arguments.file):
        raise UserError(f"check {arguments.file}: expected the path of a Python file, FILE.py or FILE.py:NAME")
    faults = 0
    for finding in check_kernel(arguments.file, arguments.overrides, not arguments.no_compile):
        say(finding.line(), flush=True)
        faults += finding.fault
    if faults:
        say(f"{faults} to fix: {arguments.file}")
    return FAILED if faults else DONE


CHECK = Command(
    name="check",
    summary="find what is missing or wrong in your own kernel, without a GPU",
    description=(
        "Check a kernel before you rent a GPU: its members, inputs, reference, tolerance and search space; its\n"
        "results on a small odd shape, in Triton's interpreter or on the CPU, for one configuration per choice; and\n"
        "whether those configurations compile for an H100. Prints one line per finding; exits 1 if anything must be\n"
        "fixed."
    ),
    examples=(
        "nearopt check my_kernel.py",
        "nearopt check kernels_of_mine.py:RowNorm rows=512 cols=1000 dtype=fp16",
    ),
    add_options=_options,
    run=_run,
)
