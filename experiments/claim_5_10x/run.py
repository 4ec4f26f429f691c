"""Run the study of this folder: ``python -m experiments.claim_5_10x.run`` (README.md beside it explains it).

Finished runs are skipped, so the command can be stopped and repeated. ``--tier all`` adds the strategies with slow
asks, the most promising first. The estimate is printed before anything starts; ``--estimate`` stops there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass

EXPERIMENT = "claim_5_10x"
H100_TASKS, SIBLINGS_ON_H200 = (
    20,
    (
        "attention-4x16x2048x64-causal-bf16",
        "layernorm-8192x4096-bf16",
        "matmul-2048x2048x2048-bf16",
        "softmax-16384x2560-bf16",
        "softmax-4096x2560-bf16",
    ),
)
DEAR_TASKS = (
    "attention-2x16x4096x128-causal-bf16",
    "attention-4x16x2048x64-full-fp16",
    "layernorm-16384x5120-bf16",
    "layernorm-8192x4096-bf16",
    "matmul-1024x1024x1024-bf16",
    "matmul-4096x4096x4096-bf16",
    "softmax-4096x2560-bf16",
    "softmax-512x65536-bf16",
)
"""Two tasks per kernel, for strategies that take minutes per run."""
EVALUATIONS = 120


@dataclass(frozen=True)
class Sweep:
    """One ``nearopt run -m``.

    Attributes:
        strategy: the name of a file in conf/strategy.
        ask_ms: time of ask and tell together, per evaluation, as measured on 2026-11-24 (one shared core).
        seeds: the number of seeds, which start at 100.
        tasks: the names of the tasks; empty for the whole library, including H200.
        batch: the batch size, and the number of compile workers; above 1 it becomes a suffix of the label.
    """

    strategy: str
    ask_ms: float
    seeds: int = 30
    tasks: tuple[str, ...] = ()
    batch: int = 1

    @property
    def runs(self) -> int:
        return (len(self.tasks) or H100_TASKS + len(SIBLINGS_ON_H200)) * self.seeds

    @property
    def cpu_s(self) -> float:
        """CPU seconds: ask and tell, and about 0.1 s for the run itself."""
        return self.runs * (EVALUATIONS * self.ask_ms / 1000 + 0.1)

    def commands(self) -> list[list[str]]:
        """Arguments of ``nearopt run -m``: the H100's tasks, then the H200's."""
        common = [f"experiment={EXPERIMENT}", f"strategy={self.strategy}", f"seed=range(100,{100 + self.seeds})"]
        label = self.strategy.removesuffix("_1")
        if self.batch > 1:
            common += [f"strategy.label={label}_{self.batch}", f"batch={self.batch}"]
            common += [f"backend.compile_workers={self.batch}"]
        elif label != self.strategy:
            common += [f"strategy.label={label}"]
        if self.tasks:
            return [[*common, f"task={','.join(self.tasks)}"]]
        return [common, [*common, f"task={','.join(SIBLINGS_ON_H200)}", "backend.device=h200"]]


CHEAP = (
    Sweep("random", 0.02),
    Sweep("random_hierarchical", 0.12),
    Sweep("conditional_gp_1", 12),
    Sweep("optuna_tpe", 14),
    Sweep("local_search", 0.9),
    Sweep("genetic", 3.1),
    Sweep("pattern_search", 0.5),
    Sweep("differential_evolution", 1.0),
    Sweep("optuna_nsga2", 7.1),
    Sweep("sobol", 1.6),
    Sweep("grid", 0.05),
    Sweep("conditional_gp_1", 7, 10, batch=16),
    Sweep("optuna_tpe", 13, 10, batch=16),
)
DEAR = (
    Sweep("lfbo", 82),
    Sweep("rf_ei", 115, 20),
    Sweep("optuna_gp", 380, 20, DEAR_TASKS),
    Sweep("botorch_mixed", 1600, 10, DEAR_TASKS),
    Sweep("botorch_hierarchical", 2400, 10, DEAR_TASKS),
    Sweep("ax", 4500, 10, DEAR_TASKS),
)


def estimate(sweeps: tuple[Sweep, ...], jobs: int) -> str:
    """The estimate of all runs, including finished ones."""
    lines = []
    for sweep in sweeps:
        name = sweep.strategy if sweep.batch == 1 else f"{sweep.strategy}, {sweep.batch} workers"
        lines.append(f"{name:28} {sweep.runs:5} runs  {_hours(sweep.cpu_s / jobs)}")
    total = sum(sweep.cpu_s for sweep in sweeps) / jobs
    return "\n".join([*lines, f"{'together':28} {sum(s.runs for s in sweeps):5} runs  {_hours(total)} on {jobs} cores"])


def _hours(seconds: float) -> str:
    return f"{seconds / 60:6.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:6.1f} h"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=["cheap", "all"], default="cheap")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--estimate", action="store_true", help="print the estimate and stop")
    arguments = parser.parse_args()
    sweeps = CHEAP if arguments.tier == "cheap" else CHEAP + DEAR
    print(estimate(sweeps, arguments.jobs), flush=True)
    if arguments.estimate:
        return 0
    for sweep in sweeps:
        for command in sweep.commands():
            words = [sys.executable, "-m", "harness.cli", "run", "-m", *command, f"jobs={arguments.jobs}"]
            code = subprocess.run(words, check=False).returncode
            if code:
                print(f"stopped at {sweep.strategy}: repeat the same command to resume", file=sys.stderr)
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
