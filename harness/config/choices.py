"""Compose with Hydra, which takes a tenth of a second and more, only what the choice of files decides.

Hydra merges the chosen files and then applies all other overrides to the result, so they are applied to a copy of what
the same choice gave before. What NearOpt's own files gave is kept while a process runs, and what files of the user and
of plug-ins gave, by each :class:`~harness.config.compose.Composer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from harness.config.refusals import CHOSEN
from harness.system.resources import conf_directory

_KEPT = 64
"""Most choices that are kept."""


def composed(overrides: Sequence[str], folders: Sequence[str | Path], kept: dict[tuple[str, ...], Any]) -> Any:
    """The configuration of overrides.

    Args:
        folders: the user's own and those of plug-ins, which precede NearOpt's.
        kept: what choices of files in them gave before.

    Raises:
        HydraException, OmegaConfBaseException: an override is wrong.
    """
    searched = [*map(Path, folders), conf_directory()]
    values = [override for override in overrides if _is_value(override, searched)]
    choices = tuple(override for override in overrides if override not in values)
    if all(_is_file(choice, searched) for choice in choices):
        with suppress(HydraException, OmegaConfBaseException):  # Hydra is asked again, and says what is wrong
            if all(_is_file(choice, [conf_directory()]) for choice in choices):  # which precede those of other folders
                found = deepcopy(_of_choices(conf_directory(), choices))
            else:
                if choices not in kept:
                    kept[choices] = composed_anew(choices, folders)
                found = deepcopy(kept[choices])
            ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(values), found)
            return found
    return composed_anew(overrides, folders)


def composed_anew(
    overrides: Sequence[str], folders: Sequence[str | Path] = (), return_hydra_config: bool = False
) -> Any:
    """The configuration that Hydra composes.

    Raises:
        HydraException, OmegaConfBaseException: an override is wrong.
    """
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        _forget_plugins_launchers()
        search_path = [f"hydra.searchpath={[f'file://{folder}' for folder in folders]}"] if folders else []
        return hydra.compose("config", [*search_path, *overrides], return_hydra_config)


@lru_cache(_KEPT)
def _of_choices(folder: Path, choices: tuple[str, ...]) -> Any:
    assert folder == conf_directory()
    return composed_anew(choices)


def _is_value(override: str, folders: Sequence[Path]) -> bool:
    """Whether an override certainly sets a value, rather than choose or remove a file or set an option of Hydra's."""
    key = override.partition("=")[0].lstrip("+")
    plain = not override.startswith("~") and not any(mark in key for mark in "/@:") and key.split(".")[0] != "hydra"
    return plain and not any((folder / key).is_dir() for folder in folders)


def _is_file(choice: str, folders: Sequence[Path]) -> bool:
    group, _, name = choice.partition("=")
    files = (folder / group / f"{name}.yaml" for folder in folders)
    return group in CHOSEN and "/" not in name and any(file.is_file() for file in files)


def _forget_plugins_launchers() -> None:
    """Remove the launcher schemas that Hydra's plugins register: Hydra would check our YAML of those names against
    them."""
    registered = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    for file in (conf_directory() / "hydra" / "launcher").glob("*.yaml"):
        registered.pop(file.name, None)
