"""``nearopt fetch``: copy an archive of landscapes from a folder or a plain URL."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command
from harness.cli.exit_codes import DONE
from harness.errors import UserError
from harness.system.terminal import say


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="URL|FOLDER", help="the archive: an http, https or file URL, or a folder")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="required; the folder to copy it to")


def _run(arguments: argparse.Namespace) -> int:
    from harness.formats.archive import OWN
    from harness.formats.archive_source import read_list
    from harness.formats.fetch import fetch
    from harness.system.progress import ProgressDisplay

    out: Path | None = arguments.output
    if out is None:
        raise UserError("nearopt fetch: expected -o FOLDER")
    listed = read_list(arguments.source)
    done: list[str] = []
    total = len(listed.files)
    try:
        with ProgressDisplay("fetching", total) as progress:

            def told(path: str) -> None:
                done.append(path)
                progress.advance(path)

            found = fetch(listed, out, told)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{len(done)} of {total} files are in {out}") from None
    counts = f"{len(found.fetched)} fetched ({found.size / 1e6:.1f} MB), {len(found.there)} there already"
    landscapes = sum(path.startswith(f"{OWN}/") for path in done)
    say(f"{out}: {counts}, {len(found.faults)} failed of {total} files; {landscapes} landscapes in {out / OWN}")
    if found.faults:
        listing = "; ".join(found.faults)
        raise UserError(listing if len(found.faults) == 1 else f"{len(found.faults)} files not fetched: {listing}")
    return DONE


FETCH = Command(
    name="fetch",
    summary="copy an archive of landscapes, checked by checksums",
    description=(
        "Copy an archive that `nearopt landscapes archive` wrote, from another folder or a plain web server. Every\n"
        "file is checked against SHA256SUMS: a file that differs is refused, and no partial file is left behind.\n"
        "Files that are already there are skipped, so that the same command resumes. An existing file that differs is\n"
        "never replaced: nothing is fetched then."
    ),
    examples=(
        "nearopt fetch https://HOST/landscapes -o landscapes",
        "nearopt fetch /mnt/shared/archive -o landscapes",
    ),
    add_options=_options,
    run=_run,
)
