"""Compose run configurations from command-line overrides with Hydra, whose errors become one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config.choices import composed, composed_anew
from harness.config.group_names import is_many, spelled_out
from harness.config.interpolations import check_interpolations
from harness.config.labels import label_given, labelled, labelled_alone, swept_arguments
from harness.config.overrides import check_hydra_keys, check_lists_of_files, check_readable, chosen, natural
from harness.config.plugins import GROUPS, Plugins, importable, load_hydras_plugins
from harness.config.refusals import CHOSEN, check_names, keys_at, refusal
from harness.config.schema import (
    KINDS,
    RunConfig,
    RunSchema,
    SweepOptions,
    check_least,
    interpolated,
    register_schema,
    run_config,
    sweep_options,
)
from harness.config.sweep_size import check_sweeps
from harness.config.values import checked_values
from harness.errors import UserError
from harness.system.resources import conf_directory
from harness.system.text import causes_line

TOP = tuple(part.name for part in fields(RunSchema))
"""The options of a run, including configuration groups."""


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep and their common options."""

    runs: tuple[RunConfig, ...]
    options: SweepOptions


class Composer:
    """Compose run configurations from overrides.

    Args:
        config_dir: an additional Hydra search path for the user's own strategies and tasks; modules in it can be
            imported, like those in the working directory. It precedes the folders of installed packages.
    """

    def __init__(self, config_dir: Path | None = None) -> None:
        load_hydras_plugins()
        register_schema()
        self._plugins = Plugins(config_dir)
        own = [] if config_dir is None else [config_dir.resolve()]
        for folder in (*own, Path.cwd()):
            importable(folder)
        self._folders = folders = [*own, *self._plugins.folders]
        self._of_choices: dict[tuple[str, ...], Any] = {}
        self._search_path = [f"hydra.searchpath={[f'file://{folder}' for folder in folders]}"] if folders else []
        plain = [name for name in TOP if name not in CHOSEN]
        self._beside_folders = {name for name in plain if any((Path(folder) / name).is_dir() for folder in folders)}
        self._memo: dict[tuple[str, ...], Any] = {}
        self._but_for_seed: dict[tuple[str, ...], Sweep] = {}

    def compose(self, overrides: Sequence[str]) -> RunConfig:
        """The configuration of one run.

        Raises:
            UserError: an override is wrong.
        """
        return self.single(overrides).runs[0]

    def single(self, overrides: Sequence[str]) -> Sweep:
        """A sweep of one run.

        Raises:
            UserError: an override is wrong.
        """
        sweep = self._single(overrides)
        if label_given(overrides):
            return sweep
        return Sweep(tuple(map(labelled_alone, sweep.runs)), sweep.options)

    def _single(self, overrides: Sequence[str]) -> Sweep:
        """Compose a sweep of one run whose label is the strategy's own."""
        check_hydra_keys(overrides)
        for override in overrides:
            if is_many(override):
                raise UserError(f"{override}: has several values: add -m to run a sweep")

        def resolved() -> Sweep:
            composed = self._composed(overrides)
            return Sweep((run_config(composed),), sweep_options(composed))

        seeds, rest = _seeds_apart(overrides)
        if len(seeds) == 1 and (known := self._but_for_seed.get(rest)) is not None:
            return Sweep((replace(known.runs[0], seed=check_least("seed", _value(seeds[0]), 0)),), known.options)
        sweep: Sweep = self._hydra_call(resolved, overrides)  # resolves interpolations
        if "seed" not in interpolated(OmegaConf.to_container(self._memo[rest])):
            self._but_for_seed[rest] = sweep
        return sweep

    def kernel_fields(self, task: str) -> dict[str, bool]:
        """The fields of a task's kernel, set by ``task.kernel.FIELD=VALUE``, and for each whether it is required.

        Raises:
            UserError: no such task.
        """
        kernel = self._composed([f"task={task}"]).task.get("kernel") or {}
        return {str(name): OmegaConf.is_missing(kernel, name) for name in kernel if name != "_target_"}

    def yaml(self, overrides: Sequence[str]) -> str:
        """The composed configuration as YAML."""
        text: str = self._hydra_call(lambda: OmegaConf.to_yaml(self._composed(overrides), resolve=True), overrides)
        return text

    def expand(self, overrides: Sequence[str]) -> Sweep:
        """Every run of a sweep: the product of the overrides' lists and ranges, including the experiment's.

        Raises:
            UserError: an override is wrong, or an option of the whole sweep is given as a list.
        """
        overrides = spelled_out([override for override in overrides if not _for_launcher(override)], self._options)
        given = {override.split("=", 1)[0] for override in overrides}
        params = [item for item in self._sweeper_params(overrides) if item.split("=", 1)[0] not in given]
        swept = spelled_out(params, self._options)
        try:
            parsed = OverridesParser.create().parse_overrides([*swept, *overrides])
            check_lists_of_files(parsed)
            check_sweeps(parsed)
            jobs = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
        except HydraException as error:
            check_readable([*swept, *overrides])
            raise self._refusal(error, overrides) from None
        sweep = _joined([self._single(job) for job in jobs])
        named = swept_arguments([(str(part.key_or_group), part.is_sweep_override()) for part in parsed])
        if label_given([str(part.input_line) for part in parsed]):
            return sweep
        chosen = [{_key(override): override for override in job} for job in jobs]
        return Sweep(tuple(labelled(sweep.runs, chosen, named)), sweep.options)

    def launcher(self, overrides: Sequence[str]) -> Mapping[str, Any] | None:
        """The target that ``hydra/launcher=NAME`` asks for; ``None`` for local processes.

        Raises:
            UserError: an override is wrong.
        """
        if not any(_for_launcher(o) or o.startswith("experiment=") for o in overrides):
            return None  # no other override can name a launcher, and composing takes longer than a short replay
        kept = ("jobs=", "results=", "experiment=")
        relevant = [o for o in overrides if _for_launcher(o) or (o.startswith(kept) and "," not in o)]
        composed = self._hydra(relevant, return_hydra_config=True)
        node = self._hydra_call(lambda: OmegaConf.to_container(composed.hydra.launcher, resolve=True))
        if not str(node.get("_target_", "")).endswith(".BasicLauncher"):
            return dict(node)
        unread = [override for override in overrides if override.lstrip("+").startswith("hydra.launcher.")]
        if unread:
            raise UserError(f"{unread[0]}: unknown option: expected hydra/launcher=NAME as well")
        return None

    def _sweeper_params(self, overrides: Sequence[str]) -> list[str]:
        """The overrides that an experiment's YAML sweeps over (``hydra.sweeper.params``)."""
        names = [override.split("=", 1)[1] for override in overrides if override.startswith("experiment=")]
        if not names or "," in names[0]:
            return []
        composed = self._hydra([f"experiment={names[0]}"], return_hydra_config=True)
        params = OmegaConf.select(composed, "hydra.sweeper.params") or {}
        return [f"{name}={value}" for name, value in params.items()]

    def _composed(self, overrides: Sequence[str]) -> Any:
        seeds, rest = _seeds_apart(overrides)
        if rest not in self._memo:
            check_names(rest, TOP)
            named = self._with_kernel_file(tuple(checked_values(rest, KINDS)))
            for group in GROUPS:
                if (name := chosen(named, group)) is not None:
                    self._plugins.choose(group, name)
            self._memo[rest] = self._hydra(named)
        composed = self._memo[rest].copy()
        for override in seeds:
            composed.seed = _value(override)
        return composed

    def _with_kernel_file(self, overrides: tuple[str, ...]) -> tuple[str, ...]:
        """``task=my_kernel.py:NAME`` is registered with Hydra and replaced by the name of its task.

        Raises:
            UserError: there is no such file, or it has no kernel with a search space.
        """
        name = chosen(overrides, "task")
        if name is None or ".py" not in name:
            return overrides
        from harness.config.kernel_file import is_kernel_file, read_kernel_file, register_task  # imports torch

        if not is_kernel_file(name):
            return overrides
        registered = register_task(read_kernel_file(name))
        return tuple(f"task={registered}" if override.startswith("task=") else override for override in overrides)

    def _hydra(self, overrides: Sequence[str], return_hydra_config: bool = False) -> Any:
        # Hydra treats every folder on its search path as a configuration group, even a results folder.
        beside = [override for override in overrides if _key(override) in self._beside_folders]
        others = [override for override in overrides if override not in beside]

        def merged() -> Any:
            if return_hydra_config:
                return composed_anew(others, self._folders, return_hydra_config)
            return composed(others, self._folders, self._of_choices)

        def checked() -> Any:
            found = merged()
            for part in OverridesParser.create().parse_overrides(beside):
                OmegaConf.update(found, part.key_or_group, part.value())
            check_interpolations(OmegaConf.to_container(found))
            return found

        def with_kernels() -> Any:
            try:
                return checked()
            except MissingConfigException as error:  # named in the defaults list of a user's YAML
                if not self._plugins.register_kernel(error.missing_cfg_file):
                    raise
                return with_kernels()

        try:
            return self._hydra_call(with_kernels, overrides)
        except ValueError as error:  # a group was overridden with null or a number
            for part in OverridesParser.create().parse_overrides(list(overrides)):
                if part.key_or_group in CHOSEN and not isinstance(part.value(), str):
                    raise UserError(f"{part.input_line}: expected the name of a {part.key_or_group}") from None
            raise UserError(f"{' '.join(overrides)}: {causes_line(error)}") from None

    def _hydra_call(self, call: Callable[[], Any], overrides: Sequence[str] = ()) -> Any:
        try:
            return call()
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            check_readable(overrides)
            raise self._refusal(error, overrides) from None

    def _options(self, group: str) -> list[str]:
        """The names in a configuration group, over the whole search path."""
        with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
            loader = GlobalHydra.instance().config_loader()
            return list(loader.get_group_options(group, config_name="config", overrides=self._search_path))

    def _refusal(self, error: Exception, overrides: Sequence[str]) -> UserError:
        """Translate an error of Hydra or OmegaConf into a NearOpt message."""

        def keys(refused: str, parent: str) -> list[str]:
            others = [override for override in overrides if override != refused]
            with suppress(Exception):
                return keys_at(composed(others, self._folders, self._of_choices), parent)
            return []

        return UserError(refusal(error, overrides, keys))


def _seeds_apart(overrides: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Separate overrides of the seed from the others, since composing each seed takes longer than a short replay."""
    seeds = [override for override in overrides if override.startswith("seed=")]
    return seeds, tuple(natural([override for override in overrides if override not in seeds]))


def _joined(sweeps: Sequence[Sweep]) -> Sweep:
    options = sweeps[0].options
    for other in sweeps:
        for part in fields(SweepOptions):
            first, second = getattr(options, part.name), getattr(other.options, part.name)
            if first != second:
                raise UserError(f"{part.name}={first},{second}: expected one value for the whole sweep")
    return Sweep(tuple(run for sweep in sweeps for run in sweep.runs), options)


def _key(override: str) -> str:
    return override.split("=", 1)[0].lstrip("+")


def _for_launcher(override: str) -> bool:
    return override.lstrip("+~").startswith(("hydra/launcher", "hydra.launcher."))


def _value(override: str) -> Any:
    text = override.split("=", 1)[1]
    with suppress(ValueError):
        return int(text)
    raise UserError(f"{override}: expected a whole number (lists and ranges need -m)")
