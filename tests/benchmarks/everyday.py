"""Seconds of everyday commands, compared with another checkout: python -m tests.benchmarks.everyday CHECKOUT [RUNS]."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parents[2]
REPETITIONS = 5
REPLAY = ["task=softmax-4096x2560-bf16", "strategy=random"]


def timed(checkout: Path, arguments: Sequence[str], cache: str, says: str = "") -> float:
    """Time a command in s, from the shell.

    Args:
        says: what it must print, so that no refusal is timed instead.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout), "NEAROPT_CACHE": cache}
    command = [sys.executable, "-m", "harness.cli", *arguments]
    start = time.monotonic()
    # from its own folder: -m puts the working directory before PYTHONPATH
    done = subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True)
    taken = time.monotonic() - start
    if done.returncode or says not in done.stdout:
        raise SystemExit(f"{checkout}: {' '.join(arguments)}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return taken


def compare(
    name: str, before: Path, arguments: Sequence[str], cache: str, results: Sequence[str] = (), says: str = ""
) -> None:
    """Time both checkouts in turn and print the medians, in seconds, and their ratio.

    Args:
        results: the results folder of each checkout; ``{k}`` in it is the number of the repetition.
        says: as :func:`timed`.
    """
    taken: dict[Path, list[float]] = {before: [], HERE: []}
    for k in range(REPETITIONS):
        for i, (checkout, seconds) in enumerate(taken.items()):
            there = [f"results={results[i].format(k=k)}"] if results else []
            seconds.append(timed(checkout, [*arguments, *there], cache, says))
    old, new = (median(seconds) for seconds in taken.values())
    print(f"| {name} | {old:.2f} | {new:.2f} | {old / new:.1f} |", flush=True)


def main() -> None:
    before = Path(sys.argv[1]).resolve()
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    load = " ".join(f"{number:.1f}" for number in os.getloadavg())
    print(f"Medians of {REPETITIONS}, in turn; load {load} on {os.cpu_count()} cores.\n")
    print("| | before (s) | now (s) | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        cache = f"{folder}/cache"
        for count in (36, runs):
            sweep = ["run", "-m", *REPLAY, "budget.evaluations=5", f"seed=range(0,{count})", "allow_mixed_code=true"]
            # each checkout recognises runs that it made: an older one may draw others
            finished = [f"{folder}/{count}-{i}" for i in range(2)]
            for checkout, there in zip((before, HERE), finished, strict=True):
                timed(checkout, [*sweep, f"results={there}"], cache)
            compare(
                f"{count:,} finished runs again",
                before,
                sweep,
                cache,
                finished,
                f"0 runs done, {count} were done before, 0 failed",
            )
        compare("`nearopt landscapes`, the first time", before, ["landscapes"], "")
        timed(HERE, ["landscapes"], cache)
        compare("`nearopt landscapes`, not the first time", before, ["landscapes"], cache)
        single = ["run", *REPLAY, "budget.evaluations=20"]
        compare("a replay of 20 evaluations", before, single, cache, [f"{folder}/single-{{k}}-{i}" for i in range(2)])


if __name__ == "__main__":
    main()
