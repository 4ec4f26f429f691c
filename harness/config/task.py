"""Tasks by name, and their recordings on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TaskSpec:
    """A task as configured.

    Attributes:
        name: kernel, shape and dtype, for instance ``matmul-2048x2048x2048-bf16``.
        kernel, space: Hydra targets with their arguments; unused in replay.
        default: the configuration to use without tuning; values of inactive parameters are ignored.
        fallbacks: values to replace in the default, tried in turn, if a shape's rules forbid the default.
    """

    name: str
    kernel: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Any] = field(default_factory=dict)
    default: Mapping[str, Any] = field(default_factory=dict)
    fallbacks: tuple[Mapping[str, Any], ...] = ()


KERNEL_NAME = "kernel_name"
"""The resolver that names a task of a kernel with its own search space after the kernel's shape."""
