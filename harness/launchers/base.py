"""Common parts of launchers: runs are sent as frozen records and write to their own directories."""

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
    """Starts the runs of a sweep in some place."""

    def launch(
        self, numbered: Sequence[Numbered], options: SweepOptions, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        """Attempt numbered runs, started in the given order; yields their outcomes as they arrive.

        Closing the generator cancels runs that are still running or waiting.

        Args:
            options: options of the sweep, passed to :func:`attempt_there` with each run.
            watch: may be called with the progress of runs.

        Raises:
            UserError: the launcher cannot be used as configured.
        """
        ...


def library(name: str, launcher: str, extra: str) -> Any:
    """The module ``name``, imported only now.

    Raises:
        UserError: the library is not installed.
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
    """Attempt a run in a remote process, without progress reports; the log has everything.

    Args:
        folders: folders whose modules can be imported (:func:`~harness.config.plugins.importable_folders`).
    """
    for folder in folders:
        importable(Path(folder))
    return attempt(config, options, lambda *_: None)


def lost(config: RunConfig, how: str) -> Failure:
    """The outcome of a run whose process did not return."""
    message = f"{how}; the same command resumes it"
    return Failure(config, message, message)
