"""Read the descriptions of strategies from the comments at the top of their YAMLs."""

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
"""Map from module in harness.strategies to library; all other modules are NearOpt's own."""


@dataclass(frozen=True)
class StrategyAccount:
    """The description of one strategy.

    Attributes:
        name: the name in ``strategy=NAME``.
        library: the library that implements the search.
        about: the whole description, including the paper.
        told: how it handles failures, conditions, constraints and batches (and pending evaluations), by topic;
            ``kind`` is one of random, grid, local, evolutionary, model, any.
    """

    name: str
    library: str
    about: str
    told: Mapping[str, str]

    @property
    def line(self) -> str:
        """The first sentence of the description."""
        return re.split(r"(?<!al)(?<!i\.e)(?<!e\.g)[.:] ", f"{self.about} ", maxsplit=1)[0].rstrip(" .")


def strategies(config_dir: Path | None = None) -> list[StrategyAccount]:
    """All strategies that ``strategy=NAME`` accepts: NearOpt's, those of ``config_dir``, those of installed packages.

    Raises:
        UserError: ``config_dir`` is not a folder.
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
    """The named strategies, or all if no name is given.

    Raises:
        UserError: there is no strategy of a name.
    """
    by_name = {each.name: each for each in accounts}
    for name in names:
        if name not in by_name:
            raise UserError(f"strategies {name}: no such strategy: expected {expected_name(name, list(by_name))}")
    return [by_name[name] for name in names] if names else accounts


def account(file: Path, owner: str) -> StrategyAccount:
    """Read the description of a strategy from its YAML.

    Args:
        owner: the owner of the file: ``NearOpt`` or a package.
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
