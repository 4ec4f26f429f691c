"""Check that config.yaml belongs to the run in whose directory it lies, as ``harness/run/own_name.py`` does."""

from __future__ import annotations

from pathlib import Path

import yaml

from analysis.media import printable
from analysis.runs import contract
from analysis.runs.documents import load_yaml, read_text


def misnamed(directory: Path) -> str:
    """How config.yaml differs from its directory in task, strategy or seed, in a few words; empty if it does not.

    A linked folder may have either name; a path other than ``TASK/LABEL/seed-N`` has no name to compare. Most of
    thousands of runs are as they were written, for which no YAML need be parsed.

    Raises:
        OSError: config.yaml cannot be read.
    """
    *_, task, label, place = ("", "", *directory.parts)
    seed = place.removeprefix(contract.SEED_PREFIX)
    if not task or seed == place or not seed.isdecimal():
        return ""
    try:
        text = read_text(directory / contract.CONFIG)
        plain = (f"\ntask: {task}\nstrategy:\n  label: {label}\n", f"\nseed: {seed}\n")
        if all(line in text for line in plain):
            return ""
        said = load_yaml(text)
        named = {"task": said.get("task"), "label": (said.get("strategy") or {}).get("label"), "seed": said.get("seed")}
    except (ValueError, yaml.YAMLError, AttributeError):
        return f"{contract.CONFIG} is not readable"
    for folder in (directory, directory.resolve()):
        *_, task, label, place = ("", "", *folder.parts)
        there = {"task": task, "label": label, "seed": place.removeprefix(contract.SEED_PREFIX)}
        other = {key: value for key, value in named.items() if value is not None and str(value) != there[key]}
        if not other:
            return ""
    return f"{contract.CONFIG} says {', '.join(f'{key} {_brief(value)}' for key, value in other.items())}"


def _brief(value: object) -> str:
    text = printable(str(value))
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
