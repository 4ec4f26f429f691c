"""``nearopt landscapes import``, ``export`` and ``archive``: their output and their errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.formats.archive import CHECKSUMS, write_archive
from harness.formats.export import FORMATS, export
from harness.formats.folder import import_folder, import_several
from harness.formats.imports import PLAIN, import_file
from harness.formats.options import ReadOptions
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import recorded_landscapes
from harness.system.progress import ProgressDisplay
from harness.system.resources import landscape_directory
from harness.system.terminal import say


def run_import(path: Path, out: Path | None, space: Path | None, options: ReadOptions = PLAIN) -> None:
    """Import a recording, all recordings of a file, or those below a folder; prints one line for each on stdout.

    Raises:
        UserError: a file was not imported; the other files of a folder are imported nevertheless.
    """
    if out is None:
        raise UserError("nearopt landscapes import: expected -o OUT.parquet, or a folder for it")
    if not path.is_dir() and out.suffix == ".parquet" and not out.is_dir():
        with ProgressDisplay(f"importing {path.name}", None):
            imported = import_file(path, out, space, options)
        say(imported.line())
        return
    if out.suffix == ".parquet":
        raise UserError(f"-o {out}: expected a folder, for the landscapes of {path}")
    if path.is_dir():
        _check_of_a_file(path, options)
        summary = import_folder(path, out, space)
    else:
        summary = import_several(path, out, space, options)
    for line in summary.lines() if path.is_dir() or len(summary.imported) != 1 else (summary.imported[0].line(),):
        say(line)
    if summary.faults:
        listed, count = "; ".join(summary.faults), len(summary.faults)
        what = "files" if path.is_dir() else "recordings"
        raise UserError(f"{count} {what} not imported: {listed}" if count > 1 else listed)


def _check_of_a_file(folder: Path, options: ReadOptions) -> None:
    """Refuse what is said of one file where a folder is given."""
    given = [*options.given(), *(["--format"] if options.format else [])]
    if given:
        raise UserError(f"{given[0]}: {folder} is a folder: expected one file with {given[0]}")


def run_export(files: Sequence[Path], format_: str | None, out: Path | None) -> None:
    """Export landscapes, one into a file or several into a folder.

    Raises:
        UserError: naming the option, file or parameter at fault.
    """
    if format_ is None:
        raise UserError(f"nearopt landscapes export: expected --format {' or '.join(FORMATS)}")
    if out is None:
        raise UserError("nearopt landscapes export: expected -o OUT.json or OUT.json.gz, or a folder")
    to_file = out.name.endswith((".json", ".json.gz")) and not out.is_dir()
    if len(files) > 1 and to_file:
        raise UserError(f"-o {out}: expected a folder, for {len(files)} landscapes")
    with ProgressDisplay("exporting", len(files)) as progress:
        for file in files:
            landscape = read_landscape(file)
            suffix = "_T4" if format_ == "t4" else ""
            say(export(landscape, format_, out if to_file else out / f"{landscape.name}{suffix}.json"))
            progress.advance(landscape.name)


def run_archive(files: Sequence[Path], out: Path | None, url: str | None = None) -> None:
    """Write landscapes, by default those that ship with NearOpt, into an archive.

    Raises:
        UserError: naming the option or file at fault.
    """
    if out is None:
        raise UserError("nearopt landscapes archive: expected -o FOLDER")
    chosen = list(files) or recorded_landscapes()
    if not chosen:
        raise UserError(f"{landscape_directory()}: contains no landscape: expected *.parquet")
    with ProgressDisplay("archiving", len(chosen)) as progress:
        entries = write_archive(chosen, out, progress.advance, url)
    say(f"{len(entries)} landscapes, {sum(len(entry.files) for entry in entries)} files: {out / CHECKSUMS}")
