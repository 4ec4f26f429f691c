"""Where evaluations come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from harness.evaluation import Configuration, Measurement
from harness.landscapes.landscape import Landscape
from search_spaces.space import SearchSpace


@runtime_checkable
class Backend(Protocol):
    """A task on a device, live or recorded. Live and replay differ in this object and nothing else."""

    @property
    def task(self) -> str:
        """Name in results: ``<task>__<device>``."""
        ...

    @property
    def space(self) -> SearchSpace:
        """What strategies search."""
        ...

    @property
    def compile_workers(self) -> int:
        """How many compiles run at once on the tuning clock."""
        ...

    @property
    def charge_ask(self) -> bool:
        """Whether measured ask and tell seconds move the tuning clock."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the results (space, landscape or kernel-source hash, noise)."""
        ...

    def environment(self) -> Mapping[str, Any]:
        """JSON-able facts worth keeping but not deciding (device, driver, versions)."""
        ...

    def reference(self) -> Landscape | None:
        """The recorded table that its runs are judged by, kept beside them; ``None`` where there is none."""
        ...

    def start(self) -> None:
        """Start what measuring needs (processes, a device); may take seconds, which no run is charged for.

        Raises:
            UserError: it cannot be had.
        """
        ...

    def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
        """Evaluate a batch; one measurement each, in order. Failures are statuses, never exceptions."""
        ...

    def close(self) -> None:
        """Release processes and devices. Safe to call twice."""
        ...
