"""The command ``nearopt new-strategy``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.system.terminal import say


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the module, the YAML and the label, in snake_case")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="default: the working directory"
    )


def _run(arguments: argparse.Namespace) -> int:
    from harness.authoring.new_strategy import new_strategy

    for file in new_strategy(arguments.name, arguments.output):
        say(file)
    return DONE


NEW_STRATEGY = Command(
    name="new-strategy",
    summary="write a working strategy to start from: module, YAML and contract test",
    description=(
        "Write NAME.py, strategy/NAME.yaml and test_NAME.py into DIR. The files work as they are;\n"
        "existing files are not overwritten."
    ),
    examples=(
        "nearopt new-strategy near_and_far",
        "nearopt new-strategy near_and_far -o mine   # then: pytest mine\n"
        "  nearopt run --config-dir mine task=softmax-4096x2560-bf16 strategy=near_and_far",
    ),
    add_options=_options,
    run=_run,
)
