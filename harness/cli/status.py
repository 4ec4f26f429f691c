"""The command ``nearopt status``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.system.terminal import say


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="DIR", help="a results folder")
    parser.add_argument("--json", action="store_true", help="counts, and every run that is not done, as JSON")


def _run(arguments: argparse.Namespace) -> int:
    import json

    from harness.cli.status_text import format_status
    from harness.study.status import study_status

    status = study_status(arguments.results)
    say(json.dumps(status.to_json(), indent=1) if arguments.json else format_status(status))
    return DONE


STATUS = Command(
    name="status",
    summary="show which runs of a study are done, running, failed or missing",
    description=(
        "Count the runs in DIR by task and strategy: done, running now, interrupted, failed, and missing (planned by\n"
        "a sweep, see DIR/planned/, but not there). Failures are listed with their reason. Writes nothing."
    ),
    examples=("nearopt status results", "nearopt status results --json"),
    add_options=_options,
    run=_run,
)
