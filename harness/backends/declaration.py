"""What a backend says of itself before it is opened, so that nobody has to guess it from its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.config.targets import declared_target
from harness.config.task import TaskSpec

Opener = TypeVar("Opener", bound=Callable[..., Any])
Recording = Callable[[TaskSpec | None, Mapping[str, Any]], Path | None]
"""From a task and a backend's arguments to the landscape file that its runs read, ``None`` where they read none."""


def _reads_no_landscape(_task: TaskSpec | None, _arguments: Mapping[str, Any]) -> Path | None:
    return None


@dataclass(frozen=True)
class Declaration:
    """What runs of a backend need and know.

    Attributes:
        needs_device: they measure on a device of this machine: one run a GPU at a time, each in a process of its own.
        landscape: the recording that they read. Raises UserError where there is none although they need one.
    """

    needs_device: bool = False
    landscape: Recording = _reads_no_landscape


def declares(declaration: Declaration) -> Callable[[Opener], Opener]:
    """Attach a declaration to the class or function that a backend's ``_target_`` names.

    A backend without one needs no device and knows no recording, as a simulator does.
    """

    def attach(opener: Opener) -> Opener:
        opener.declaration = declaration  # type: ignore[attr-defined]
        return opener

    return attach


def declaration_of(backend: Mapping[str, Any]) -> Declaration:
    """The declaration of a configured backend.

    Args:
        backend: a Hydra target with its arguments.

    Raises:
        UserError: the target is missing or cannot be imported.
    """
    declared = getattr(declared_target("backend", backend), "declaration", None)
    return declared if isinstance(declared, Declaration) else Declaration()
