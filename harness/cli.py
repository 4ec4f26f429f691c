"""The console script ``nearopt``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from harness.errors import UserError

if TYPE_CHECKING:
    from harness.landscape import Landscape

DONE, FAILED, USER_ERROR = 0, 1, 2

DESCRIPTION = """How fast does a tuner get near the optimum of a real GPU kernel?

exit codes: 0 done, 2 the input was wrong (one line on stderr), 1 anything else"""

RUN_HELP = """Run strategies on tasks: on recorded landscapes (backend=replay, the default) or on this machine's GPU
(backend=live). A finished run is skipped, an interrupted one goes on where it stopped.

overrides (Hydra's syntax):
  task=NAME                     a task of conf/task; backend.landscape=PATH replays any landscape file instead
  strategy=NAME                 a strategy of conf/strategy; strategy.label=LABEL names a variant
  backend=replay|live           backend.noise=recorded|none  backend.device=h100  backend.compile_workers=N
  budget.evaluations=N  budget.seconds=S      whichever comes first; seconds on the tuning clock
  seed=N | seed=range(a,b)      range excludes b; lists and ranges need -m
  batch=N                       configurations asked at once
  results=DIR                   run directories go to DIR/<task>/<label>/seed-<n>
  jobs=N                        runs at once in a sweep

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
    ),
    "report": ("nearopt report results", "nearopt report study-a study-b -o report-ab"),
    "landscapes": (
        "nearopt landscapes",
        "nearopt landscapes --markdown --figure landscapes.pdf mine.parquet experiments/landscapes/*.parquet",
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes compare first__h100.parquet second__h100.parquet",
    ),
    "landscapes import": (
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes import convolution.json -o convolution-4096__mi250x.parquet",
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


def _parser() -> argparse.ArgumentParser:
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
    record.add_argument("--deadline-s", type=float, help="stop cleanly after so many seconds")
    record.add_argument("--compile-workers", type=int, help="compile processes; default: one a core")

    report = add(
        "report",
        "speedups, figures and a page from results",
        "Read run directories below DIR… and write speedups.csv, runs.csv, figures/ and index.html.",
    )
    report.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="results folders")
    report.add_argument("-o", "--output", type=Path, default=Path("report"), help="default: report")

    _add_landscapes(add)
    return parser


def _add_landscapes(add: Callable[..., argparse.ArgumentParser]) -> None:
    landscapes = add(
        "landscapes",
        "list and draw recorded landscapes",
        "List landscapes: size, failures, optimum, exact random search's E[T] and the number K of configurations\n"
        "within 1, 5 and 10% of the optimum, stratum, fraction of roofline, vendor. A damaged file exits 2.\n"
        "`nearopt landscapes compare A B` and `nearopt landscapes import FILE -o OUT` have a --help of their own.",
    )
    landscapes.add_argument("--markdown", action="store_true", help="print Markdown, with how each was recorded")
    landscapes.add_argument(
        "--figure", type=Path, metavar="OUT", help="draw them: .pdf or .png, its data as .csv beside"
    )
    landscapes.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: those that ship with NearOpt")

    imported = add(
        "landscapes import",
        "make one from a Kernel Tuner cache",
        "Turn a Kernel Tuner cache (.json, .json.gz) into a landscape.",
    )
    imported.add_argument("file", type=Path, metavar="FILE", help="the cache")
    imported.add_argument(
        "-o", "--output", type=Path, metavar="OUT.parquet", help="required; name it <task>__<device>.parquet"
    )

    compared = add(
        "landscapes compare",
        "how far two recordings agree",
        "Join two landscapes of the same parameters on their configurations: agreement of statuses, rank correlation\n"
        "and differences of latencies, and what the optimum of each costs in the other.",
    )
    compared.add_argument("a", type=Path, metavar="A")
    compared.add_argument("b", type=Path, metavar="B")


def _run(arguments: argparse.Namespace) -> int:
    from harness.compose import Composer
    from harness.run import RunResult
    from harness.sweep import run_alone, sweep

    composer = Composer(arguments.config_dir)
    if arguments.cfg:
        print(composer.yaml(arguments.overrides), end="")
        return DONE
    if not arguments.multirun:
        result = run_alone(composer.compose(arguments.overrides))
        print(_told(result))
        return DONE
    configs = composer.expand(arguments.overrides)
    results = sweep(configs, configs[0].jobs)
    runs = [result for result in results if isinstance(result, RunResult)]
    failures = [result for result in results if not isinstance(result, RunResult)]
    skipped = sum(result.ended == "skipped" for result in runs)
    print(f"{len(runs) - skipped} runs done, {skipped} were done before, {len(failures)} failed: {configs[0].results}")
    for failure in failures:
        print(f"nearopt: {failure.config.label} seed {failure.config.seed}: {failure.message}", file=sys.stderr)
        if failure.trace and os.environ.get("NEAROPT_TRACEBACK"):
            print(failure.trace, file=sys.stderr)
    if not failures:
        return DONE
    return FAILED if any(failure.trace for failure in failures) else USER_ERROR


