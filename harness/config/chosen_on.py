"""Which tasks a strategy's defaults were chosen on, from its YAML, for runs whose configuration does not state them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from harness.system.yaml_text import load_yaml


def chosen_on(folders: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """Map each ``_target_`` to the task patterns that ``strategy/*.yaml`` in the configuration folders state for it.

    A file that cannot be read is skipped here; running its strategy reports the error. A target is left out if another
    file has it without such patterns: of two settings of one class the target does not tell which a run had.
    """
    found: dict[str, tuple[str, ...]] = {}
    untold: set[str] = set()
    for file in (file for folder in folders for file in sorted((folder / "strategy").glob("*.yaml"))):
        try:
            document = load_yaml(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if not isinstance(document, dict):
            continue
        target = str(document.get("_target_"))
        if isinstance(document.get("chosen_on"), list):
            found[target] = tuple(map(str, document["chosen_on"]))
        else:
            untold.add(target)
    return {target: patterns for target, patterns in found.items() if target not in untold}
