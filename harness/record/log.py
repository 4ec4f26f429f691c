"""The append-only file beside a recording: every measurement as it is made, one JSON document per line."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import IO, Any, Self

from harness.errors import UserError
from harness.evaluation import Configuration, DeviceState, Measurement, Status
from harness.measure.engine import Result
from harness.system.atomic import writing
from harness.system.documents import without_waiting
from harness.system.sealed_lines import CHECK, Seals, sealed


@dataclass(frozen=True, slots=True)
class LoggedResult:
    """The log's entry for one configuration.

    Attributes:
        binary: fingerprint of what was launched, empty if it did not compile.
        origin: ``uniform``, ``by_parameter``, or ``search`` if a search asked for it.
        gpu: UUID of the device that measured it; empty if none did.
    """

    configuration: Configuration
    measurement: Measurement
    binary: str = ""
    origin: str = "uniform"
    gpu: str = ""


@dataclass
class LogContent:
    """The content of a log.

    Attributes:
        metadata: metadata of the landscape, as far as known before measuring.
        sessions: facts of each process that appended (device, versions, when).
        results: rows by configuration key.
        draws: key by index of independent draws, ``None`` for one that breaks a constraint.
        retimed: samples in ms by configuration key, ``None`` before the re-timing.
        retimed_beside: the same from each further device, by UUID.
        vendor: name and samples in ms of the vendor's call, ``None`` if there is none.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, LoggedResult] = field(default_factory=dict)
    draws: dict[int, str | None] = field(default_factory=dict)
    retimed: dict[str, list[float]] | None = None
    retimed_beside: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    vendor: tuple[str, list[float]] | None = None

    def latencies(self) -> dict[str, float]:
        """Measured latencies in ms by key; failures have none."""
        latencies = {key: row.measurement.latency_ms for key, row in self.results.items()}
        return {key: latency for key, latency in latencies.items() if latency is not None}

    def devices(self) -> dict[str, str]:
        """UUID of the device by key; an alias's is that of its binary."""
        measured = {row.binary: row.gpu for row in self.results.values() if row.binary and row.gpu}
        return {key: row.gpu or measured.get(row.binary, "") for key, row in self.results.items()}


class RecordLog:
    """Opens or creates a log and holds its content.

    Args:
        path: the file.
        identity: what must not change between the sessions of one recording.
        metadata: written when the file is created.

    Attributes:
        unverified: number of lines at its beginning without a checksum, which an older NearOpt wrote.

    Raises:
        UserError: the file belongs to another recording, is not a log or was changed, cannot be written, or another
            process writes it.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self.path = path
        self._check = 0
        self.unverified = 0
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = TextIOWrapper(BufferedWriter(FileIO(str(path), "a", opener=without_waiting)), encoding="utf-8")
        try:
            _lock(path, self._file)
            if path.stat().st_size:
                _drop_torn_line(path)
                self.content, logged, seals = _load(path)
                self._check, self.unverified = seals.check, seals.unsealed
                _check_identity(path, logged, dict(identity))
            else:
                self.content = LogContent(metadata=dict(metadata))
                self._append({"kind": "recording", "identity": dict(identity), "metadata": dict(metadata)})
        except BaseException:
            self.close()
            raise

    def session(self, facts: Mapping[str, Any]) -> None:
        """Log that a process starts appending."""
        self.content.sessions.append(dict(facts))
        self._append({"kind": "session", **facts})

    def started(self, versions: Mapping[str, str]) -> None:
        """Log that the session's GPU process is ready, and its versions."""
        self.content.sessions[-1]["versions"] = dict(versions)
        self._append({"kind": "started", "versions": dict(versions)})

    def result(self, key: str, result: Result, gpu: str, origin: str = "uniform", draw: int | None = None) -> None:
        """Log the result of a configuration, its device's UUID ``gpu`` (empty for none) and its draw number, if any."""
        measurement, state = result.measurement, result.measurement.device_state
        binary = "" if result.compiled is None else result.compiled.fingerprint
        self.content.results[key] = LoggedResult(result.configuration, measurement, binary, origin, gpu)
        self.content.retimed = None  # this configuration may be the best
        if draw is not None:
            self.content.draws[draw] = key
        self._append(
            {
                "kind": "result",
                "key": key,
                "config": dict(result.configuration),
                "binary": binary,
                "origin": origin,
                "gpu": gpu,
                "alias": measurement.alias,
                "device_state": None if state is None else asdict(state),
                "status": str(measurement.status),
                "samples_ms": [round(sample, 7) for sample in measurement.samples_ms],
                "compile_s": round(measurement.compile_s, 6),
                "verify_s": round(measurement.verify_s, 6),
                "benchmark_s": round(measurement.benchmark_s, 6),
                "message": measurement.message,
                **({} if draw is None else {"draw": draw}),
            }
        )

    def drawn(self, index: int, key: str | None) -> None:
        """Log a draw that needs no measurement, since it repeats a configuration or breaks a constraint."""
        self.content.draws[index] = key
        self._append({"kind": "draw", "index": index, "key": key})

    def retimed(
        self,
        samples_ms: Mapping[str, list[float]],
        vendor: tuple[str, list[float]] | None,
        beside: Mapping[str, dict[str, list[float]]],
    ) -> None:
        """Log the complete re-timing; ``beside`` has the samples of further devices, by UUID."""
        self.content.retimed, self.content.vendor = dict(samples_ms), vendor
        self.content.retimed_beside = dict(beside)
        self._append({"kind": "retimed", "samples_ms": dict(samples_ms), "vendor": vendor, "beside": dict(beside)})

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # the disk may be full, which may have caused an earlier error
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def _append(self, document: Mapping[str, Any]) -> None:
        line, self._check = sealed(json.dumps(document, separators=(",", ":")).encode(), self._check)
        with writing(self.path):
            self._file.write(line.decode())
            self._file.flush()  # survives this process; a power cut may cost the last second


