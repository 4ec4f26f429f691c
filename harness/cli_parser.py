"""What ``nearopt`` takes: its commands, their options and their help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import UserError
from harness.gate.options import add_gate

DESCRIPTION = """How fast does a tuner get near the optimum of a real GPU kernel?

exit codes: 0 done, 2 wrong input or results that cannot be written (one line on stderr), 130 Ctrl-C, 1 anything else;
gate: 4 regression, 3 undecided"""

RUN_HELP = """Run strategies on tasks: on recorded landscapes (backend=replay, the default) or on this machine's GPU
(backend=live). A finished run is skipped, an interrupted one goes on where it stopped. A sweep starts its runs in
randomised blocks: every strategy once on a task and seed, in random order.

overrides (Hydra's syntax):
  task=NAME                     a task of conf/task; backend.landscape=PATH replays any landscape file instead
  strategy=NAME                 a strategy of conf/strategy; strategy.label=LABEL names a variant
  backend=replay|live           backend.noise=recorded|none  backend.device=h100  backend.compile_workers=N
  budget.evaluations=N  budget.seconds=S      whichever comes first; seconds on the tuning clock
  seed=N | seed=range(a,b)      range excludes b; lists and ranges need -m
  batch=N                       configurations asked at once
  results=DIR                   run directories go to DIR/<task>/<label>/seed-<n>
  jobs=N                        runs at once in a sweep
  hydra/launcher=NAME           where a sweep's runs go: ray, submitit_slurm, submitit_local, joblib; default: this
                                machine's own processes. conf/hydra/launcher/README.md
  resume=retry_failed           try runs again that broke down before; otherwise they are left
  dry_run=true                  what is done already and what the rest would cost; starts and writes nothing
  tracker=wandb                 mirror runs to Weights & Biases; tracker.mode=offline, tracker.project=NAME

options:
  -m, --multirun     expand lists and ranges to their product
  --cfg              print the composed configuration and stop
  --config-dir DIR   a further folder of Hydra configuration (your own task/, strategy/, experiment/)
  -h, --help         this page"""

EXAMPLES = {
    "run": (
        "nearopt run task=matmul-2048x2048x2048-bf16 strategy=conditional_gp seed=0 budget.evaluations=100",
        "nearopt run -m backend.landscape=mine.parquet strategy=random,optuna_tpe seed='range(0,20)' results=out",
    ),
    "record": (
        "nearopt record task=softmax-16384x2560-bf16 --deadline-s 540",
        "nearopt record task=matmul task.kernel.m=512 -o matmul-512.parquet",
        "nearopt record task=matmul-wide-2048x2048x2048-bf16 --limit 4000 --search optuna_tpe=400 --search lfbo=400",
        "nearopt record task=helion_softmax-16384x2560-bf16 --draws 30000 --deadline-s 500   # again to go on",
    ),
    "status": (
        "nearopt status results",
        "nearopt status results --json",
    ),
    "retime": (
        "nearopt retime task=helion_softmax-16384x2560-bf16,helion_matmul-2048x2048x2048-bf16 results=study",
        "nearopt retime task=matmul task.kernel.m=512 results=study --limit 200 --rounds 12",
    ),
    "report": (
        "nearopt report results",
        "nearopt report study-a study-b -o report-ab",
        "nearopt report results -o report --figure best-so-far",
        "nearopt report --compare before after -o comparison",
        "nearopt report results tracker=wandb tracker.mode=offline",
    ),
    "gate": (
        "nearopt gate conditional_gp --against conditional_gp",
        "nearopt gate my_strategy --config-dir conf --against optuna_tpe --markdown comment.md --junit gate.xml",
        "nearopt gate lfbo strategy.gamma=0.2 strategy.label=lfbo_02 --against lfbo --suite ci",
        "nearopt gate results/study:lfbo --against experiments/baselines/optuna_tpe.json --json gate.json",
        "nearopt gate my_strategy --update-baseline --baselines baselines",
    ),
    "new-strategy": (
        "nearopt new-strategy near_and_far",
        "nearopt new-strategy near_and_far -o mine   # then: pytest mine\n"
        "  nearopt run --config-dir mine task=softmax-4096x2560-bf16 strategy=near_and_far",
    ),
    "profile": (
        "nearopt profile conditional_gp",
        "nearopt profile lfbo rf_ei task=attention-4x16x2048x64-causal-bf16 --observations 300 -o profile",
    ),
    "landscapes": (
        "nearopt landscapes",
        "nearopt landscapes --markdown --figure landscapes.pdf mine.parquet experiments/landscapes/*.parquet",
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes compare first__h100.parquet second__h100.parquet",
    ),
    "landscapes import": (
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes import A100_T4.json.gz --space T1_convolution.json -o convolution-4096__a100.parquet",
        "nearopt landscapes import benchmark_hub -o landscapes",
    ),
    "landscapes export": (
        "nearopt landscapes export experiments/landscapes/matmul-512x512x8192-bf16__h100.parquet --format cache \\\n"
        "      -o matmul.json",
        "nearopt landscapes export experiments/landscapes/*.parquet --format t4 -o t4",
    ),
    "landscapes compare": (
        "nearopt landscapes compare matmul-512__h100.parquet again/matmul-512__h100.parquet",
        "nearopt landscapes compare matmul-512__h100.parquet matmul-512__h200.parquet",
    ),
}
TWO_WORDS = {tuple(name.split()): name for name in EXAMPLES if " " in name}


def _epilog(command: str) -> str:
    return "examples:\n" + "\n".join(f"  {example}" for example in EXAMPLES[command])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message} (see {self.prog} --help)")


def command_parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="nearopt", description=DESCRIPTION, formatter_class=formatter)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=_Parser)

    def add(name: str, summary: str, description: str, own_help: bool = False) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=_epilog(name),
            formatter_class=formatter,
            add_help=not own_help,
        )

    run = add("run", "run strategies on tasks", RUN_HELP, own_help=True)
    run.usage = "nearopt run [-m] [--cfg] [--config-dir DIR] OVERRIDE…"
    run.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    run.add_argument("-m", "--multirun", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--cfg", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--config-dir", type=Path, help=argparse.SUPPRESS)
    run.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)

    record = add(
        "record",
        "measure a task's whole space on this GPU into a landscape",
        "Measure every configuration of a task's space on this machine's GPU and write the landscape file.\n"
        "task=A,B,… records several, and compiles code that they share once.\n"
        "Interrupted recordings resume: every measurement is kept beside the output as it is made.",
    )
    record.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="task=NAME and further Hydra overrides")
    record.add_argument(
        "-o",
        "--output",
        type=Path,
        help="a folder for several tasks; default: <task>__<device>.parquet under experiments/landscapes of a checkout",
    )
    record.add_argument("--config-dir", type=Path, help="a further folder of Hydra configuration")
    record.add_argument("--limit", type=int, help="measure only so many configurations, drawn uniformly")
    record.add_argument(
        "--search",
        action="append",
        default=[],
        metavar="NAME=N",
        help="after the sample, N evaluations of a strategy of conf/strategy in the whole space, to find t*",
    )
    record.add_argument(
        "--draws",
        type=int,
        metavar="N",
        help="instead, N independent draws by parameter (of a Helion space as Helion draws): random search's rate",
    )
    record.add_argument("--deadline-s", type=float, help="stop cleanly after so many seconds")
    record.add_argument("--finish", action="store_true", help="of --draws: the landscape of what is drawn by then")
    record.add_argument("--compile-workers", type=int, help="compile processes; default: one a core")

    status = add(
        "status",
        "what of a study is done, running, failed and missing",
        "Count the runs in DIR by task and strategy: done, running now, interrupted, failed, and missing of what\n"
        "sweeps planned (DIR/planned/). Failures are listed with their reason. Writes nothing.",
    )
    status.add_argument("results", type=Path, metavar="DIR", help="a results folder")
    status.add_argument("--json", action="store_true", help="counts, and every run that is not done, as JSON")

    retime = add(
        "retime",
        "time again, in one batch, what live runs found",
        "Time what the live runs of tasks found again on this machine's GPU, in one interleaved batch a task: all\n"
        "within 1.25 times the best, and some slower anchors. Written beside the runs as retimed.parquet, by which\n"
        "they are judged from then on. Not needed where the task's whole space is recorded on this device.",
    )
    retime.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="task=A,B,… results=DIR and further overrides")
    retime.add_argument("--config-dir", type=Path, help="a further folder of Hydra configuration")
    retime.add_argument("--limit", type=int, default=500, help="configurations a task at most (default: 500)")
    retime.add_argument("--rounds", type=int, default=8, help="visits of each (default: 8)")

    report = add(
        "report",
        "the verdict, speedups, figures and a page from results",
        "Read run directories below DIR… and write index.html, verdict.json, two CSVs, figures/ and tables/.\n"
        "From 100 runs on DIR/consolidated.parquet is kept up to date, so that the next report loads faster.\n"
        "With tracker=wandb all runs in one Parquet file, their configuration and the report become one artifact.",
    )
    report.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="results folders")
    report.add_argument("-o", "--output", type=Path, default=Path("report"), help="default: report")
    report.add_argument("--figure", action="append", default=[], metavar="NAME", help="draw this figure alone")
    report.add_argument("--per-task", action="store_true", help="best-so-far curves of every task too")
    report.add_argument("--compare", action="store_true", help="two studies, DIR DIR, side by side on one page")

    add_gate(add)
    new = add(
        "new-strategy",
        "a strategy that works, to start from: module, YAML and contract test",
        "Write NAME.py, strategy/NAME.yaml and test_NAME.py into DIR. They work at once; nothing is overwritten.",
    )
    new.add_argument("name", metavar="NAME", help="of the module, the YAML and the label: snake_case")
    new.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR", help="default: the working directory")

    profile = add(
        "profile",
        "what a strategy's asks and tells cost as observations grow",
        "Ask and tell strategies one configuration at a time in replay, each alone in a fresh process, and write the\n"
        "mean cost from 10 observations on, memory, the exponent of growth over the last decade with its 95%\n"
        "interval, ask-cost.csv, growth.csv and a figure. Each is shown beside --beside. task=NAME,\n"
        "backend.landscape=FILE and further overrides say on what (default: task=matmul-2048x2048x2048-bf16).",
    )
    profile.add_argument("overrides", nargs="+", metavar="STRATEGY", help="names of strategies, and overrides")
    profile.add_argument("-o", "--output", type=Path, default=Path("profile"), help="default: profile")
    profile.add_argument("--beside", default="random,optuna_tpe", metavar="A,B", help="default: random,optuna_tpe")
    profile.add_argument("--observations", type=int, default=1000, help="default: 1000")
    profile.add_argument("--time-limit-s", type=float, default=300.0, help="for each strategy (default: 300)")
    profile.add_argument("--config-dir", type=Path, help="a further folder of Hydra configuration")

    _add_landscapes(add)
    return parser


def _add_landscapes(add: Callable[..., argparse.ArgumentParser]) -> None:
    landscapes = add(
        "landscapes",
        "list and draw recorded landscapes",
        "List landscapes: size, failures, optimum, exact random search's E[T] and the number K of configurations\n"
        "within 1, 5 and 10% of the optimum, stratum, fraction of roofline, vendor. A damaged file exits 2.\n"
        "`nearopt landscapes compare A B`, `nearopt landscapes import FILE -o OUT` and\n"
        "`nearopt landscapes export FILE --format t4|cache -o OUT` have a --help of their own.",
    )
    landscapes.add_argument("--markdown", action="store_true", help="print Markdown, with how each was recorded")
    landscapes.add_argument(
        "--figure", type=Path, metavar="OUT", help="draw them: .pdf or .png, its data as .csv beside"
    )
    landscapes.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: those that ship with NearOpt")

    imported = add(
        "landscapes import",
        "make landscapes from Kernel Tuner caches and T4 results",
        "Turn a Kernel Tuner cache or T4 results (.json, .json.gz) into a landscape, or all of them below a folder.\n"
        "A T1 description adds its constraints, and tells whether the recording covers its space. Below a folder\n"
        "T1_<kernel>.json or <kernel>.json is found by its name, and a recording that is there twice counts once.",
    )
    imported.add_argument("file", type=Path, metavar="FILE|FOLDER", help="the recording, or a folder of them")
    imported.add_argument("--space", type=Path, metavar="T1.json", help="the T1 description of the recorded space")
    imported.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.parquet",
        help="required; name it <task>__<device>.parquet; or a folder",
    )

    exported = add(
        "landscapes export",
        "write them for Kernel Tuner and autotuning_methodology",
        "Write landscapes as Kernel Tuner caches (for its simulation mode) or as T4 results.\n"
        "An inactive parameter gets its first value, a permutation becomes text.",
    )
    exported.add_argument("files", nargs="+", type=Path, metavar="FILE", help="landscapes")
    exported.add_argument("--format", metavar="t4|cache", help="required")
    exported.add_argument(
        "-o", "--output", type=Path, metavar="OUT.json", help="required; .json or .json.gz, or a folder for several"
    )

    compared = add(
        "landscapes compare",
        "how far two recordings agree",
        "Join two landscapes of the same parameters on their configurations: agreement of statuses, rank correlation\n"
        "and differences of latencies, and what the optimum of each costs in the other.",
    )
    compared.add_argument("a", type=Path, metavar="A")
    compared.add_argument("b", type=Path, metavar="B")


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse, with overrides and options in any order."""
    words = list(sys.argv[1:] if argv is None else argv)
    if (command := TWO_WORDS.get(tuple(words[:2]))) is not None:
        words[:2] = [command]
    tracker = [word for word in words if words[0] == "report" and word.startswith(("tracker=", "tracker."))]
    arguments, rest = parser.parse_known_args([word for word in words if word not in tracker])
    arguments.tracker = tracker
    options = [word for word in rest if word.startswith("-")]
    if options or (rest and not hasattr(arguments, "overrides")):
        parser.error(f"unrecognized argument {(options or rest)[0]}")
    if rest:
        arguments.overrides = [*arguments.overrides, *rest]
    return arguments
