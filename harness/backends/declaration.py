"""Declarations of backends: facts that are known before a backend is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.config.targets import declared_target
from harness.config.task import TaskSpec

Opener = TypeVar("Opener", bound=Callable[..., Any])
Recording = Callable[[TaskSpec | None, Mapping[str, Any]], Path | None]
"""Maps a task and a backend's arguments to the landscape file that its runs read; ``None`` if they read none."""


def _reads_no_landscape(_task: TaskSpec | None, _arguments: Mapping[str, Any]) -> Path | None:
    return None


@dataclass(frozen=True)
class Declaration:
    """Facts about the runs of a backend.

    Attributes:
        needs_device: whether they measure on a device of this machine: one run per GPU at a time, each in its own
            process.
        landscape: gives the recording that they read; raises UserError if a required one is missing.
    """

    needs_device: bool = False
    landscape: Recording = _reads_no_landscape


def declares(declaration: Declaration) -> Callable[[Opener], Opener]:
    """Attach a declaration to the class or function that a backend's ``_target_`` names.

    A backend without a declaration, such as a simulator, needs no device and has no recording.
    """

    def attach(opener: Opener) -> Opener:
        opener.declaration = declaration  # type: ignore[attr-defined]
        return opener

    return attach


def declaration_of(backend: Mapping[str, Any]) -> Declaration:
    """The declaration of a configured backend, with defaults if it has none.

    Args:
        backend: a Hydra target with its arguments.

    Raises:
        UserError: the target is missing or cannot be imported.
    """
    declared = getattr(declared_target("backend", backend), "declaration", None)
    return declared if isinstance(declared, Declaration) else Declaration()
