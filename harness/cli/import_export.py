"""``nearopt landscapes import``, ``export`` and ``archive``: their options; :mod:`~.importing` does the work."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE

FORMAT_NAMES = ("optuna", "autotvm", "helion", "triton", "ktt", "clblast", "cache", "t4", "table")
"""The names in ``harness/formats/registry.py``, which ``--help`` does not import."""


def _import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE|FOLDER", help="the recording, or a folder of them")
    parser.add_argument("--space", type=Path, metavar="T1.json", help="the T1 description of the recorded space")
    parser.add_argument("--format", metavar="NAME", help=f"default: found by the content; {', '.join(FORMAT_NAMES)}")
    parser.add_argument("--config-columns", metavar="A,B,…", help="of a table: the columns of the parameters")
    parser.add_argument("--time-column", metavar="NAME", help="of a table: the column of the latency")
    parser.add_argument(
        "--status-column", metavar="NAME", help="of a table: the column of the outcome, such as ok or timeout"
    )
    parser.add_argument("--unit", metavar="ns|us|ms|s", help="unit of latencies that neither file nor column states")
    parser.add_argument(
        "--repeats", metavar="samples|first", help="of a table: the meaning of several rows per configuration"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.parquet",
        help="required; name it <task>__<device>.parquet; or a folder",
    )


def _import(arguments: argparse.Namespace) -> int:
    from harness.cli.importing import run_import
    from harness.formats.options import ReadOptions

    columns = arguments.config_columns
    options = ReadOptions(
        format=arguments.format,
        config_columns=() if columns is None else tuple(name.strip() for name in columns.split(",") if name.strip()),
        time_column=arguments.time_column,
        status_column=arguments.status_column,
        unit=arguments.unit,
        repeats=arguments.repeats,
    )
    run_import(arguments.file, arguments.output, arguments.space, options)
    return DONE


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="landscapes")
    parser.add_argument("--format", metavar="t4|cache", help="required")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.json", help="required; .json or .json.gz, or a folder for several"
    )


def _export(arguments: argparse.Namespace) -> int:
    from harness.cli.importing import run_export

    run_export(arguments.files, arguments.format, arguments.output)
    return DONE


def _archive_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: those that ship with NearOpt")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="required; a new folder, or an archive")
    parser.add_argument("--url", help="address at which the archive will be published, for its data card")


def _archive(arguments: argparse.Namespace) -> int:
    from harness.cli.importing import run_archive

    run_archive(arguments.files, arguments.output, arguments.url)
    return DONE


IMPORT = Command(
    name="landscapes import",
    summary="make landscapes from what other tuners recorded",
    description=(
        "Turn what another tuner recorded into a landscape: Kernel Tuner's caches, T4 results, Triton's\n"
        "*.autotune.json, Helion's autotune log (.csv), KTT's JSON, AutoTVM's log, CLBlast's JSON, an Optuna storage,\n"
        "or any table (CSV, Parquet) with --config-columns and --time-column. The range of latencies is printed with\n"
        "the unit in which they were read: look at it. Several recordings in one file, or below a folder, become\n"
        "several landscapes in -o FOLDER.\n"
        "A T1 description adds its constraints, and tells whether the recording covers its space. Below a folder\n"
        "T1_<kernel>.json or <kernel>.json is found by its name, and a recording that is there twice counts once."
    ),
    examples=(
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes import A100_T4.json.gz --space T1_convolution.json -o convolution-4096__a100.parquet",
        "nearopt landscapes import mine.csv --config-columns block,num_warps --time-column latency --unit us \\\n"
        "      -o softmax-4096__h100.parquet",
        "nearopt landscapes import study.db --unit ms -o landscapes",
        "nearopt landscapes import benchmark_hub -o landscapes",
    ),
    add_options=_import_options,
    run=_import,
)
EXPORT = Command(
    name="landscapes export",
    summary="write landscapes for Kernel Tuner and autotuning_methodology",
    description=(
        "Write landscapes as Kernel Tuner caches (for its simulation mode) or as T4 results.\n"
        "An inactive parameter gets its first value; a permutation becomes text."
    ),
    examples=(
        "nearopt landscapes export experiments/landscapes/matmul-512x512x8192-bf16__h100.parquet --format cache \\\n"
        "      -o matmul.json",
        "nearopt landscapes export experiments/landscapes/*.parquet --format t4 -o t4",
    ),
    add_options=_export_options,
    run=_export,
)
ARCHIVE = Command(
    name="landscapes archive",
    summary="write landscapes into an archive with checksums and a data card",
    description=(
        "Write landscapes into one folder for others to use: as they are, as T4 results and as Kernel Tuner caches,\n"
        "with SHA256SUMS, a data card (README.md) and the same facts as Croissant metadata (croissant.json).\n"
        "`nearopt fetch` copies such a folder from a web server or another folder."
    ),
    examples=(
        "nearopt landscapes archive -o archive && (cd archive && sha256sum -c --quiet SHA256SUMS)",
        "nearopt landscapes archive mine__h100.parquet -o mine",
    ),
    add_options=_archive_options,
    run=_archive,
)
