"""A study in two files: the numbers of every run, and the configurations behind them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from analysis.runs import consolidated, contract
from analysis.runs.account import account
from analysis.runs.load import each_once
from analysis.runs.reading import read_logs
from analysis.runs.retimed import with_retimed
from analysis.runs.told import Account
from analysis.runs.writing import write_text, writing


@dataclass(frozen=True)
class Bundle:
    """The files of a bundle.

    Attributes:
        consolidated: one row per run; ``nearopt report`` reads a folder with only this file.
        config: one complete configuration for each strategy label.
        account: which runs are done, failed, missing ..., as in verdict.json.
        runs: the number of runs.
    """

    consolidated: Path
    config: Path
    account: Path
    runs: int


def write_bundle(paths: Sequence[str | Path], folder: Path, known: Account | None = None) -> Bundle:
    """Write the runs below ``paths`` that count by their account to ``folder``, which is created if necessary.

    Args:
        known: their account, if already made.

    Raises:
        AnalysisError: a file is damaged, or ``folder`` cannot be written.
    """
    known = account(paths) if known is None else known
    logs, _, environment = read_logs(paths)
    by_name = {"/".join(log.path.parts[-3:]): log for log in with_retimed(each_once(logs, known))}
    file = folder / contract.CONSOLIDATED
    with writing(file):
        folder.mkdir(parents=True, exist_ok=True)
        consolidated.write(file, by_name, {}, environment)
    protocol: dict[str, object] = {}
    for log in by_name.values():
        protocol.setdefault(str(log.config["strategy"]["label"]), log.config)
    config = folder / contract.CONFIG
    write_text(config, yaml.safe_dump(protocol, sort_keys=False))
    told = folder / "account.json"
    write_text(told, json.dumps(known.document(), indent=1) + "\n")
    return Bundle(file, config, told, len(by_name))
