"""The command ``nearopt strategies``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cli.command import Command, add_config_dir
from harness.cli.exit_codes import DONE
from harness.cli.text_table import aligned
from harness.system.terminal import say
from harness.system.text import one_line

if TYPE_CHECKING:
    from harness.config.strategy_table import StrategyAccount

HEADER = ("strategy", "library", "kind", "conditions", "batches, pending", "what it is")
WIDTHS = (30, 30, 56)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="print everything about these strategies; default: one line for each strategy",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_config_dir(parser)


def _run(arguments: argparse.Namespace) -> int:
    from harness.config.strategy_table import chosen_accounts, strategies

    accounts = chosen_accounts(strategies(arguments.config_dir), arguments.names)
    if arguments.json:
        say(json.dumps([_document(each) for each in accounts], indent=1))
    elif arguments.names:
        say("\n\n".join(_in_full(each) for each in accounts))
    else:
        say("\n".join(_table(accounts)))
    return DONE


def _table(accounts: Sequence[StrategyAccount]) -> list[str]:
    rows = [HEADER]
    for each in accounts:
        said = (each.told.get("conditions", ""), each.told.get("batches", ""), each.line)
        conditions, batches, what = (one_line(text, width) for text, width in zip(said, WIDTHS, strict=True))
        rows.append((each.name, each.library, each.told.get("kind", ""), conditions, batches, what))
    return aligned(rows, len(HEADER))


def _in_full(account: StrategyAccount) -> str:
    told = [f"  {topic}: {said}" for topic, said in account.told.items()]
    return "\n".join([f"{account.name} ({account.library})", f"  {account.about}", *told])


def _document(account: StrategyAccount) -> dict[str, str]:
    return {"name": account.name, "library": account.library, "about": account.about, **account.told}


STRATEGIES = Command(
    name="strategies",
    summary="list strategies: library, kind, how they handle conditions and batches",
    description=(
        "List the strategies that strategy=NAME accepts: the library behind each, its kind (random, grid, local,\n"
        "evolutionary, model, or any: a class of a library that you name), and how it handles conditions and pending\n"
        "evaluations. With NAME, print all that its YAML says: the paper, failures, conditions, constraints, batches."
    ),
    examples=("nearopt strategies", "nearopt strategies optuna_tpe lfbo", "nearopt strategies --json"),
    add_options=_options,
    run=_run,
)
