"""The commands ``nearopt landscapes`` and ``nearopt landscapes compare``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.errors import UserError
from harness.system.terminal import say


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="print Markdown, including how each was recorded")
    parser.add_argument("--json", action="store_true", help="print JSON: E[T] of both kinds of random search by target")
    parser.add_argument(
        "--by-hand", action="store_true", help="print E[T] within 5%% term by term, so that it can be checked"
    )
    parser.add_argument(
        "--reference-error", type=float, metavar="SD",
        help="relative standard error of the recorded latencies; default: reference_error.yaml beside each FILE",
    )  # fmt: skip
    parser.add_argument(
        "--figure", type=Path, metavar="OUT", help="draw a figure (.pdf or .png) and write its data as .csv beside it"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: those that ship with NearOpt")


def _list(arguments: argparse.Namespace) -> int:
    from analysis.landscapes.table import as_json, markdown_tables, terminal_table
    from analysis.reference import MOST_REFERENCE_ERROR
    from harness.cli.summaries import landscape_summaries
    from harness.landscapes.library import recorded_landscapes
    from harness.system.resources import landscape_directory

    if arguments.figure is not None:
        from analysis.figures.style import check_figure_path  # imports Matplotlib

        check_figure_path(arguments.figure)
    files = arguments.files or recorded_landscapes()
    if not files:
        raise UserError(f"{landscape_directory()}: contains no landscape: expected *.parquet")
    if arguments.by_hand:
        say(_by_hand(files))
        return DONE
    error = arguments.reference_error
    if error is not None and not 0 < error < MOST_REFERENCE_ERROR:
        raise UserError(f"--reference-error={error:g}: expected a number above 0 and below {MOST_REFERENCE_ERROR:g}")
    summaries, faults = landscape_summaries(files, error)
    if arguments.json:
        say(json.dumps([as_json(summary) for summary in summaries], indent=1))
    elif summaries:
        say((markdown_tables if arguments.markdown else terminal_table)(summaries, faults))
    if summaries and arguments.figure is not None:
        _draw({s.task: s.t_star_ms for s in summaries}, files, arguments.figure)
    if not faults:
        return DONE
    listed = "; ".join(f"{name}: {reason}" for name, reason in faults.items())
    raise UserError(listed if len(faults) == 1 else f"{len(faults)} of {len(files)} landscapes not listed: {listed}")


def _by_hand(files: Sequence[Path]) -> str:
    from analysis.landscapes.by_hand import by_hand
    from analysis.reference import HEADLINE_TARGET
    from harness.landscapes.landscape import read_landscape

    read = [read_landscape(file) for file in files]
    return "\n\n".join(by_hand(x.frame(), x.metadata["coverage"]["kind"], x.name, HEADLINE_TARGET) for x in read)


def _draw(t_star_ms: dict[str, float], files: Sequence[Path], path: Path) -> None:
    from analysis.figures import landscapes as figure
    from analysis.figures.style import save_as
    from analysis.reference import with_coverage
    from harness.landscapes.files import read_landscapes

    landscapes, _ = read_landscapes(files)
    names = [x.name for x in landscapes]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{twice}: two files have this name: a figure needs distinct names: expected one of the two")
    tables = {x.name: with_coverage(x.frame(), x.metadata["coverage"]["kind"]) for x in landscapes}
    data = figure.shares({name: tables[name] for name in t_star_ms}, t_star_ms)
    save_as(figure.draw(data), path, data)


def _compare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")


def _compare(arguments: argparse.Namespace) -> int:
    from analysis.landscapes.compare import compare, format_comparison
    from analysis.reference import with_coverage
    from harness.landscapes.files import check_same_parameters, keyed_frame
    from harness.landscapes.landscape import read_landscape

    a, b = read_landscape(arguments.a), read_landscape(arguments.b)
    check_same_parameters(a, b)
    tables = [with_coverage(keyed_frame(x), x.metadata["coverage"]["kind"]) for x in (a, b)]
    say(format_comparison(compare(*tables), str(arguments.a), str(arguments.b)))
    return DONE


LANDSCAPES = Command(
    name="landscapes",
    summary="list and draw recorded landscapes",
    description=(
        "List landscapes: size, failures, optimum, E[T] of exact random search (uniform, and by parameter), the\n"
        "number K of configurations within 1, 5 and 10% of the optimum, stratum (by uniform random search at 5%;\n"
        "after a slash that of random search by parameter, where it differs), fraction of roofline, vendor. No tuner\n"
        "can be more than E[T] times as fast as that random search, so a larger speedup cannot be reached. Recorded\n"
        'latencies have an error; where it is stated, "E5 by reference error" is the 95% interval of E5 (and of E5\n'
        "by parameter) under that error. Exits 2 if a file is damaged.\n"
        "`nearopt landscapes compare A B`, `nearopt landscapes import FILE -o OUT` and\n"
        "`nearopt landscapes export FILE --format t4|cache -o OUT` have their own --help."
    ),
    examples=(
        "nearopt landscapes",
        "nearopt landscapes --markdown --figure landscapes.pdf mine.parquet experiments/landscapes/*.parquet",
        "nearopt landscapes --by-hand experiments/landscapes/softmax-512x65536-bf16__h100.parquet",
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes compare first__h100.parquet second__h100.parquet",
    ),
    add_options=_list_options,
    run=_list,
)
COMPARE = Command(
    name="landscapes compare",
    summary="compare two recordings of the same space",
    description=(
        "Join two landscapes of the same parameters on their configurations: agreement of statuses, rank correlation\n"
        "and differences of latencies, and what the optimum of each costs in the other."
    ),
    examples=(
        "nearopt landscapes compare matmul-512__h100.parquet again/matmul-512__h100.parquet",
        "nearopt landscapes compare matmul-512__h100.parquet matmul-512__h200.parquet",
    ),
    add_options=_compare_options,
    run=_compare,
)
