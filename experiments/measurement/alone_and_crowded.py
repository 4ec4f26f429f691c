"""Do live evaluations cost what their recordings say? ``python -m experiments.measurement.alone_and_crowded``.

Random search with the same seeds and configurations is measured in three ways on one GPU and compared with the recorded
costs:

* ``alone``: one run at a time on one compile worker, on an otherwise idle machine;
* ``crowded``: as many parallel runs as cores minus two, one compile worker each, on a shared device;
* ``recorder``: all configurations asked at once and compiled on every core, as ``nearopt record`` does.

Then the same seeds are replayed and the runs are compared in pairs. The costs of verification and benchmark should
agree with the recording in all three; compile costs are CPU seconds, which depend on the other work of the cores. It
takes about four minutes on an H100.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import AnalysisError
from experiments.claim_5_10x.live import compare
from experiments.claim_5_10x.live_costs import told

TASKS = ("softmax-4096x2560-bf16", "layernorm-8192x4096-bf16", "matmul-2048x2048x2048-bf16",
         "attention-4x16x2048x64-causal-bf16")  # fmt: skip
REPLAYED = "replayed"


def commands(
    output: Path,
    tasks: Sequence[str],
    evaluations: int,
    seeds: int,
    cores: int,
    live: Sequence[str] = (),
    replay: Sequence[str] = (),
) -> dict[str, list[str]]:
    """The arguments of ``nearopt`` for each way of measuring, in order; results go to a folder of that name.

    Args:
        tasks: of ``conf/task``.
        evaluations, seeds: of each run, and of each task; crowded, at least as many seeds as fill the cores.
        cores: of this machine.
        live, replay: further overrides of the live runs, and of the replays.
    """
    at_once = max(2, cores - 2)
    crowd = max(seeds, -(-at_once // len(tasks)))
    common = ["run", "-m", f"task={','.join(tasks)}", "strategy=random", f"budget.evaluations={evaluations}"]

    def on_device(name: str, count: int, *more: str) -> list[str]:
        own = ["backend=live", f"seed=range(200,{200 + count})", f"results={output / name}"]
        return [*common, *own, *more, *live]

    replays = [f"seed=range(200,{200 + crowd})", f"results={output / REPLAYED}", *replay]
    return {
        "alone": on_device("alone", seeds, "backend.compile_workers=1", "jobs=1"),
        "crowded": on_device(
            "crowded", crowd, "backend.compile_workers=1", "backend.share_device=true", f"jobs={at_once}"
        ),
        "recorder": on_device("recorder", seeds, f"backend.compile_workers={cores}", f"batch={evaluations}", "jobs=1"),
        REPLAYED: [*common, *replays],
    }


def measure(planned: dict[str, list[str]]) -> None:
    """Run ``nearopt`` for each way of measuring; finished runs are skipped.

    Raises:
        AnalysisError: a command failed.
    """
    for name, arguments in planned.items():
        try:
            code = subprocess.run([sys.executable, "-m", "harness.cli", *arguments], check=False).returncode
        except KeyboardInterrupt:
            raise AnalysisError(f"{name}: interrupted: the same command resumes") from None
        if code:
            raise AnalysisError(f"{name}: nearopt {' '.join(arguments)}: exit code {code}: expected 0")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/alone_and_crowded"))
    parser.add_argument("--task", action="append", help=f"default: {', '.join(TASKS)}")
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=1, help="seeds of each task (default: 1)")
    parser.add_argument("--live", action="append", default=[], metavar="OVERRIDE", help="override of the live runs")
    parser.add_argument("--replay", action="append", default=[], metavar="OVERRIDE", help="override of the replays")
    given = parser.parse_args()
    planned = commands(
        given.output, given.task or TASKS, given.evaluations, given.seeds, os.cpu_count() or 1, given.live, given.replay
    )
    try:
        measure(planned)
        for name in planned:
            if name != REPLAYED:
                print(f"\n== {name}\n{told(given.output / name, given.output / REPLAYED)}", flush=True)
        print(f"\n== pairs, alone\n{compare(given.output / 'alone', given.output / REPLAYED, given.output / 'report')}")
    except AnalysisError as error:
        print(f"alone_and_crowded: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
