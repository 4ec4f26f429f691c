"""Messages between the parent, the compile workers and the GPU process. All can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.evaluation import Configuration, DeviceState, Measurement, Status
from harness.rules import Limits


@dataclass(frozen=True, slots=True)
class CompiledLaunch:
    """One launch's binary in Triton's cache.

    Attributes:
        hash: Triton's cache key.
        files: path by file name, as Triton's metadata group.
    """

    hash: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CompiledPlan:
    """A compiled configuration, ready to load.

    Attributes:
        launches: one per launch of the plan, in order.
        fingerprint: equal for two configurations exactly if they run the same machine code on the
            same grids with the same arguments.
    """

    launches: tuple[CompiledLaunch, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CompileOutcome:
    """How a compile ended.

    Attributes:
        status: ``ok``, ``compile_error``, ``out_of_resources``, ``compile_timeout`` or ``worker_crash``.
        compile_s: CPU seconds charged: those of the first compile if the binary was cached.
        spent_s: CPU seconds actually spent.
        compiled: what to load, if ``ok``.
        message: one line about a failure.
    """

    status: Status
    compile_s: float
    spent_s: float
    compiled: CompiledPlan | None = None
    message: str = ""

    def failure(self) -> Measurement:
        """The measurement of a configuration that never reached the GPU."""
        return Measurement(status=self.status, compile_s=self.compile_s, message=self.message)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Check and time one configuration.

    Attributes:
        incumbent_ms: the best latency so far, if any.
        limits: limits from the run's rules.
    """

    configuration: Configuration
    compiled: CompiledPlan
    incumbent_ms: float | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Resample:
    """Take ``samples`` more latencies of a checked configuration; of the vendor's call if no configuration is given."""

    samples: int
    configuration: Configuration | None = None
    compiled: CompiledPlan | None = None


Job = Evaluate | Resample


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of the GPU process to a job.

    Attributes (beyond those of :class:`~harness.evaluation.Measurement`):
        healthy: false if its device context is lost and the process has ended.
        idle_s: seconds that the process had waited for this job.
        setup_s: seconds spent on work that does not belong to the configuration: a warm-up after idle time, and the
            launcher of a signature that is new to this process.
    """

    status: Status
    samples_ms: tuple[float, ...] = ()
    verify_s: float = 0.0
    benchmark_s: float = 0.0
    message: str = ""
    healthy: bool = True
    device_state: DeviceState | None = None
    idle_s: float = 0.0
    setup_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Started:
    """The GPU process is ready.

    Attributes:
        vendor: the vendor library's name, empty if the kernel has no such call.
        versions: versions of torch, triton and CUDA in the process.
    """

    vendor: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnDevice:
    """The job holds the device from now on."""


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The GPU process cannot work; ``message`` says why in one line."""

    message: str
