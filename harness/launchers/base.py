"""What launchers have in common: runs travel as frozen records and write to their own directories."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from harness.config.plugins import importable
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.study.attempt import AttemptResult, Failure, attempt
from harness.study.slots import Watch

Numbered = tuple[int, RunConfig]


class Launcher(Protocol):
    """Runs many runs somewhere."""

    def launch(
        self, numbered: Sequence[Numbered], options: SweepOptions, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        """Attempt numbered runs, started in the order given; yields their outcomes as they come.

        Closing the generator takes back what is still running or waiting.

        Args:
            options: of the sweep; go to :func:`attempt_there` with each run.
            watch: may be told where runs are at.

        Raises:
            UserError: the launcher cannot be used as configured.
        """
        ...


def library(name: str, launcher: str, extra: str) -> Any:
    """The module ``name``, imported only now.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        expected = f"pip install 'nearopt[{extra}]'"
        raise UserError(
            f"hydra/launcher={launcher}: {name} cannot be imported ({error}): expected {expected}"
        ) from None


def portable(config: RunConfig) -> RunConfig:
    """The same run for a process with another working directory, on this host or one that shares its file system."""
    backend = dict(config.backend)
    if isinstance(landscape := backend.get("landscape"), str):
        backend["landscape"] = str(Path(landscape).absolute())
    return replace(config, backend=backend)


def portable_options(options: SweepOptions) -> SweepOptions:
    """The same options for such a process."""
    return replace(options, results=options.results.absolute())


def attempt_there(config: RunConfig, options: SweepOptions, folders: Sequence[str] = ()) -> AttemptResult:
    """In a remote process: nobody is told on the way, the log has it all.

    Args:
        folders: modules in them can be imported (:func:`~harness.config.plugins.importable_folders`).
    """
    for folder in folders:
        importable(Path(folder))
    return attempt(config, options, lambda *_: None)


def lost(config: RunConfig, how: str) -> Failure:
    """The outcome of a run whose process did not come back."""
    message = f"{how}; the same command resumes it"
    return Failure(config, message, message)