def _told(result: object) -> str:
    from harness.run import RunResult

    assert isinstance(result, RunResult)
    if result.ended == "skipped":
        return f"done before ({result.evaluations} evaluations): {result.path}"
    best = "none succeeded" if result.best_ms is None else f"best observed {result.best_ms:.6g} ms"
    return f"{result.evaluations} evaluations, {best} (ended: {result.ended}): {result.path}"


def _report(arguments: argparse.Namespace) -> int:
    from analysis.report import build_report, format_speedups

    report = build_report(arguments.paths, arguments.output)
    print(format_speedups(report.speedups))
    print(report.index)
    return DONE


def _landscapes(arguments: argparse.Namespace) -> int:
    from analysis.figures.style import check_figure_path
    from analysis.landscape_summary import summarise_all
    from analysis.landscape_table import markdown_tables, terminal_table
    from harness.landscape_files import read_landscapes
    from harness.resources import landscape_directory
    from harness.task import recorded_landscapes

    if arguments.figure is not None:
        check_figure_path(arguments.figure)
    files = arguments.files or recorded_landscapes()
    if not files:
        raise UserError(f"{landscape_directory()}: no landscape here: expected *.parquet")
    landscapes, faults = read_landscapes(files)
    summaries, without = summarise_all((x.name, x.frame(), x.metadata) for x in landscapes)
    faults |= without
    if summaries:
        print((markdown_tables if arguments.markdown else terminal_table)(summaries, faults))
    if summaries and arguments.figure is not None:
        _draw_landscapes({s.task: s.t_star_ms for s in summaries}, landscapes, arguments.figure)
    if not faults:
        return DONE
    listed = "; ".join(f"{name}: {reason}" for name, reason in faults.items())
    raise UserError(listed if len(faults) == 1 else f"{len(faults)} of {len(files)} landscapes not listed: {listed}")


def _draw_landscapes(t_star_ms: dict[str, float], landscapes: Sequence[Landscape], path: Path) -> None:
    from analysis.figures import landscapes as figure
    from analysis.figures.style import save_as
    from analysis.reference import with_coverage

    names = [x.name for x in landscapes]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{twice}: two files of this name: expected one of them for a figure")
    tables = {x.name: with_coverage(x.frame(), x.metadata["coverage"]["kind"]) for x in landscapes}
    data = figure.shares({name: tables[name] for name in t_star_ms}, t_star_ms)
    save_as(figure.draw(data), path, data)


def _import(arguments: argparse.Namespace) -> int:
    from harness.kernel_tuner import import_cache

    if arguments.output is None:
        raise UserError("nearopt landscapes import: expected -o OUT.parquet")
    print(import_cache(arguments.file, arguments.output))
    return DONE


def _compare(arguments: argparse.Namespace) -> int:
    from analysis.landscape_compare import compare, format_comparison
    from analysis.reference import with_coverage
    from harness.landscape import read_landscape
    from harness.landscape_files import check_same_parameters, keyed_frame

    a, b = read_landscape(arguments.a), read_landscape(arguments.b)
    check_same_parameters(a, b)
    tables = [with_coverage(keyed_frame(x), x.metadata["coverage"]["kind"]) for x in (a, b)]
    print(format_comparison(compare(*tables), str(arguments.a), str(arguments.b)))
    return DONE


def _record(arguments: argparse.Namespace) -> int:
    from harness.compose import Composer
    from harness.recording import RecordRequest, record_tasks

    overrides = ["backend=live", *arguments.overrides]
    if arguments.compile_workers is not None:
        overrides.append(f"backend.compile_workers={arguments.compile_workers}")
    composer = Composer(arguments.config_dir)
    configs = composer.expand(overrides)
    searches = []
    for search in arguments.search:
        name, _, evaluations = search.partition("=")
        if not name or not evaluations.isdigit():
            raise UserError(f"--search {search}: expected NAME=EVALUATIONS")
        searches.append(composer.compose([f"strategy={name}", f"budget.evaluations={evaluations}", "batch=16"]))
    request = RecordRequest(arguments.output, arguments.limit, arguments.deadline_s, tuple(searches))
    for recording in record_tasks(configs, request):
        print(recording.report(), flush=True)
    return DONE


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "record": _record,
    "report": _report,
    "landscapes": _landscapes,
    "landscapes import": _import,
    "landscapes compare": _compare,
}


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse, with overrides and options in any order."""
    words = list(sys.argv[1:] if argv is None else argv)
    if (command := TWO_WORDS.get(tuple(words[:2]))) is not None:
        words[:2] = [command]
    arguments, rest = parser.parse_known_args(words)
    options = [word for word in rest if word.startswith("-")]
    if options or (rest and not hasattr(arguments, "overrides")):
        parser.error(f"unrecognized argument {(options or rest)[0]}")
    if rest:
        arguments.overrides = [*arguments.overrides, *rest]
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    from analysis.errors import AnalysisError

    parser = _parser()
    try:
        arguments = _parse(parser, argv)
        if arguments.command is None:
            parser.print_help()
            return USER_ERROR
        return COMMANDS[arguments.command](arguments)
    except (UserError, AnalysisError) as error:
        print(f"nearopt: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("nearopt: interrupted; the same command resumes", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("NEAROPT_TRACEBACK"):
            raise
        text = " ".join(str(error).split())[:600]
        print(f"nearopt: {type(error).__name__}: {text} (NEAROPT_TRACEBACK=1 shows where)", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
