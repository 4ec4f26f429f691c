"""All the recordings below a folder, in one go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.formats.document import read_document
from harness.formats.imports import (
    Imported,
    import_recording,
    is_foreign_recording,
    read_description,
    read_foreign_recording,
    slug_of,
)
from harness.formats.t1 import Description, is_t1, read_t1
from harness.system.progress import ProgressDisplay

ENDINGS = (".json", ".json.gz")
T4_MARKS = re.compile(r"[-_](?:T4|results)$", re.IGNORECASE)
T1_MARKS = re.compile(r"^T1[-_]|[-_](?:T1|CAFF)$", re.IGNORECASE)
MAX_T1_BYTES = 1 << 20


@dataclass
class Summary:
    """What became of a folder's files.

    Attributes:
        descriptions: T1 files by the kernel that they are named after.
        twice: a recording, and the one that it is the same as.
        skipped: JSON files that are none of these.
        faults: why a file was not imported.
    """

    imported: list[Imported] = field(default_factory=list)
    descriptions: dict[str, Description] = field(default_factory=dict)
    twice: dict[Path, Path] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)
    faults: dict[Path, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """For the terminal."""
        for one in self.imported:
            yield one.line()
        for path, same in self.twice.items():
            yield f"{path}: the recording that {same} holds, counted once"
        for path in self.skipped:
            yield f"{path}: skipped, no recording"
        yield (
            f"{len(self.imported)} landscapes from {len(self.imported) + len(self.twice)} recordings "
            f"({len(self.twice)} counted once), {sum(one.configurations for one in self.imported)} configurations; "
            f"{len(self.descriptions)} T1 descriptions, {len(self.skipped)} other files, {len(self.faults)} failed"
        )


def stem(path: Path) -> str:
    """A file's name without ``.json`` or ``.json.gz``."""
    return re.sub(r"\.json(?:\.gz)?$", "", path.name, flags=re.IGNORECASE)


def landscape_name(path: Path) -> str:
    """``<kernel>__<device>.parquet``, for ``<kernel>-<device>.json`` and benchmark_hub's ``<kernel>/<device>.json``."""
    name = T4_MARKS.sub("", stem(path))
    kernel, _, device = name.partition("-") if "-" in name else (path.resolve().parent.name, "", name)
    return f"{slug_of(kernel)}__{slug_of(device.lower())}.parquet"


def import_folder(folder: Path, out: Path, space: Path | None = None) -> Summary:
    """Import every recording below ``folder`` into landscapes in ``out``.

    A recording is checked against ``space``, or else against the T1 description below ``folder`` that is named after
    its kernel (``T1_<kernel>.json``, ``<kernel>.json``). One that another file holds too (a cache and its T4 form) is
    written once. A file that cannot be imported does not stop the others.

    Raises:
        UserError: nothing to import, or ``space`` is damaged.
    """
    files = sorted(
        (path for path in folder.rglob("*") if path.name.lower().endswith(ENDINGS) and path.is_file()),
        # A cache knows more than its T4 form: it is the one to keep.
        key=lambda path: (bool(T4_MARKS.search(stem(path))), path),
    )
    if not files:
        raise UserError(f"{folder}: no recording here: expected *.json or *.json.gz")
    summary = Summary()
    given = None if space is None else read_description(space)
    with ProgressDisplay("files", len(files)) as progress:
        recordings = [path for path in files if not _is_description(path, summary)]
        importer = _Importer(out, given, summary)
        for path in files:
            if path in recordings:
                importer.take(path)
            progress.advance(path.name)
    return summary


def _is_description(path: Path, summary: Summary) -> bool:
    """Whether a file is a T1 description, which is then kept: recordings may come before it in the alphabet."""
    if path.stat().st_size > MAX_T1_BYTES:
        return False
    try:
        document = read_document(path)
    except UserError:
        return False
    if not is_t1(document):
        return False
    try:
        summary.descriptions[T1_MARKS.sub("", stem(path))] = read_t1(document)
    except UserError as error:
        summary.faults[path] = str(error)
    return True


class _Importer:
    """Takes one recording after the other, each once."""

    def __init__(self, out: Path, description: Description | None, summary: Summary) -> None:
        self._out = out
        self._description = description
        self._summary = summary
        self._seen: dict[str, Path] = {}
        self._written: dict[Path, Path] = {}

    def take(self, path: Path) -> None:
        try:
            self._take(path)
        except UserError as error:
            self._summary.faults[path] = str(error)

    def _take(self, path: Path) -> None:
        document = read_document(path)
        if not is_foreign_recording(document):
            self._summary.skipped.append(path)
            return
        foreign = read_foreign_recording(document)
        fingerprint = foreign.fingerprint()
        if fingerprint in self._seen:
            self._summary.twice[path] = self._seen[fingerprint]
            return
        target = self._out / landscape_name(path)
        if target in self._written:
            raise UserError(f"{path}: {target} holds {self._written[target]} already: expected other names")
        kernel = target.stem.split("__")[0]
        description = self._description or self._summary.descriptions.get(kernel)
        self._summary.imported.append(import_recording(foreign, description, target))
        self._seen[fingerprint] = self._written[target] = path
