"""Summaries of landscapes, worked out once for a file's content."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from analysis.landscapes.summary import LandscapeSummary, Provenance, summarise_all
from analysis.reference import TARGETS, Difficulty
from harness.landscapes.files import read_landscapes
from harness.system.cache import keep, recall
from harness.system.resources import PACKAGE

KIND = "landscape-summaries"
SOURCES = ("analysis/landscapes", "analysis/reference.py", "analysis/statistics", "harness/landscapes", "search_spaces")
"""The code that decides what a summary says."""


def landscape_summaries(files: Iterable[Path]) -> tuple[list[LandscapeSummary], dict[str, str]]:
    """Summaries of landscape files, in their order; and by file, or name, the reason why one has none."""
    summaries: list[LandscapeSummary] = []
    faults: dict[str, str] = {}
    for file in files:
        key = _key(file)
        known = None if key is None else _from_document(recall(KIND, key))
        if known is None:
            landscapes, faults_here = read_landscapes([file])
            made, without = summarise_all((x.name, x.frame(), x.metadata) for x in landscapes)
            faults |= faults_here | without
            known = made[0] if made else None
            if known is not None and key is not None:
                keep(KIND, key, asdict(known))
        if known is not None:
            summaries.append(known)
    return summaries, faults


def _key(file: Path) -> str | None:
    """Of a file's content and name, and the code; ``None`` where it is no file that can be read."""
    try:
        if not file.is_file():
            return None
        content = hashlib.sha256(file.read_bytes())
    except OSError:
        return None
    content.update(f"\0{file.stem}\0{_code()}".encode(errors="surrogateescape"))
    return content.hexdigest()


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        path = PACKAGE.parent / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _from_document(document: Any) -> LandscapeSummary | None:
    """The summary that was kept, unless the document is none."""
    try:
        summary = LandscapeSummary(
            **{
                **document,
                "difficulties": tuple(Difficulty(**each) for each in document["difficulties"]),
                "provenance": Provenance(**document["provenance"]),
            }
        )
    except (TypeError, KeyError):
        return None
    known = len(summary.difficulties) == len(TARGETS) and math.isfinite(summary.t_star_ms)
    return summary if known else None
