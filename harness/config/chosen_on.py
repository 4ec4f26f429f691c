"""Which tasks a strategy's defaults were chosen on, from its YAML, for runs whose configuration does not state them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from harness.system.yaml_text import load_yaml


def chosen_on(folders: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """Map each ``_target_`` to the task patterns that ``strategy/*.yaml`` in the configuration folders state for it.

    A file that cannot be read is skipped here; running its strategy reports the error.
    """
    found: dict[str, tuple[str, ...]] = {}
    for file in (file for folder in folders for file in sorted((folder / "strategy").glob("*.yaml"))):
        try:
            document = load_yaml(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(document, dict) and isinstance(document.get("chosen_on"), list):
            found[str(document.get("_target_"))] = tuple(map(str, document["chosen_on"]))
    return found
