"""``nearopt landscapes import``, ``export`` and ``archive``: their options; :mod:`~.importing` does the work."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE


def _import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE|FOLDER", help="the recording, or a folder of them")
    parser.add_argument("--space", type=Path, metavar="T1.json", help="the T1 description of the recorded space")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.parquet",
        help="required; name it <task>__<device>.parquet; or a folder",
    )


def _import(arguments: argparse.Namespace) -> int:
    from harness.cli.importing import run_import

    run_import(arguments.file, arguments.output, arguments.space)
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


def _archive(arguments: argparse.Namespace) -> int:
    from harness.cli.importing import run_archive

    run_archive(arguments.files, arguments.output)
    return DONE


IMPORT = Command(
    name="landscapes import",
    summary="make landscapes from Kernel Tuner caches and T4 results",
    description=(
        "Turn a Kernel Tuner cache or T4 results (.json, .json.gz) into a landscape, or all of them below a folder.\n"
        "A T1 description adds its constraints, and tells whether the recording covers its space. Below a folder\n"
        "T1_<kernel>.json or <kernel>.json is found by its name, and a recording that is there twice counts once."
    ),
    examples=(
        "nearopt landscapes import cache.json.gz -o gemm-4096__a100.parquet",
        "nearopt landscapes import A100_T4.json.gz --space T1_convolution.json -o convolution-4096__a100.parquet",
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
        "Write landscapes into one folder for others to use: as T4 results and as Kernel Tuner caches, with\n"
        "SHA256SUMS, a data card (README.md) and the same facts as Croissant metadata (croissant.json)."
    ),
    examples=(
        "nearopt landscapes archive -o archive && (cd archive && sha256sum -c --quiet SHA256SUMS)",
        "nearopt landscapes archive mine__h100.parquet -o mine",
    ),
    add_options=_archive_options,
    run=_archive,
)
