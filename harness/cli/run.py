"""The command ``nearopt run``: its options. :mod:`harness.cli.sweeping` does the work."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command, collector_paused

DESCRIPTION = """Run strategies on tasks: on recorded landscapes (backend=replay, the default) or on this machine's GPU
(backend=live). A finished run is skipped, an interrupted one resumes where it stopped. A sweep starts its runs in
randomised blocks: each block runs every strategy once on one task and seed, in random order.

overrides (Hydra's syntax):
  task=NAME                     a task of conf/task; backend.landscape=PATH replays any landscape file instead
  task=FILE.py:CLASS            a kernel of your own; task.kernel.FIELD=VALUE for its shape
  task=all | task=glob(soft*)   with -m: all recorded tasks, or those that match
  strategy=NAME                 a strategy of conf/strategy; strategy.label=LABEL names a variant
  strategy.gamma=0.1,0.3        with -m: variants, labelled lfbo(gamma=0.1) and lfbo(gamma=0.3)
  backend=replay|live           backend.noise=recorded|none  backend.device=h100  backend.compile_workers=N
  budget.evaluations=N  budget.seconds=S      whichever comes first; seconds on the tuning clock; 2min is 120
  seed=N | seed=range(a,b)      range excludes b; lists and ranges need -m
  batch=N                       configurations asked at once
  workers=W schedule=batch      W at once, on W compile workers; a batch ends with its slowest
  workers=W schedule=async      ask whenever a compile worker is free; ask_ahead=true asks earlier
  start=default|compiler|PATH   evaluated first and counted: the task's default, what Helion's compiler suggests, or a
                                JSON or YAML list of configurations; the strategy is told the results
  source=PATH|[PATH,…]|sibling  earlier runs or landscapes to learn from, for strategies that can (warm, portfolio,
                                transfer_gp, …); sibling: the nearest recording of the same kernel; sibling_shape: of
                                another shape; sibling_dtype: of the same shape in another dtype; sibling_device: on
                                another device; sibling_shapes: all of other shapes. The task itself is never used
  source_evaluations=N source_runs=R   how much to use of each run or, by random search, of each landscape
  rules=hopeless                end hopeless compiles and samples early; rules.compile_factor=K, rules.sample_error=A:
                                one of the two rules alone (experiments/hopeless)
  results=DIR                   run directories go to DIR/<task>/<label>/seed-<n>
  jobs=N                        runs at once in a sweep
  hydra/launcher=NAME           where a sweep's runs go: ray, submitit_slurm, submitit_local, joblib; default: this
                                machine's own processes. conf/hydra/launcher/README.md
  resume=retry_failed           retry failed runs; by default they are skipped
  dry_run=true                  print what is done and what the rest would cost; starts and writes nothing
  allow_mixed_code=true         allow runs of other code or random streams in the same study
  keep_diff=false               do not store the checkout's uncommitted changes in DIR/provenance/
  tracker=wandb                 mirror runs to Weights & Biases; tracker.mode=offline, tracker.project=NAME

options:
  -m, --multirun     expand lists and ranges to their product
  --cfg              print the composed configuration and stop
  --config-dir DIR   a further folder of Hydra configuration (your own task/, strategy/, experiment/)
  -h, --help         this page"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nearopt run [-m] [--cfg] [--config-dir DIR] OVERRIDE…"
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("-m", "--multirun", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cfg", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--config-dir", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)


def _run(arguments: argparse.Namespace) -> int:
    with collector_paused():
        from harness.cli.sweeping import run

    return run(arguments.overrides, arguments.multirun, arguments.cfg, arguments.config_dir)


RUN = Command(
    name="run",
    summary="run strategies on tasks",
    description=DESCRIPTION,
    examples=(
        "nearopt run task=matmul-2048x2048x2048-bf16 strategy=conditional_gp seed=0 budget.evaluations=100",
        "nearopt run -m backend.landscape=mine.parquet strategy=random,optuna_tpe seed='range(0,20)' results=out",
    ),
    add_options=_options,
    run=_run,
    own_help=True,
)
