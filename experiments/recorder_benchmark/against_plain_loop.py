"""NearOpt's recorder against a plain loop over the same configurations, in one run on one GPU.

Usage: python -m experiments.recorder_benchmark.against_plain_loop [task=NAME …] (see README.md beside this file)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from experiments.recorder_benchmark.comparison import Side, agreement, counted
from experiments.recorder_benchmark.plain_loop import Order
from harness.errors import UserError

# Worker processes import this module, so slow imports are made where they are used.

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_TASK = "task=matmul-2048x2048x2048-bf16"
PROGRAM = "against_plain_loop"


@dataclass(frozen=True)
class FromRecorder:
    """The recorder's results: statuses and latencies in ms by configuration, ``None`` if it failed."""

    configurations: Sequence[dict[str, Any]]
    latencies_ms: Sequence[float | None]
    side: Side
    details: dict[str, Any]
    compile_timeout_s: float


@dataclass(frozen=True)
class Plain:
    """The loop's results; shorter than its order if it was stopped."""

    latencies_ms: Sequence[float | None]
    side: Side
    ended: str


def record_side(overrides: Sequence[str], n: int, seed: int, folder: Path) -> tuple[FromRecorder, dict[str, Any]]:
    """Record ``n`` configurations; return the results and the device.

    Raises:
        UserError: no GPU, no such task, or options out of range.
    """
    from harness.backends.task import build_task, find_device, session_options
    from harness.config.compose import Composer
    from harness.record.facts import Recording, RecordOptions
    from harness.record.log import read_log
    from harness.record.recorder import record

    config = Composer().compose(["backend=live", f"seed={seed}", *overrides])
    device = find_device()
    if config.task is None:
        raise UserError("task=null: expected task=NAME")
    kernel, space = build_task(config.task, device)
    values = {name: value for name, value in config.backend.items() if name not in ("_target_", "charge_ask")}
    session = session_options(config.seed, **values)
    out = folder / f"{config.task.name}.parquet"
    recording = Recording(
        task=config.task.name,
        kernel=kernel,
        space=space,
        out=out,
        device=device,
        options=RecordOptions(session, limit=n),
    )
    progress = record(recording)
    if progress.landscape is None:
        raise KeyboardInterrupt
    print(progress.report(), file=sys.stderr)
    results = list(read_log(progress.log).results.values())
    side = Side(counted([str(row.measurement.status) for row in results]), progress.activity.wall_s, progress.wall_s)
    details = {
        "compile_workers": session.compile_workers,
        "retime_s": progress.retime_s,
        "busy_fraction": progress.activity.busy_fraction,
        "activity": asdict(progress.activity),
    }
    recorder = FromRecorder(
        [dict(row.configuration) for row in results],
        [row.measurement.latency_ms for row in results],
        side,
        details,
        session.compile_timeout_s,
    )
    return recorder, device.to_json()


def plain_side(order: Order, folder: Path) -> Plain:
    """Run the loop in its own process with its own empty compile cache."""
    asked, answered = folder / "order.json", folder / "plain.jsonl"
    asked.write_text(json.dumps(asdict(order)), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRITON_")}
    environment["TRITON_CACHE_DIR"] = str(folder / "plain-cache")
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "experiments.recorder_benchmark.plain_loop", str(asked), str(answered)]
    # Triton prints the PTX that ptxas refuses: hundreds of lines.
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    ended = "" if done.returncode == 0 else f"the process ended with code {done.returncode}"
    return plain_results(answered.read_text(encoding="utf-8") if answered.exists() else "", ended)


def plain_results(lines: str, ended: str) -> Plain:
    """Parse the loop's lines.

    Raises:
        UserError: the loop did not reach its first configuration.
    """
    documents = [json.loads(line) for line in lines.splitlines() if line.endswith("}")]
    if len(documents) < 2:
        raise UserError(f"the plain loop measured nothing: {ended or 'no time was left'}")
    setup_s, evaluations = documents[0]["setup_s"], documents[1:]
    steady_s = evaluations[-1]["at_s"]
    side = Side(counted([evaluation["status"] for evaluation in evaluations]), steady_s, setup_s + steady_s)
    return Plain([evaluation["latency_ms"] for evaluation in evaluations], side, ended)


