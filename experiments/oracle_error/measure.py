"""Re-time the near-optima of recorded tasks on every card of this machine, in several successive processes.

    python -m experiments.oracle_error.measure OUT.parquet TASK… [--sessions 2] [--rounds 8] [--limit 200]

A recorded ``oracle_ms`` comes from such a batch in one process on one card, so the spread between processes and between
cards is its error. Each session is written when it ends, so an interruption loses at most one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.backends.task import build_task, device_of, session_options
from harness.config.compose import Composer
from harness.errors import UserError
from harness.landscapes.landscape import Landscape, read_landscape
from harness.measure.device import AccelDevice, probe_devices
from harness.measure.session import Session
from harness.measure.work import MakeWork, SessionOptions, usual_work
from harness.record.retime import VENDOR, Retiming, retime
from harness.system.atomic import replacing
from harness.system.resources import landscape_directory
from harness.system.terminal import say, warn
from kernels.base import Kernel

COLUMNS = {
    "task": pa.string(), "session": pa.int64(), "device": pa.string(), "key": pa.string(), "oracle_ms": pa.float64(),
    "samples_ms": pa.list_(pa.float64()),
}  # fmt: skip


def timings(
    landscape: Landscape,
    kernel: Kernel,
    devices: Sequence[AccelDevice],
    options: SessionOptions,
    retiming: Retiming,
    sessions: int,
    work: MakeWork = usual_work,
) -> Iterator[list[dict[str, object]]]:
    """Yield rows of :data:`COLUMNS`, one session at a time; each session has its own processes on all devices.

    Raises:
        UserError: a device is in use.
    """
    keys = [landscape.space.key_of_codes(row) for row in landscape.codes]
    recorded = {key: float(ms) for key, ms in zip(keys, landscape.oracle_ms, strict=True) if np.isfinite(ms)}
    rows = {key: i for i, key in enumerate(keys)}
    chosen = {
        key: (landscape.space.decode(landscape.codes[rows[key]]), recorded[key]) for key in retiming.choose(recorded)
    }
    for number, stream in enumerate(np.random.SeedSequence(options.seed).spawn(sessions)):
        warn(f"{landscape.name}: session {number}: {len(chosen)} configurations on {len(devices)} devices")
        with Session(kernel, devices[0], options, work, beside=devices[1:]) as session:
            found = retime(session, chosen, {}, retiming, np.random.default_rng(stream))
        yield [
            {"task": landscape.name, "session": number, "device": device.uuid, "key": key, "samples_ms": samples,
             "oracle_ms": recorded[key]}
            for device, by_key in zip(devices, found, strict=True)
            for key, samples in by_key.items()
            if key != VENDOR
        ]  # fmt: skip


def write(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """All rows so far."""
    table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("tasks", nargs="+", metavar="TASK")
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--factor", type=float, default=1.25)
    parser.add_argument("--limit", type=int, default=200)
    given = parser.parse_args(arguments)
    retiming = Retiming(factor=given.factor, limit=given.limit, anchors=5, rounds=given.rounds)
    rows: list[dict[str, object]] = []
    for task in given.tasks:
        config = Composer().compose([f"task={task}", "backend=live"])
        if config.task is None:
            raise UserError(f"task={task}: expected a task with a kernel")
        device = device_of(config.task)
        same = [other for other in probe_devices() if other.name == device.name]
        landscape = read_landscape(landscape_directory() / f"{config.task.name}__{device.slug}.parquet")
        kernel, _ = build_task(config.task, device)
        for part in timings(landscape, kernel, same, session_options(config.seed), retiming, given.sessions):
            rows += part
            write(rows, given.out)
    say(f"{given.out}: {len(rows)} timings")


if __name__ == "__main__":
    main()
