"""``nearopt landscapes import`` and ``export``: what they print and refuse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.formats.export import FORMATS, export
from harness.formats.folder import import_folder, landscape_name
from harness.formats.imports import import_file
from harness.landscapes.landscape import read_landscape
from harness.system.progress import ProgressDisplay
from harness.system.terminal import say


def run_import(path: Path, out: Path | None, space: Path | None) -> None:
    """Import a recording, or all below a folder; one line for each on stdout.

    Raises:
        UserError: something was not imported; a folder's other recordings are.
    """
    if out is None:
        raise UserError("nearopt landscapes import: expected -o OUT.parquet, or a folder for it")
    if not path.is_dir():
        target = out if out.suffix == ".parquet" and not out.is_dir() else out / landscape_name(path)
        with ProgressDisplay(f"importing {path.name}", None):
            imported = import_file(path, target, space)
        say(imported.line())
        return
    if out.suffix == ".parquet":
        raise UserError(f"-o {out}: expected a folder, for the landscapes of {path}")
    summary = import_folder(path, out, space)
    for line in summary.lines():
        say(line)
    if summary.faults:
        listed = "; ".join(summary.faults.values())
        raise UserError(f"{len(summary.faults)} files not imported: {listed}" if len(summary.faults) > 1 else listed)


def run_export(files: Sequence[Path], format_: str | None, out: Path | None) -> None:
    """Export landscapes, one to a file or several into a folder.

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
