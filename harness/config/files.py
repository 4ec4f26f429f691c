"""Read configuration YAML within limits, before Hydra, which expands every alias, processes it."""

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
"""Most nodes in one file. OmegaConf makes several copies of each, at about 0.1 ms; NearOpt's files have some dozens."""


class BoundedFiles(FileConfigSource):  # type: ignore[misc]  # Hydra has no types
    """A configuration folder of any origin: NearOpt, ``--config-dir``, a plug-in or ``hydra.searchpath``."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Load one file.

        Raises:
            UserError: the file is too large, not YAML, not readable, or not UTF-8.
        """
        path = Path(self.path, self._normalize_file_name(config_path))
        if path.exists():
            try:
                check_yaml(read_text(path), MAX_VALUES)
            except (OSError, ValueError, yaml.YAMLError) as error:
                said = error.strerror if isinstance(error, OSError) else error
                raise UserError(f"{path}: cannot be read as configuration: {one_line(said)}") from None
        return super().load_config(config_path)


def read_files_within_bounds() -> None:
    """Make Hydra read folders through :class:`BoundedFiles` in this process from now on."""
    SourcesRegistry.instance().types[BoundedFiles.scheme()] = BoundedFiles
