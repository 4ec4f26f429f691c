"""One session on a lent machine: parallel recordings, each on its own cards, with logs copied back as they grow.

    python -m experiments.helion_2.sitting OUT --carried DIR --seconds 540 softmax@0 matmul@1 layernorm@2+3

starts a ``nearopt record`` for every ``TASKS@CARDS`` and runs them until shortly before the time is up. ``TASKS`` is
``TASK[:DRAWS][,TASK…]``: they are recorded one after the other, those with a number of draws first. Logs that an
earlier session left in ``DIR/logs`` are continued; compressed copies of all logs go to OUT every minute and at the end.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

TASKS = {
    "attention": "helion_attention-4x16x2048x64-full-bf16",
    "layernorm": "helion_layernorm-8192x4096-bf16",
    "matmul": "helion_matmul-2048x2048x2048-bf16",
    "softmax": "helion_softmax-16384x2560-bf16",
}
LOG_SUFFIX, PACKED_SUFFIX = ".recording.jsonl", ".recording.jsonl.xz"
WORKERS = 16
"""Compile processes per card."""
PACK_S = 14.0
"""Time for packing at the end, in s."""
DRAIN_S = 20.0
"""Time between the last draw and packing, in which started evaluations finish, in s."""
SNAPSHOT_S = 75.0
"""Time between two snapshots of the logs, in s."""
UNEXPECTED = ("wrong_result", "runtime_error", "worker_crash")
"""Statuses that a correct kernel and recorder should almost never produce."""
PRESET = 2
"""The compression level of xz: it reduces 40 MB to a tenth in two seconds."""


@dataclass(frozen=True)
class Part:
    """One recording.

    Attributes:
        task: its name in ``conf/task``.
        draws: number of draws over all sessions; ``None``: record an enumerable space completely.
    """

    task: str
    draws: int | None


@dataclass(frozen=True)
class Group:
    """Recordings that follow one another on some cards."""

    parts: tuple[Part, ...]
    cards: tuple[int, ...]

    @property
    def name(self) -> str:
        """The stem of the group's output file."""
        return "cards-" + "-".join(map(str, self.cards))


@dataclass(frozen=True)
class Sitting:
    """How the recordings are made.

    Attributes:
        work: the folder of logs and landscapes, on the machine's own disk.
        out: where compressed copies go.
        end: monotonic time by which everything has to be in ``out``.
        finish_s: seconds before ``end`` at which drawing stops and re-timing begins; 0: draw until the end.
        command: the command that starts ``nearopt``.
    """

    work: Path
    out: Path
    end: float
    finish_s: float = 0.0
    command: Sequence[str] = field(default=(sys.executable, "-m", "harness.cli"))

    def log(self, task: str) -> Path:
        """The recording's log."""
        return self.work / f"{task}__h100.parquet{LOG_SUFFIX}"


def parse_group(text: str, draws: int) -> Group:
    """``TASK[:DRAWS][,TASK…]@CARD[+CARD…]``; ``TASK:all`` is recorded completely.

    Raises:
        ValueError: the text has another form.
    """
    names, at, cards = text.partition("@")
    try:
        if not at:
            raise ValueError
        numbers = tuple(int(card) for card in cards.split("+"))
        parts = []
        for item in names.split(","):
            name, colon, count = item.partition(":")
            wanted = None if count == "all" else int(count) if colon else draws
            parts.append(Part(TASKS.get(name, name), wanted))
    except ValueError:
        raise ValueError(
            f"{text}: expected TASK[:DRAWS|:all][,TASK…]@CARD[+CARD…], like softmax:4000,matmul@0+1"
        ) from None
    return Group(tuple(parts), numbers)


def unpack(carried: Path, work: Path) -> list[str]:
    """Unpack the logs of earlier sessions to be continued, unless this machine has them; return their names."""
    work.mkdir(parents=True, exist_ok=True)
    found = []
    for packed in sorted(carried.glob(f"logs/*{PACKED_SUFFIX}")):
        log = work / packed.name.removesuffix(".xz")
        if not log.exists():
            log.write_bytes(lzma.decompress(packed.read_bytes()))
            found.append(log.name)
    return found


def pack(work: Path, out: Path) -> None:
    """Write compressed copies of all logs and landscapes in ``work``, each atomically."""
    out.mkdir(parents=True, exist_ok=True)
    logs = sorted(work.glob(f"*{LOG_SUFFIX}"))
    with ThreadPoolExecutor() as threads:
        compressed = threads.map(lambda log: lzma.compress(log.read_bytes(), preset=PRESET), logs)
        for log, data in zip(logs, compressed, strict=True):
            _place(data, out / f"{log.name}.xz")
    for landscape in sorted(work.glob("*.parquet")):
        _place(landscape.read_bytes(), out / landscape.name)


