"""The interface of backends, which produce evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from harness.evaluation import Configuration, Measurement
from harness.landscapes.landscape import Landscape
from harness.rules import Limits
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Subject:
    """The measured task and device by their own names, which key a run's random streams.

    Attributes:
        task: the task's name without the device; not a file's name.
        device: the driver's name of the device; empty if there is none.
    """

    task: str
    device: str


@runtime_checkable
class Backend(Protocol):
    """A task on a device, live or recorded. Live runs and replays differ only in this object.

    It is opened by a call ``open(task=TaskSpec | None, seed=numpy.random.SeedSequence, **arguments)``;
    ``seed`` is derived from the run's seed and the configured task.
    """

    @property
    def task(self) -> str:
        """The task's name in results: ``<task>__<device>``."""
        ...

    @property
    def space(self) -> SearchSpace:
        """The space that strategies search."""
        ...

    @property
    def compile_workers(self) -> int:
        """The number of concurrent compiles on the tuning clock."""
        ...

    @property
    def charge_ask(self) -> bool:
        """Whether measured ask and tell seconds are charged to the tuning clock."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the results (space, landscape or kernel-source hash, noise)."""
        ...

    def environment(self) -> Mapping[str, Any]:
        """JSON-able facts for the record that do not decide the results (device, driver, versions)."""
        ...

    def reference(self) -> Landscape | None:
        """The recorded table by which runs are judged, stored beside them; ``None`` if there is none."""
        ...

    def start(self) -> None:
        """Start what measuring needs (processes, a device); may take seconds, which are not charged to a run.

        Raises:
            UserError: they cannot be started.
        """
        ...

    def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
        """Evaluate a batch; one measurement each, in order. Failures are statuses, never exceptions."""
        ...

    def close(self) -> None:
        """Release processes and devices. Safe to call twice."""
        ...


@runtime_checkable
class EndsEarly(Protocol):
    """A backend that can end hopeless evaluations early, as runs with rules (``rules=…``) require."""

    def measure_under(self, configurations: Sequence[Configuration], limits: Limits) -> list[Measurement]:
        """Like :meth:`Backend.measure`, with each evaluation within ``limits``.

        An ended compile is a ``compile_timeout`` with :data:`harness.rules.COMPILED_TOO_LONG` that costs the seconds
        spent. Ended sampling gives fewer samples.
        """
        ...


@runtime_checkable
class Located(Protocol):
    """A backend that names what it measures independently of the names of files."""

    @property
    def subject(self) -> Subject:
        """The measured task and device; equal for a recording and a live run of the same task on the same card."""
        ...


def measured(backend: Backend, configurations: Sequence[Configuration], limits: Limits | None) -> list[Measurement]:
    """Measure a batch with a backend, within the ``limits`` of the run's rules; ``None`` without rules."""
    if limits is None:
        return backend.measure(configurations)
    assert isinstance(backend, EndsEarly), "checked when a run with rules starts"
    return backend.measure_under(configurations, limits)


def subject_of(backend: Backend) -> Subject:
    """The task and device that a backend measures; by default its task's name in results."""
    return backend.subject if isinstance(backend, Located) else Subject(backend.task, "")
