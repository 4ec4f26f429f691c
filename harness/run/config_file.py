"""Write ``config.yaml``, and check whether an existing one belongs to the same run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from harness.errors import OtherRun, UserError
from harness.run import contract
from harness.run.version import check_run_version
from harness.system.digest import digest
from harness.system.documents import read_text
from harness.system.yaml_text import load_yaml


def config_text(config: Mapping[str, Any]) -> str:
    """The text of ``config.yaml``; PyYAML writes the same text with and without libyaml, which is faster."""
    return "".join(_entry_text(_Entry(name, repr(value), value)) for name, value in config.items())


@dataclass(frozen=True)
class _Entry:
    """A key of ``config.yaml`` with its value, hashed by its ``repr``, since a dict has no hash."""

    name: str
    spelled: str
    value: Any = field(compare=False)


@lru_cache(maxsize=256)
def _entry_text(entry: _Entry) -> str:
    """The text of an entry; cached, since runs of a sweep share most entries and formatting one is slow."""
    dumper = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
    text: str = yaml.dump({entry.name: entry.value}, Dumper=dumper, sort_keys=False)
    return text


def check_owner(path: Path, config: Mapping[str, Any], allow_mixed_code: bool = False) -> None:
    """Check that a run directory, if it exists, belongs to the run that ``config`` describes.

    Args:
        allow_mixed_code: accept a run of other code. A run that does not state its code is always accepted.

    Raises:
        UserError: it belongs to another run, or a newer NearOpt made it.
    """
    file = path / contract.CONFIG
    if not file.exists():
        return
    try:
        text = read_text(file)
        if text == config_text(config):  # exactly as this run would write it; otherwise the entries decide
            return
        check_run_version(path)
        earlier = load_yaml(text)
        theirs = earlier["config_hash"]
        code = earlier.get("code_digest")
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(f"{file}: not readable as a run's configuration: move it away") from None
    if theirs != config["config_hash"]:
        unsaid = {contract.STREAMS: contract.FIRST_STREAMS, contract.SCHEDULE: "batch", contract.RULES: "none"}
        changed = ", ".join(_differences({**unsaid, **earlier}, {**unsaid, **config})) or "code or data behind it"
        raise OtherRun(
            f"{path}: holds a run of another configuration (config_hash={str(theirs)[:12]}, "
            f"this one {config['config_hash'][:12]}; {changed})",
            "choose another results= or strategy.label=, or move it away",
        )
    if digest(deciding(earlier)) != theirs:
        raise UserError(f"{file}: damaged: entries of its config_hash are missing: move it away")
    now = config.get("code_digest")
    if code is not None and now is not None and code != now and not allow_mixed_code:
        raise OtherRun(
            f"{path}: made by other code than today's (code_digest={str(code)[:12]}, now {str(now)[:12]})",
            "choose another results= or strategy.label=, or allow_mixed_code=true to have both in one study",
        )


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that the hash covers; a missing required entry counts as null."""
    names = contract.DecidingDocument.__annotations__
    return {name: config.get(name) for name in names if name not in contract.UNSAID or name in config}


def _differences(earlier: Mapping[str, Any], config: Mapping[str, Any], prefix: str = "") -> list[str]:
    differences: list[str] = []
    for name in sorted({*earlier, *config} - contract.NOT_DECIDING):
        before, now = earlier.get(name), config.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            differences += _differences(before, now, f"{prefix}{name}.")
        elif before != now:
            differences.append(f"{prefix}{name} was {before}, now {now}")
    return differences
