"""The live confirmation: tune shapes that are in no recording, cold and from the nearest recorded shape.

    python -m experiments.transfer.live_runs plan                    # prints the order of the runs
    python -m experiments.transfer.live_runs run RESULTS OUT --carried DIR --seconds 300
    python -m experiments.transfer.live_runs retime RESULTS OUT

``run`` makes the runs of live/hypothesis.yaml in an order that is drawn from its seed, several at once on one card, and
skips those that are done. When the time is up, unfinished runs are interrupted, and the same command continues them.
``retime`` times what the finished runs found again, in one interleaved batch per task. Both pack the results into
``live.tar.gz``; ``run`` begins with those of an earlier session in DIR.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from experiments.helion_2.live import Run, Sitting, pack, sit, unpack

FOLDER = Path(__file__).with_name("live")
HYPOTHESIS, CONF = FOLDER / "hypothesis.yaml", FOLDER / "conf"
LIVE = "backend=live backend.share_device=true backend.compile_workers=1"
AT_ONCE = 14
"""Concurrent runs: on 16 cores, each with one compile worker."""
USUAL_S = 60.0
"""The usual duration of a run, in s."""


@dataclass(frozen=True)
class LiveRun(Run):
    """One ``nearopt run`` of a task of :data:`CONF`."""

    @property
    def full_task(self) -> str:
        """The task's name in :data:`CONF`."""
        return self.task

    def words(self, results: Path, backend: Sequence[str]) -> list[str]:
        """Return the command's arguments. ``{task}`` in a backend's override stands for the task, for rehearsals."""
        run, *rest = super().words(results, [word.format(task=self.task) for word in backend])
        return [run, "--config-dir", str(CONF), *rest]


def hypothesis() -> Mapping[str, Any]:
    """Read what was fixed before the runs."""
    document: Mapping[str, Any] = yaml.safe_load(HYPOTHESIS.read_text(encoding="utf-8"))
    return document


def make_plan(said: Mapping[str, Any]) -> list[LiveRun]:
    """Draw the plan: seeds in order, the tasks of a seed and the arms of a task and seed in random order."""
    rng = np.random.default_rng(said["order_seed"])
    runs: list[LiveRun] = []
    for block, seed in enumerate(range(*said["seeds"])):
        for task in rng.permutation(said["tasks"]).tolist():
            for i in rng.permutation(len(said["arms"])).tolist():
                arm = said["arms"][i]
                source = "" if arm["source"] is None else f"source={arm['source']}"
                run = (arm["label"], arm["strategy"], seed, arm["evaluations"], source)
                runs.append(LiveRun(len(runs), 0, block, task, *run))
    return runs


def retime(results: Path, tasks: Sequence[str], limit: int, rounds: int) -> int:
    """Re-time all finished runs, task by task, and return the command's exit code."""
    names = ",".join(task for task in tasks if any(results.glob(f"{task}__*/*/seed-*/DONE")))
    if not names:
        print("no finished run: nothing to re-time", flush=True)
        return 1
    words = ["retime", "--config-dir", str(CONF), f"task={names}", f"results={results}"]
    sizes = ["--limit", str(limit), "--rounds", str(rounds)]
    return subprocess.run([sys.executable, "-m", "harness.cli", *words, *sizes], check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0 if no run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan")
    run, again = commands.add_parser("run"), commands.add_parser("retime")
    for each in (run, again):
        each.add_argument("results", type=Path)
        each.add_argument("out", type=Path)
    run.add_argument(
        "--carried", type=Path, default=Path(".sitting"), help="folder with an earlier live.tar.gz, if any"
    )
    run.add_argument("--seconds", type=float, default=300.0, help="total time, including packing")
    run.add_argument("--at-once", type=int, default=AT_ONCE, help="concurrent runs on the card")
    run.add_argument("--usual-s", type=float, default=USUAL_S, help="start no run with less time left than this")
    run.add_argument("--card", default="0")
    run.add_argument("--backend", default=LIVE, help="overrides; backend=replay with a landscape is a rehearsal")
    again.add_argument("--limit", type=int, default=120, help="at most this many configurations per task")
    again.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args(arguments)
    said = hypothesis()
    plan = make_plan(said)
    if given.command == "plan":
        for one in plan:
            print(one.order, one.task, one.label, one.seed, one.evaluations, one.overrides)
        return 0
    if given.command == "retime":
        code = retime(given.results, said["tasks"], given.limit, given.rounds)
        pack(given.results, given.out)
        return code
    end = time.monotonic() + given.seconds
    print("goes on" if unpack(given.carried, given.results) else "begins", flush=True)
    slots = [given.card] * given.at_once
    counts = sit(plan, Sitting(given.results, given.out, end, slots, given.usual_s, given.backend.split()))
    print(", ".join(f"{count} {name}" for name, count in counts.items()), flush=True)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
