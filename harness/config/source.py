"""Earlier tunings that a run learns from: ``source=PATH``, a list of them, or a word for recorded siblings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harness.errors import UserError

SIBLING, SHAPE, SHAPES = "sibling", "sibling_shape", "sibling_shapes"
DTYPE, DEVICE = "sibling_dtype", "sibling_device"
WORDS = (SIBLING, SHAPE, SHAPES, DTYPE, DEVICE)
EXPECTED = (
    f"{', '.join(WORDS)}, or the path of a landscape Parquet file, a run's directory, a results folder or an Optuna "
    "storage (.db)"
)


@dataclass(frozen=True)
class Source:
    """The option ``source``; the run finds out which part of it fits its task.

    Attributes:
        options: words of :data:`WORDS` or paths, as the user wrote them.
        evaluations: number of evaluations to use: the first of every run, or those of a seeded random search of a
            landscape. ``None`` uses all.
        runs: number of runs of each source, chosen by the run's seed; for a landscape the number of random searches.
            ``None`` uses all runs, and one search.
    """

    options: tuple[str, ...]
    evaluations: int | None = None
    runs: int | None = None

    @property
    def text(self) -> str:
        """The option as the user wrote it, for messages."""
        return self.options[0] if len(self.options) == 1 else f"[{','.join(self.options)}]"

    @property
    def short(self) -> str:
        """A short form for labels: words as they are, and the last part of each path."""
        return "+".join(option if option in WORDS else Path(option).name for option in self.options)


def source_of(document: Mapping[str, Any]) -> Source | None:
    """What ``source`` and ``source_…`` of a composed configuration configure; ``None`` without a source.

    Raises:
        UserError: a source is neither a known word nor an existing path, or a number is wrong.
    """
    option = document["source"]
    sizes = {name: document[f"source_{name}"] for name in ("evaluations", "runs")}
    if option is None:
        for name, value in sizes.items():
            if value is not None:
                raise UserError(f"source_{name}={value}: expected source= as well")
        return None
    options = tuple(option) if isinstance(option, list) else (option,)
    if not options or not all(isinstance(each, str) and each for each in options):
        raise UserError(f"source={option}: expected {EXPECTED}")
    if len(set(options)) < len(options):
        raise UserError(f"source={option}: expected each source once")
    for each in options:
        _check_there(each)
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise UserError(f"source_{name}={value}: expected a whole number, 1 or more")
    return Source(options, **sizes)


def _check_there(option: str) -> None:
    if option in WORDS:
        return
    try:
        Path(option).stat()
    except (OSError, ValueError):
        near = get_close_matches(option, WORDS, n=1)
        raise UserError(f"source={option}: no such path: expected {near[0] if near else EXPECTED}") from None
