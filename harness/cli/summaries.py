"""Summaries of landscapes, computed once for each file content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analysis.landscapes.reference_error import Uncertain
from analysis.landscapes.summary import LandscapeSummary, Provenance, summarise_all
from analysis.reference import REFERENCE_ERROR, Difficulty
from harness.system.cache import keep, recall
from harness.system.resources import PACKAGE

KIND = "landscape-summaries"
SOURCES = (
    "analysis/landscapes", "analysis/reference.py", "analysis/statistics", "harness/evaluation.py",
    "harness/landscapes", "harness/system/arrow.py", "harness/system/names.py", "search_spaces",
)  # fmt: skip
"""The code that a summary depends on, with the schema beside it."""
SUFFIXES = frozenset({".py", ".json"})


def landscape_summaries(
    files: Iterable[Path], relative_error: float | None = None
) -> tuple[list[LandscapeSummary], dict[str, str]]:
    """Summaries of landscape files, in their order, and the reasons, by file or name, why some have none.

    Args:
        relative_error: relative error of the recorded latencies; ``None`` reads reference_error.yaml beside each file.

    Raises:
        AnalysisError: a reference_error.yaml is damaged.
    """
    summaries: list[LandscapeSummary] = []
    faults: dict[str, str] = {}
    for file in files:
        content = _content(file)
        error = _Error.of(file, relative_error)
        known = None if content is None else _from_document(recall(KIND, _key(file, content, error)))
        if known is None:
            known, read, faults_here = _summarised(file, error)
            faults |= faults_here
            if known is not None and read == content:  # not replaced since
                keep(KIND, _key(file, read, error), asdict(known))
        if known is not None:
            summaries.append(known)
    return summaries, faults


@dataclass(frozen=True)
class _Error:
    """The stated error of the recorded latencies.

    Attributes:
        path: the file that states it, read when needed; ``None`` if there is none.
        said: the file's content, or the given number.
        given: the given number.
    """

    path: Path | None
    said: str
    given: float | None

    @classmethod
    def of(cls, file: Path, given: float | None) -> _Error:
        path = file.parent / REFERENCE_ERROR
        content = _content(path) if given is None else None
        return cls(None if content is None else path, content or ("" if given is None else f"{given!r}"), given)

    def relative(self) -> float | None:
        if self.path is None:
            return self.given
        from analysis.verdict.reference_file import read  # imports much, and is seldom needed

        return read(self.path).relative_error


def _summarised(file: Path, error: _Error) -> tuple[LandscapeSummary | None, str, dict[str, str]]:
    """The summary of a file, the SHA-256 of what was read, and the reasons, by file or name, if there is no summary."""
    from harness.landscapes.files import read_landscapes  # imports most of what takes long, and is seldom needed

    landscapes, faults = read_landscapes([file])
    made, without = summarise_all(((x.name, x.frame(), x.metadata) for x in landscapes), error.relative())
    return (made[0] if made else None), (landscapes[0].sha256 if landscapes else ""), faults | without


def _content(file: Path) -> str | None:
    """SHA-256 of a file; ``None`` if it is not a file or cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    except OSError:
        return None


def _key(file: Path, content: str, error: _Error) -> str:
    """The cache key of a summary: the file's content, its names (links resolved too), its error and the code."""
    text = f"{content}\0{file.stem}\0{file.resolve().stem}\0{error.said}\0{_code()}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        path = PACKAGE.parent / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in SUFFIXES:
                digest.update(f"\0{file.relative_to(PACKAGE.parent)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _from_document(document: Any) -> LandscapeSummary | None:
    """Rebuild the summary from a cached document."""
    if document is None:
        return None
    difficulties = tuple(Difficulty(**each) for each in document["difficulties"])
    provenance = Provenance(**document["provenance"])
    uncertain = None if document["uncertain"] is None else _uncertain(document["uncertain"])
    own = {"difficulties": difficulties, "provenance": provenance, "uncertain": uncertain}
    return LandscapeSummary(**{**document, **own})


def _uncertain(document: Any) -> Uncertain:
    of_kind = {
        kind: tuple(None if pair is None else (float(pair[0]), float(pair[1])) for pair in document[kind])
        for kind in ("uniform", "by_parameter")
    }
    return Uncertain(**{**document, **of_kind})
