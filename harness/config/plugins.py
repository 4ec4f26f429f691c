"""Plug-ins of installed packages: strategies and kernels by name, and folders of Hydra configuration.

A package declares them as entry points:

* ``nearopt.strategies``: ``NAME = "package.module:Class"``, a class with ``ask`` and ``tell``;
* ``nearopt.kernels``: ``NAME = "package.module:Class"``, a :class:`kernels.base.Kernel` with ``search_space(device)``;
* ``nearopt.config``: ``ANYTHING = "package.conf"``, a folder with ``strategy/``, ``task/``, ``experiment/`` …

A package is imported only when one of its names is used, so that a broken package affects nothing else.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins as HydraPlugins

from harness.config.files import read_files_within_bounds
from harness.config.targets import check_strategy
from harness.errors import UserError
from harness.system.resources import conf_directory
from harness.system.terminal import warn
from harness.system.text import one_line

STRATEGIES, KERNELS, CONFIG = "nearopt.strategies", "nearopt.kernels", "nearopt.config"
GROUPS: Mapping[str, str] = {"strategy": STRATEGIES, "task": KERNELS}
"""Map each Hydra group to the entry-point group that adds names to it."""
GIVEN = ("space", "seed", "budget")
"""Arguments of a strategy that the run loop passes."""

_KEPT = 16
"""Most import paths whose entry points are kept."""

_importable: dict[str, None] = {}


@dataclass(frozen=True)
class Plugin:
    """One entry point.

    Attributes:
        group: a group of :data:`GROUPS`, or :data:`CONFIG`.
        name, value: as declared, ``module:attribute`` or a package.
        package: the distribution that declares it, and its version.
    """

    group: str
    name: str
    value: str
    package: str
    version: str

    @property
    def target(self) -> str:
        """The dotted path for Hydra."""
        return self.value.replace(":", ".")

    def load(self) -> Any:
        """Import what the entry point names.

        Raises:
            UserError: the import fails.
        """
        try:
            return metadata.EntryPoint(self.name, self.value, self.group).load()
        except Exception as error:  # importing a plug-in may raise anything
            raise UserError(
                f"{self.package} {self.version}: entry point {self.group}: {self.name} = {self.value}: "
                f"cannot be imported: {type(error).__name__}: {one_line(error, 300)}"
            ) from error


def declared() -> Mapping[str, tuple[Plugin, ...]]:
    """The entry points of each of our groups, each once, by package and name.

    Installed packages are scanned once for all groups, and again only after a package was added or removed, since a
    scan takes longer than the evaluations of a short replay.
    """
    return _declared_in(tuple((entry, _state(entry)) for entry in sys.path))


def _state(entry: str) -> tuple[int, int, int] | None:
    """Which folder an entry of the import path is, and when something was last added to it or removed from it."""
    try:
        found = Path(entry).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


@lru_cache(_KEPT)
def _declared_in(_path: tuple[tuple[str, tuple[int, int, int] | None], ...]) -> Mapping[str, tuple[Plugin, ...]]:
    points = metadata.entry_points()
    plugins = {
        group: {
            Plugin(group, point.name, point.value, point.dist.name, point.dist.version)
            for point in points.select(group=group)
            if point.dist is not None
        }
        for group in (*GROUPS.values(), CONFIG)
    }
    return {
        group: tuple(sorted(found, key=lambda plugin: (plugin.package, plugin.name)))
        for group, found in plugins.items()
    }


def plugin_versions() -> dict[str, str]:
    """The version of every package that declares an entry point, by package name."""
    return {plugin.package: plugin.version for plugins in declared().values() for plugin in plugins}


def importable(folder: Path) -> None:
    """Make modules in ``folder`` importable, after installed ones; worker processes inherit this."""
    _importable[str(folder.resolve())] = None
    if str(folder.resolve()) not in sys.path:
        sys.path.append(str(folder.resolve()))


def importable_folders() -> tuple[str, ...]:
    """The folders given to :func:`importable`, for remote processes, which inherit nothing."""
    return tuple(_importable)


def load_hydras_plugins() -> None:
    """Load installed Hydra plugins once; a folder ``hydra_plugins`` in the working directory is ignored."""
    before = list(sys.path)
    here = Path.cwd().resolve()
    sys.path[:] = [entry for entry in before if Path(entry or ".").resolve() != here]
    try:
        HydraPlugins.instance()
    finally:
        sys.path[:] = before
    read_files_within_bounds()


class Plugins:
    """The installed plug-ins of one composer.

    Args:
        config_dir: the user's configuration folder, if any.

    Attributes:
        folders: map from configuration folder to package.

    Raises:
        UserError: ``config_dir`` is not a folder.
    """

    def __init__(self, config_dir: Path | None) -> None:
        if config_dir is not None and not config_dir.is_dir():
            raise UserError(f"--config-dir {config_dir}: expected a folder")
        self._config_dir = config_dir
        plugins = declared()
        self._named = {group: plugins[points] for group, points in GROUPS.items()}
        self.folders = dict(_folders(plugins[CONFIG]))
        for plugin in self._named["strategy"]:
            if self._has_file("strategy", plugin.name):
                # Hydra would check the file against a stored node of its name, as against a schema.
                ConfigStore.instance().repo.get("strategy", {}).pop(f"{plugin.name}.yaml", None)
            else:
                _store("strategy", plugin, _strategy_node(plugin))

    def choose(self, group: str, name: str) -> None:
        """Make sure that ``group=name`` is unambiguous, and that an entry point behind it works.

        Raises:
            UserError: two packages declare the name, it cannot be imported, or it is not of its group's kind.
        """
        self._check_files(group, name)
        points = [plugin for plugin in self._named.get(group, ()) if plugin.name == name]
        owners = sorted({plugin.package for plugin in points} | set(self._owners(group, name)))
        if len(owners) > 1:
            raise UserError(
                f"{group}={name}: {' and '.join(owners)} declare the same name: keep only one of them installed"
            )
        if points and not self._has_file(group, name):
            _check_and_register(group, points)

    def register_kernel(self, path: str | None) -> bool:
        """Register the installed kernel ``task/NAME``, if there is one that Hydra does not know; returns whether it
        did.

        Raises:
            UserError: as :meth:`choose`.
        """
        group, _, name = (path or "").partition("/")
        known = ConfigStore.instance().repo.get(group, {})
        if group != "task" or f"{name}.yaml" in known or all(name != plugin.name for plugin in self._named[group]):
            return False
        self.choose(group, name)
        return True

    def _owners(self, group: str, name: str) -> Iterator[str]:
        if (conf_directory() / group / f"{name}.yaml").exists():
            yield "nearopt"
        for folder, package in self.folders.items():
            if (folder / group / f"{name}.yaml").exists():
                yield package

    def _has_file(self, group: str, name: str) -> bool:
        own = self._config_dir is not None and (self._config_dir / group / f"{name}.yaml").exists()
        return own or any(self._owners(group, name))

    def _check_files(self, group: str, name: str) -> None:
        """Refuse a file that NearOpt's own configuration of the same name would shadow."""
        if self._config_dir is None or self._config_dir.resolve() == conf_directory():
            return
        file = self._config_dir / group / f"{name}.yaml"
        if file.exists() and (conf_directory() / group / f"{name}.yaml").exists():
            raise UserError(f"{file}: NearOpt already has {group}={name}: choose another name")