def compare(recorder: FromRecorder, shuffled: Sequence[int], plain: Plain) -> dict[str, Any]:
    """Compare both sides; the loop had the configurations in the order ``shuffled``."""
    done = shuffled[: len(plain.latencies_ms)]
    ours, theirs = recorder.side, plain.side
    without_retiming = Side(ours.statuses, ours.steady_s, ours.whole_s - float(recorder.details["retime_s"]))
    return {
        "recorder": {**ours.to_json(), **recorder.details},
        "plain_loop": {**theirs.to_json(), "ended": plain.ended},
        "ratio": {
            "steady": ours.steady_rate / theirs.steady_rate,
            "whole": ours.whole_rate / theirs.whole_rate,
            "whole_without_retiming": without_retiming.whole_rate / theirs.whole_rate,
        },
        "latencies": asdict(agreement([recorder.latencies_ms[i] for i in done], plain.latencies_ms)),
    }


def benchmark(overrides: Sequence[str], n: int, seed: int, plain_limit_s: float | None) -> dict[str, Any]:
    """Run the whole benchmark; return a JSON document."""
    from harness.run.provenance import environment

    with tempfile.TemporaryDirectory(prefix="nearopt-recorder-benchmark-") as name:
        recorder, device = record_side(overrides, n, seed, Path(name))
        # The recorder finishes fast compiles first; if cut short, the loop should have seen a fair share of slow ones.
        shuffled = np.random.default_rng(seed).permutation(len(recorder.configurations)).tolist()
        configurations = [recorder.configurations[i] for i in shuffled]
        order = Order(list(overrides), configurations, recorder.compile_timeout_s, plain_limit_s, seed)
        plain = plain_side(order, Path(name))
    return {
        "command": " ".join([PROGRAM, *sys.argv[1:]]),
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "task": list(overrides),
        "configurations": len(recorder.configurations),
        "seed": seed,
        "compile_timeout_s": recorder.compile_timeout_s,
        **compare(recorder, shuffled, plain),
        "device": device,
        "environment": environment(),
    }


def report(document: dict[str, Any]) -> str:
    """The result as lines of text."""
    lines = [f"{'':12}{'done':>6}{'failed':>8}{'steady/s':>10}{'whole/s':>10}"]
    for side in ("recorder", "plain_loop"):
        s = document[side]
        lines.append(
            f"{side:12}{s['finished']:6}{s['failed']:8}{s['steady_per_s']:10.2f}{s['whole_per_s']:10.2f}"
            f"  {', '.join(f'{name} {count}' for name, count in s['statuses'].items())}"
        )
    ratio, latencies = document["ratio"], document["latencies"]
    lines.append(
        f"ratio: {ratio['steady']:.1f} steady, {ratio['whole']:.1f} whole, "
        f"{ratio['whole_without_retiming']:.1f} whole without the recorder's re-timing"
    )
    if latencies["rank_correlation"] is not None:
        lines.append(
            f"latencies of {latencies['both']}: rank correlation {latencies['rank_correlation']:.4f}, "
            f"median difference {latencies['median_relative_difference']:.2%}, "
            f"median ratio {latencies['median_ratio']:.3f}; {latencies['only_one']} measured by one only"
        )
    packages = document["environment"]["packages"]
    lines.append(
        f"{document['device']['name']}, driver {document['device']['driver']}, torch {packages.get('torch')}, "
        f"triton {packages.get('triton')}, {document['recorder']['compile_workers']} compile workers"
    )
    lines.append(document["command"])
    if document["plain_loop"]["ended"]:
        lines.append(f"plain loop: {document['plain_loop']['ended']}")
    return "\n".join(lines)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see --help)")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog=PROGRAM, description="NearOpt's recorder against a plain loop, on this machine's GPU.")
    parser.add_argument("overrides", nargs="*", default=[DEFAULT_TASK], help=f"default: {DEFAULT_TASK}")
    parser.add_argument("-n", type=int, default=150, help="configurations, drawn uniformly (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw and the inputs (default: 0)")
    parser.add_argument("--plain-limit-s", type=float, help="stop the plain loop after this many seconds")
    parser.add_argument("--out", type=Path, help="write the result as JSON to this file")
    arguments = parser.parse_intermixed_args(argv)
    if arguments.n < 2:
        raise UserError(f"-n {arguments.n}: expected 2 or more")
    if arguments.plain_limit_s is not None and not arguments.plain_limit_s > 0:
        raise UserError(f"--plain-limit-s {arguments.plain_limit_s}: expected more than 0")
    if arguments.out is not None and not arguments.out.parent.is_dir():
        raise UserError(f"--out {arguments.out}: {arguments.out.parent} is not a folder")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    try:
        arguments = _arguments(argv)
        document = benchmark(arguments.overrides, arguments.n, arguments.seed, arguments.plain_limit_s)
    except UserError as error:
        print(f"{PROGRAM}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 1
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(report(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