def _place(data: bytes, target: Path) -> None:
    """Write atomically: readers of ``target`` see the old or the new content."""
    hidden = target.with_name(f".{target.name}")
    hidden.write_bytes(data)
    hidden.replace(target)


def command_of(part: Part, group: Group, sitting: Sitting, deadline_s: float) -> list[str]:
    """The ``nearopt record`` command of one part."""
    words = [
        *sitting.command, "record", f"task={part.task}",
        "-o", str(sitting.work / f"{part.task}__h100.parquet"),
        "--compile-workers", str(WORKERS * len(group.cards)),
        "--deadline-s", f"{deadline_s:.0f}",
    ]  # fmt: skip
    if part.draws is not None:
        words += ["--draws", str(part.draws), *(["--finish"] if sitting.finish_s else [])]
    return words


def record_group(group: Group, sitting: Sitting) -> None:
    """Make the group's recordings until the time is up; their output goes to the group's file."""
    stop = sitting.end - PACK_S
    cards = ",".join(map(str, group.cards))
    with (sitting.work / f"{group.name}.txt").open("a", encoding="utf-8") as printed:
        for part in group.parts:
            left_s = stop - time.monotonic()
            drawing_s = left_s - max(sitting.finish_s, DRAIN_S)
            if drawing_s < 1:
                return
            words = command_of(part, group, sitting, drawing_s)
            print(" ".join(words), file=printed, flush=True)
            environment = {**os.environ, "CUDA_VISIBLE_DEVICES": cards}
            with subprocess.Popen(words, stdout=printed, stderr=printed, env=environment) as process:
                _wait(process, stop)


def _wait(process: subprocess.Popen[bytes], stop: float) -> None:
    """Wait for the process; interrupt it at ``stop``, which loses nothing, and kill it after 6 s more."""
    try:
        process.wait(max(0.0, stop - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(6.0)
        except subprocess.TimeoutExpired:
            process.kill()


def run(groups: Sequence[Group], sitting: Sitting) -> None:
    """Run all groups in parallel, with regular snapshots of the logs and a last one at the end."""
    sitting.work.mkdir(parents=True, exist_ok=True)
    threads = [threading.Thread(target=record_group, args=(group, sitting)) for group in groups]
    for thread in threads:
        thread.start()
    shot = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        if time.monotonic() - shot > SNAPSHOT_S:
            pack(sitting.work, sitting.out)
            shot = time.monotonic()
    pack(sitting.work, sitting.out)
    for log in sorted(sitting.work.glob(f"*{LOG_SUFFIX}")):
        print(summary(log), flush=True)
    for group in groups:
        print(f"--- {group.name}", *_tail(sitting.work / f"{group.name}.txt"), sep="\n", flush=True)


def summary(log: Path) -> str:
    """Summarise a log in one or two lines, from first readings, so that a hit may not be one after re-timing."""
    statuses: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    latencies: list[float] = []
    repeated = outside = 0
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # an incomplete line: its process was killed
        if row.get("kind") == "draw":
            outside += row["key"] is None
            repeated += row["key"] is not None
        if row.get("kind") != "result":
            continue
        statuses[row["status"]] += 1
        if row["samples_ms"]:
            latencies.append(statistics.median(row["samples_ms"]))
        elif row["status"] in UNEXPECTED:
            messages[f"{row['status']}: {row['message'][:140]}"] += 1
    best = min(latencies, default=float("nan"))
    near = sum(latency <= 1.05 * best for latency in latencies)
    lines = [
        f"{log.name}: {statuses.total()} measured, {repeated} repeated, {outside} outside the rules; best "
        f"{best:.5g} ms, {near} within 5% of it; {dict(statuses)}"
    ]
    return "\n".join(lines + [f"  {count} × {message}" for message, count in messages.most_common(3)])


def _tail(path: Path, lines: int = 14) -> list[str]:
    if not path.exists():
        return ["nothing was started, as no time was left"]
    return [line[:300] for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0 if all recordings were made as asked, 2 for bad arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("groups", nargs="+", metavar="TASKS@CARDS")
    parser.add_argument("--carried", type=Path, default=Path(".sitting"), help="folder with logs/ of earlier sessions")
    parser.add_argument("--work", type=Path, default=Path("/tmp/helion-2"), help="work folder on the local disk")
    parser.add_argument("--seconds", type=float, default=540.0, help="total time, including packing")
    parser.add_argument("--draws", type=int, default=30_000, help="draws of each task, over all sessions")
    parser.add_argument(
        "--finish-s", type=float, default=0.0, help="start re-timing and writing landscapes this long before the end"
    )
    given = parser.parse_args(arguments)
    try:
        groups = [parse_group(text, given.draws) for text in given.groups]
    except ValueError as error:
        print(f"sitting: {error}", file=sys.stderr)
        return 2
    print("continues:", ", ".join(unpack(given.carried, given.work)) or "nothing", flush=True)
    run(groups, Sitting(given.work, given.out, time.monotonic() + given.seconds, given.finish_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
