"""Import all recordings below a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.formats.document import read_document
from harness.formats.file import ForeignFile
from harness.formats.foreign import ForeignRecording
from harness.formats.imports import PLAIN, Imported, import_recording, read_description, slug_of
from harness.formats.options import ReadOptions
from harness.formats.registry import format_of, recordings
from harness.formats.t1 import Description, is_t1, read_t1
from harness.system.progress import ProgressDisplay

ENDINGS = (".json", ".json.gz")
LOGS = (".csv", ".log", ".jsonl")
"""Suffixes of logs whose content shows their format; any other file with one of these is ignored without a message."""
SELF_TELLING = frozenset({"autotvm", "helion"})
STEM = re.compile(r"\.(?:autotune\.json|json|csv|parquet|log|jsonl|db|sqlite3?)(?:\.gz)?$", re.IGNORECASE)
T4_MARKS = re.compile(r"[-_](?:T4|results)$", re.IGNORECASE)
T1_MARKS = re.compile(r"^T1[-_]|[-_](?:T1|CAFF)$", re.IGNORECASE)
MAX_T1_BYTES = 1 << 20
MAX_NAME = 150


@dataclass
class Summary:
    """The outcome of importing a folder's files.

    Attributes:
        descriptions: T1 files by the kernel that they are named after.
        twice: recordings that another file has too, each with that file.
        skipped: JSON files that are neither a recording nor a description.
        faults: why a recording, or a whole file, was not imported.
    """

    imported: list[Imported] = field(default_factory=list)
    descriptions: dict[str, Description] = field(default_factory=dict)
    twice: list[tuple[Path, Path]] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the lines to print in the terminal."""
        for one in self.imported:
            yield one.line()
        for path, same in self.twice:
            yield f"{path}: the same recording as in {same}, counted once"
        for path in self.skipped:
            yield f"{path}: skipped, not a recording"
        yield (
            f"{len(self.imported)} landscapes from {len(self.imported) + len(self.twice)} recordings "
            f"({len(self.twice)} counted once), {sum(one.configurations for one in self.imported)} configurations; "
            f"{len(self.descriptions)} T1 descriptions, {len(self.skipped)} other files, {len(self.faults)} failed"
        )


def stem(path: Path) -> str:
    """Return a file's name without its suffix."""
    return STEM.sub("", path.name)


def landscape_name(path: Path) -> str:
    """Return the name of a file's landscape, ``<kernel>__<device>.parquet``.

    It is derived from ``<kernel>-<device>.json`` or benchmark_hub's ``<kernel>/<device>.json``. A file that is already
    called ``<task>__<device>`` keeps its name.
    """
    name = T4_MARKS.sub("", stem(path))
    if "__" in name:
        task, _, device = name.partition("__")
        return f"{slug_of(task)}__{slug_of(device)}.parquet"
    kernel, _, device = name.partition("-") if "-" in name else (path.resolve().parent.name, "", name)
    return f"{slug_of(kernel)}__{slug_of(device.lower())}.parquet"


def recording_name(foreign: ForeignRecording) -> str:
    """Return the landscape's file name for a recording with a name of its own, or for the only one of its file."""
    if not foreign.name:
        return landscape_name(foreign.path)
    kernel = slug_of(foreign.kernel or stem(foreign.path))
    name = f"{kernel}-{slug_of(foreign.name)}"[:MAX_NAME] if foreign.name != foreign.kernel else kernel
    return f"{name}__{slug_of(foreign.device.lower())}.parquet"


def import_folder(folder: Path, out: Path, space: Path | None = None) -> Summary:
    """Import every recording below ``folder`` into landscapes in ``out``.

    A recording is checked against ``space``, or else against the T1 description below ``folder`` that is named after
    its kernel (``T1_<kernel>.json``, ``<kernel>.json``). A recording that two files have (a cache and its T4 form) is
    written once. A file that cannot be imported does not stop the others.

    Raises:
        UserError: there is nothing to import, or ``space`` is damaged.
    """
    files = sorted(
        (path for path in folder.rglob("*") if _is_candidate(path)),
        # A cache has more information than its T4 form, so the cache is kept.
        key=lambda path: (bool(T4_MARKS.search(stem(path))), path),
    )
    if not files:
        raise UserError(f"{folder}: there is no recording here: expected *.json or *.json.gz")
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


def import_several(path: Path, out: Path, space: Path | None = None, options: ReadOptions = PLAIN) -> Summary:
    """Import all recordings of one file into landscapes in the folder ``out``.

    Raises:
        UserError: the file cannot be read. A recording that cannot be imported does not stop the others.
    """
    summary = Summary()
    found = recordings(ForeignFile(path), options)
    importer = _Importer(out, None if space is None else read_description(space), summary)
    with ProgressDisplay("recordings", len(found)) as progress:
        for foreign in found:
            importer.take_recording(foreign)
            progress.advance(foreign.name)
    return summary


def _is_candidate(path: Path) -> bool:
    """Whether a file is a candidate: any JSON file, and any log whose content shows its format."""
    name = path.name.lower()
    if name.endswith(ENDINGS):
        return path.is_file()
    if not name.endswith(LOGS) or not path.is_file():
        return False
    try:
        found = format_of(ForeignFile(path))
    except UserError:
        return False
    return found is not None and found.name in SELF_TELLING


def _is_description(path: Path, summary: Summary) -> bool:
    """Whether a file is a T1 description, which is then kept: recordings may precede it in the file order."""
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
        summary.faults.append(str(error))
    return True


class _Importer:
    """Imports recordings one after the other, each only once."""

    def __init__(self, out: Path, description: Description | None, summary: Summary) -> None:
        self._out = out
        self._description = description
        self._summary = summary
        self._seen: dict[tuple[str, str], Path] = {}
        self._written: dict[Path, Path] = {}

    def take(self, path: Path) -> None:
        try:
            self._take(path)
        except UserError as error:
            self._summary.faults.append(str(error))

    def _take(self, path: Path) -> None:
        file = ForeignFile(path)
        if format_of(file) is None:
            self._summary.skipped.append(path)
            return
        for foreign in recordings(file, PLAIN):
            self.take_recording(foreign)

    def take_recording(self, foreign: ForeignRecording) -> None:
        """Write one recording, or note why it is not written: it is already there, or cannot be written."""
        path = foreign.path
        same = (foreign.name, foreign.fingerprint())  # two tasks of one log may have the same numbers
        if same in self._seen:
            self._summary.twice.append((path, self._seen[same]))
            return
        target = self._out / recording_name(foreign)
        try:
            if target in self._written:
                raise UserError(f"{path}: {target} already contains {self._written[target]}: expected different names")
            description = self._description or self._summary.descriptions.get(target.stem.split("__")[0])
            self._summary.imported.append(import_recording(foreign, description, target))
        except UserError as error:
            self._summary.faults.append(str(error))
            return
        self._seen[same] = self._written[target] = path
