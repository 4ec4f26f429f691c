"""What the YAMLs of strategies say of them at their top: one account for readers of the file and of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.config.plugins import STRATEGIES, Plugins, declared
from harness.errors import UserError
from harness.system.documents import read_text
from harness.system.near import expected_name
from harness.system.resources import conf_directory
from harness.system.yaml_text import load_yaml

TOPICS = ("failures", "conditions", "constraints", "batches", "kind")
_TOPIC = rf"(?:{'|'.join(TOPICS)})"
_SECTION = re.compile(rf"\b({_TOPIC}(?:(?:, and |, | and )(?:{_TOPIC}|pending evaluations))*): ", re.IGNORECASE)
LIBRARIES: Mapping[str, str] = {
    "ax": "Ax", "ax_botorch": "Ax", "ax_generation": "Ax", "botorch_acquisition": "BoTorch",
    "botorch_hierarchical": "BoTorch", "botorch_mixed": "BoTorch", "catcma": "cmaes", "helion": "Helion",
    "kernel_tuner": "Kernel Tuner", "optuna_sampler": "Optuna", "optuna_tpe": "Optuna",
    "optuna_tpe_hierarchical": "Optuna", "smac": "SMAC3",
}  # fmt: skip
"""The library by module in harness.strategies; all other modules are NearOpt's own."""


@dataclass(frozen=True)
class StrategyAccount:
    """One strategy.

    Attributes:
        name: as ``strategy=NAME`` has it.
        library: whose search it is.
        about: what it does, whole, the paper included.
        told: what it does about failures, conditions, constraints and batches (those pending among them), by topic;
            ``kind`` is one word of random, grid, local, evolutionary, model, any.
    """

    name: str
    library: str
    about: str
    told: Mapping[str, str]

    @property
    def line(self) -> str:
        """The first sentence."""
        return re.split(r"(?<!al)(?<!i\.e)(?<!e\.g)[.:] ", f"{self.about} ", maxsplit=1)[0].rstrip(" .")


def strategies(config_dir: Path | None = None) -> list[StrategyAccount]:
    """All that ``strategy=NAME`` may name: NearOpt's own, those of ``config_dir``, those of installed packages.

    Raises:
        UserError: ``config_dir`` is no folder.
    """
    installed = Plugins(config_dir).folders
    folders = [(conf_directory(), "NearOpt"), *([(config_dir, "own")] if config_dir else []), *installed.items()]
    found: dict[str, StrategyAccount] = {}
    for folder, owner in folders:
        for file in sorted((folder / "strategy").glob("*.yaml")):
            found.setdefault(file.stem, account(file, owner))
    for plugin in declared()[STRATEGIES]:
        found.setdefault(plugin.name, StrategyAccount(plugin.name, plugin.package, plugin.target, {}))
    return sorted(found.values(), key=lambda each: each.name)


def chosen_accounts(accounts: list[StrategyAccount], names: list[str]) -> list[StrategyAccount]:
    """Those that are named, or all.

    Raises:
        UserError: there is none of a name.
    """
    by_name = {each.name: each for each in accounts}
    for name in names:
        if name not in by_name:
            raise UserError(f"strategies {name}: no such strategy: expected {expected_name(name, list(by_name))}")
    return [by_name[name] for name in names] if names else accounts


def account(file: Path, owner: str) -> StrategyAccount:
    """What a YAML says of its strategy.

    Args:
        owner: of the file: ``NearOpt``, or the package.
    """
    text = read_text(file)
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# ").strip())
    parts = _SECTION.split(" ".join(head))
    told: dict[str, str] = {}
    for topics, said in zip(parts[1::2], parts[2::2], strict=True):
        for topic in re.findall(_TOPIC, topics, re.IGNORECASE):
            told[topic.lower()] = said.strip().rstrip(".")
    return StrategyAccount(file.stem, _library(text, owner), parts[0].strip(), told)


def _library(text: str, owner: str) -> str:
    document = load_yaml(text)
    target = str(document.get("_target_", "")) if isinstance(document, dict) else ""
    module = target.removeprefix("harness.strategies.").partition(".")[0]
    return LIBRARIES.get(module, owner) if target.startswith("harness.strategies.") else owner
