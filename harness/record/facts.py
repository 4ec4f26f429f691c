"""Options of a recording, its identity, and the metadata of its landscape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.backends.kernel_source import kernel_source_hash
from harness.backends.task import kernel_fields
from harness.config.schema import RunConfig
from harness.measure.device import AccelDevice, nvidia_smi
from harness.measure.work import SessionOptions
from harness.record.draws import BY_PARAMETER, NOTHING_DRAWN, draws_coverage, generator_of
from harness.record.retime import Retiming
from harness.run import provenance
from harness.system.digest import digest
from kernels.base import Kernel
from search_spaces.space import SearchSpace

LOG_SUFFIX = ".recording.jsonl"


@dataclass(frozen=True)
class RecordOptions:
    """Options of a recording.

    Attributes:
        session: workers, timeouts, samples and the seed of order and sample (inputs are fresh in every recording).
        retiming: how the best and the anchors are re-timed afterwards.
        limit: measure only this many configurations, drawn uniformly without replacement.
        deadline_s: start no configuration after this many seconds, and stop cleanly.
        draws: measure this many independent draws, parameter by parameter, instead (see :mod:`harness.record.draws`).
            It is not part of a recording's identity, since a later session may ask for more.
        finish: write a landscape from the draws made by the deadline.
        searches: strategies, each with its seed, budget and batch, that look for better configurations in the
            whole space afterwards; their configurations have ``origin="search"`` and only set t*.
    """

    session: SessionOptions = field(default_factory=SessionOptions)
    retiming: Retiming = field(default_factory=Retiming)
    limit: int | None = None
    deadline_s: float | None = None
    searches: tuple[RunConfig, ...] = ()
    draws: int | None = None
    finish: bool = False


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The making of one landscape, over as many sessions as it takes.

    Attributes:
        task: the task's name without the device.
        kernel, space: the measured kernel and its space.
        out: the landscape file to write.
        device: the device to measure on.
        beside: further devices of the same model; each configuration is measured on a free one, and each device
            re-times the best, the first one for the record.
        options: options of the recording.
        command: the command line, for the metadata.
    """

    task: str
    kernel: Kernel
    space: SearchSpace
    out: Path
    device: AccelDevice
    beside: tuple[AccelDevice, ...] = ()
    options: RecordOptions = field(default_factory=RecordOptions)
    command: str = ""

    @property
    def log(self) -> Path:
        """The append-only file beside the landscape."""
        return self.out.with_name(self.out.name + LOG_SUFFIX)


def recording_identity(recording: Recording) -> dict[str, Any]:
    """Facts that must not change between the sessions of one recording."""
    session = recording.options.session
    return {
        "task": recording.task,
        "kernel": kernel_fields(recording.kernel),
        "kernel_source_hash": kernel_source_hash(recording.kernel),
        "space_hash": digest(recording.space.to_json()),
        "device": recording.device.name,
        "seed": session.seed,
        "limit": recording.options.limit,
        "searches": [_search_facts(search) for search in recording.options.searches],
        "compile_timeout_s": session.compile_timeout_s,
        "run_timeout_s": session.run_timeout_s,
        "timing": session.timing.to_json(),
        **({} if recording.options.draws is None else {"drawn": BY_PARAMETER}),
    }


def recording_metadata(recording: Recording, wanted: int, input_seed: int) -> dict[str, Any]:
    """The landscape's metadata, as far as it is known before ``wanted`` configurations, or draws, are measured."""
    kernel, device, options = recording.kernel, recording.device, recording.options
    shape = {name: value for name, value in kernel_fields(kernel).items() if name not in ("_target_", "dtype")}
    metadata: dict[str, Any] = {
        "task": recording.task,
        "kernel": recording.task.partition("-")[0],
        "shape": shape,
        "dtype": kernel.dtype,
        "device": device.to_json(),
        "coverage": _coverage(recording, wanted),
        "compile_workers": options.session.compile_workers,
        "driver": device.driver,
        "versions": dict(provenance.versions()),
        "kernel_source_hash": kernel_source_hash(kernel),
        "timing": {
            **options.session.timing.to_json(),
            "compile_timeout_s": options.session.compile_timeout_s,
            "run_timeout_s": options.session.run_timeout_s,
            "retiming": asdict(options.retiming),
            "seed": options.session.seed,
            "input_seed": input_seed,
        },
        "searches": [_search_facts(search) for search in options.searches],
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": recording.command,
    }
    if device.peak_flops and device.peak_bytes_per_s:
        metadata["roofline"] = {
            "flops": kernel.flops,
            "bytes": kernel.bytes_moved,
            "peak_flops": device.peak_flops,
            "peak_bytes_per_s": device.peak_bytes_per_s,
        }
    return metadata


def _coverage(recording: Recording, wanted: int) -> dict[str, Any]:
    space, seed = recording.space, recording.options.session.seed
    if recording.options.draws is not None:
        return draws_coverage(generator_of(space).how, seed, NOTHING_DRAWN)
    feasible = space.size if space.enumerable else None
    if wanted == feasible:
        return {"kind": "exhaustive"}
    among = "more than can be enumerated" if feasible is None else str(feasible)
    return {"kind": "sample", "drawn": f"uniformly without replacement, seed {seed}: {wanted} of {among}"}


def _search_facts(search: RunConfig) -> dict[str, Any]:
    return {
        "strategy": search.label,
        **search.strategy,
        "seed": search.seed,
        "evaluations": search.budget.evaluations,
        "batch": search.batch,
    }


def session_facts(devices: Sequence[AccelDevice]) -> dict[str, Any]:
    """The cards, and the state of the first one at the start of a session."""
    return {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "uuid": devices[0].uuid,
        "beside": [device.uuid for device in devices[1:]],
        "nvidia_smi": nvidia_smi(devices[0].uuid) if devices[0].kind == "GPU" else {},
        "commit": provenance.environment()["git"]["commit"],
    }
