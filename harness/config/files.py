"""YAML of configuration: looked at within bounds before Hydra, which writes every alias out, makes anything of it."""

from __future__ import annotations

from pathlib import Path

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigResult

from harness.errors import UserError
from harness.system.documents import read_text
from harness.system.text import one_line
from harness.system.yaml_text import check_yaml

MAX_VALUES = 10_000
"""Most nodes in one file. OmegaConf makes a node of each, in about 0.1 ms and several copies; ours have some dozens."""


class BoundedFiles(FileConfigSource):  # type: ignore[misc]  # Hydra has no types
    """A folder of configuration, whoever names it: NearOpt, ``--config-dir``, a plug-in or ``hydra.searchpath``."""

    def load_config(self, config_path: str) -> ConfigResult:
        """One file.

        Raises:
            UserError: it is larger than a configuration is, no YAML, not readable, or not UTF-8.
        """
        path = Path(self.path, self._normalize_file_name(config_path))
        if path.exists():
            try:
                check_yaml(read_text(path), MAX_VALUES)
            except (OSError, ValueError, yaml.YAMLError) as error:
                said = error.strerror if isinstance(error, OSError) else error
                raise UserError(f"{path}: not readable as configuration: {one_line(said)}") from None
        return super().load_config(config_path)


def read_files_within_bounds() -> None:
    """Let Hydra read folders through :class:`BoundedFiles`, from now on in this process."""
    SourcesRegistry.instance().types[BoundedFiles.scheme()] = BoundedFiles
