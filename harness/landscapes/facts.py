"""Facts about a task: kernel, shape, dtype and device."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError
from harness.landscapes.columns import METADATA_KEY


@dataclass(frozen=True)
class TaskFacts:
    """Facts about a task on a device.

    Attributes:
        task: its own name, without the device.
        kernel: empty if unknown, like ``shape`` and ``dtype``.
        shape: problem sizes by name: numbers, booleans or words.
        device: facts by name, such as ``name``, ``sm_count``, ``l2_bytes``.
    """

    task: str
    kernel: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = ""
    device: Mapping[str, Any] = field(default_factory=dict)

    @property
    def device_name(self) -> str:
        """The driver's name of the device in lower case; empty if unknown."""
        return " ".join(str(self.device.get("name", "")).casefold().removeprefix("nvidia ").split())

    def same_problem(self, other: TaskFacts) -> bool:
        """Whether both are the same problem: equal kernel, shape and dtype, on any device."""
        if not self.shape or not other.shape:
            return self.task == other.task
        return self.same_shape(other) and self.dtype == other.dtype

    def same_shape(self, other: TaskFacts) -> bool:
        """Whether both have the same kernel and shape, in any dtype and on any device."""
        if not self.shape or not other.shape:
            return self.task == other.task
        return (self.kernel, dict(self.shape)) == (other.kernel, dict(other.shape))


def facts_of(document: Mapping[str, Any]) -> TaskFacts:
    """Facts from a landscape's metadata, or from the note beside its runs (``reference.yaml``)."""
    task = str(document.get("task", ""))
    device = document.get("device")
    return TaskFacts(
        task=task,
        kernel=str(document.get("kernel") or task.partition("-")[0]),
        shape=dict(document.get("shape") or {}),
        dtype=str(document.get("dtype") or ""),
        device=dict(device) if isinstance(device, Mapping) else {},
    )


def read_facts(path: Path) -> TaskFacts:
    """Facts from a landscape file; reads only its metadata.

    Raises:
        UserError: the file is not a landscape.
    """
    try:
        stat = path.stat()
        return _read_facts(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error}): expected a landscape Parquet file") from None


@lru_cache(maxsize=256)
def _read_facts(path: Path, _modified: int, _size: int) -> TaskFacts:
    return facts_of(json.loads((pq.read_schema(path).metadata or {})[METADATA_KEY]))