def _folders(plugins: Iterable[Plugin]) -> Iterator[tuple[Path, str]]:
    for plugin in plugins:
        folder = _folder(plugin.value)
        if folder is None:
            warn(f"nearopt: {plugin.package}: {CONFIG}: {plugin.value}: no such folder; ignored")
        else:
            yield folder, plugin.package


def _folder(package: str) -> Path | None:
    """The folder of the package ``top.below``, found without importing it."""
    top, *below = package.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    return next((path for place in places if (path := Path(place, *below)).is_dir()), None)


def _check_and_register(group: str, points: list[Plugin]) -> None:
    if len({plugin.value for plugin in points}) > 1:
        values = " and ".join(plugin.value for plugin in points)
        raise UserError(f"{group}={points[0].name}: {points[0].package} declares it twice: {values}")
    plugin = points[0]
    loaded = plugin.load()
    where = f"{group}={plugin.name}"
    if group == "strategy":
        check_strategy(where, plugin.value, loaded)
        node = {**_strategy_node(plugin), **argument_defaults(loaded)}
    else:
        from harness.config.own_space import task_node

        node = task_node(where, plugin.target, loaded)
    _store(group, plugin, node)


def _store(group: str, plugin: Plugin, node: Mapping[str, Any]) -> None:
    ConfigStore.instance().store(name=plugin.name, node=dict(node), group=group, provider=plugin.package)


def _strategy_node(plugin: Plugin) -> dict[str, Any]:
    return {"_target_": plugin.target, "label": plugin.name}


def argument_defaults(strategy: Callable[..., Any]) -> dict[str, Any]:
    """A strategy's own arguments with their defaults, as its YAML would list them, as far as YAML can express them."""
    try:
        parameters = inspect.signature(strategy).parameters.values()
    except (TypeError, ValueError):  # written in C, or without a signature
        return {}
    own = {parameter.name: parameter.default for parameter in parameters if parameter.name not in GIVEN}
    return {name: value for name, value in own.items() if value is None or isinstance(value, int | float | str)}