def _lock(path: Path, file: IO[str]) -> None:
    """Lock the log against other writers while this process has it open.

    Raises:
        UserError: another process has locked it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"{path}: another NearOpt process is writing to it: wait until it ends, or choose another --output"
        ) from None
    except OSError:  # a file system without locks
        return


def _drop_torn_line(path: Path) -> None:
    """Remove half a line at the end, which a process killed while writing leaves."""
    data = path.read_bytes()
    if not data.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)
            os.fsync(file.fileno())


def read_log(path: Path) -> LogContent:
    """Read a log without changing it.

    Raises:
        UserError: the file is not a log.
    """
    return _load(path)[0]


def _load(path: Path) -> tuple[LogContent, dict[str, Any], Seals]:
    content, identity, seals = LogContent(), dict[str, Any](), Seals()
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            document = json.loads(line)
            document.pop(CHECK, None)
            kind = document.pop("kind")
            if kind == "recording":
                identity, content.metadata = document["identity"], document["metadata"]
            elif kind == "session":
                content.sessions.append(document)
            elif kind == "started":
                content.sessions[-1].update(document)
            elif kind == "result":
                configuration = {name: _value(value) for name, value in document["config"].items()}
                content.results[document["key"]] = LoggedResult(
                    configuration,
                    _measurement(document),
                    document["binary"],
                    document["origin"],
                    document.get("gpu", ""),
                )
                content.retimed = None  # more was measured afterwards
                if "draw" in document:
                    content.draws[document["draw"]] = document["key"]
            elif kind == "draw":
                content.draws[document["index"]] = document["key"]
            elif kind == "retimed":
                content.retimed = document["samples_ms"]
                content.retimed_beside = document.get("beside", {})
                vendor = document["vendor"]
                content.vendor = (vendor[0], vendor[1]) if vendor else None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise UserError(f"{path}: line {number}: expected a recording's log; move the file away") from None
        if fault := seals.fault(line):
            again = "restore the file, or truncate it before that line; the missing configurations are measured again"
            raise UserError(f"{path}: line {number}: {fault}: {again}")
    if not identity:
        raise UserError(f"{path}: line 1: expected a recording's log; move the file away")
    return content, identity, seals


def _check_identity(path: Path, logged: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    expected = json.loads(json.dumps(expected))
    for name in sorted({*logged, *expected}):
        if logged.get(name) != expected.get(name):
            raise UserError(
                f"{path}: {name}={logged.get(name)}: this recording has {expected.get(name)}; "
                "choose another output or move the file away"
            )


def _measurement(document: Mapping[str, Any]) -> Measurement:
    state = document["device_state"]
    samples = tuple(document["samples_ms"])
    return Measurement(
        status=Status(document["status"]),
        samples_ms=samples,
        latency_ms=median(samples) if samples else None,
        compile_s=document["compile_s"],
        verify_s=document["verify_s"],
        benchmark_s=document["benchmark_s"],
        message=document["message"],
        device_state=None if state is None else DeviceState(**state),
        alias=document["alias"],
    )


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
