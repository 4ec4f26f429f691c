"""Where evaluations come from."""

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
    """What is measured, by names of its own: a run's random streams are keyed by them.

    Attributes:
        task: without the device, and no file's name.
        device: as its driver calls it; empty where there is none.
    """

    task: str
    device: str


@runtime_checkable
class Backend(Protocol):
    """A task on a device, live or recorded. Live and replay differ in this object and nothing else.

    What opens one is called as ``open(task=TaskSpec | None, seed=numpy.random.SeedSequence, **arguments)``;
    ``seed`` is that of the run and of the configured task.
    """

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


@runtime_checkable
class EndsEarly(Protocol):
    """A backend that can end evaluations which cannot matter; runs with rules (``rules=…``) need one."""

    def measure_under(self, configurations: Sequence[Configuration], limits: Limits) -> list[Measurement]:
        """As :meth:`Backend.measure`, each within ``limits``.

        A compile that is ended is a ``compile_timeout`` with :data:`harness.rules.COMPILED_TOO_LONG`, at the cost of
        the seconds spent. Ended samples are fewer samples.
        """
        ...


@runtime_checkable
class Located(Protocol):
    """A backend that knows what it measures by names which a rename of its files leaves alone."""

    @property
    def subject(self) -> Subject:
        """Equal for a recording and a live run of the same task on the same card."""
        ...


def measured(backend: Backend, configurations: Sequence[Configuration], limits: Limits | None) -> list[Measurement]:
    """What a backend says of a batch; ``limits``: by the run's rules, ``None`` where it has none."""
    if limits is None:
        return backend.measure(configurations)
    assert isinstance(backend, EndsEarly), "whoever starts a run with rules checks this"
    return backend.measure_under(configurations, limits)


def subject_of(backend: Backend) -> Subject:
    """What a backend measures; one that does not say goes by its task's name in results."""
    return backend.subject if isinstance(backend, Located) else Subject(backend.task, "")
