"""Find and strictly read ``hypothesis.yaml``. analysis/README.md describes the file."""

from __future__ import annotations

import difflib
import hashlib
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from analysis.errors import AnalysisError
from analysis.media import printable
from analysis.runs.names import name_fault
from analysis.verdict import hypothesis_parts as parts
from analysis.verdict.hypothesis import CHOICES, TESTED_TARGETS, Hypothesis
from analysis.verdict.registration import Registration, registration
from analysis.verdict.yaml_mapping import read_mapping, shown

NAME = "hypothesis.yaml"
VERSION = 1
"""The newest supported version of the format. It increases when older versions would be misread."""
_KEYS = ("version", *(field.name for field in fields(Hypothesis)))
_OPTIONAL = ("upper_end", "seeds", "stratum_rule", "live", "registered", "leave_out_unreachable", "reference_error")

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class HypothesisFile:
    """A hypothesis and the file that holds it.

    Attributes:
        path: as found or given.
        sha256: of its bytes, so that a report can name the hypothesis that it judged.
    """

    path: Path
    sha256: str
    hypothesis: Hypothesis

    def registration(self) -> Registration:
        """When the hypothesis was registered, according to Git."""
        return registration(self.path, self.hypothesis.registered)

    def document(self, known: Registration) -> dict[str, Any]:
        """The ``hypothesis`` in verdict.json: file, digest, commits and all fields."""
        return {
            "file": str(self.path),
            "sha256": self.sha256,
            "commit": known.document(),
            **asdict(self.hypothesis),
        }


def find_hypothesis(folders: Sequence[str | Path], given: Path | None = None) -> HypothesisFile | None:
    """The hypothesis of a study: ``given``, else that of its results folders; ``None`` without one.

    A folder's hypothesis is ``hypothesis.yaml`` in it, else in its parent. Folders without one are accepted.

    Raises:
        AnalysisError: as :func:`read_hypothesis`, or two folders have different ones.
    """
    if given is not None:
        return read_hypothesis(given)
    paths = dict.fromkeys(path for folder in folders if (path := _beside(Path(folder))) is not None)
    files = [read_hypothesis(path) for path in paths]
    for other in files[1:]:
        if other.hypothesis != files[0].hypothesis:
            raise AnalysisError(
                f"{other.path}: not the hypothesis of {files[0].path}: expected the same one for all folders, or "
                "--hypothesis FILE to choose"
            )
    return files[0] if files else None


def _beside(folder: Path) -> Path | None:
    parent = folder.parent if folder.name not in ("", "..") else folder.resolve().parent
    return next((path for path in (folder / NAME, parent / NAME) if path.is_file()), None)


def read_hypothesis(path: Path) -> HypothesisFile:
    """Read and check one file.

    Raises:
        AnalysisError: it cannot be read, or a field is unknown, missing, of the wrong type or out of range; the message
            names file, field, value and what was expected.
    """
    data, document = read_mapping(path, _KEYS, "a hypothesis")
    return HypothesisFile(path, hashlib.sha256(data).hexdigest(), _Reader(path, document).hypothesis())


class _Reader:
    """Reads one document, field by field."""

    def __init__(self, path: Path, document: dict[Any, Any]) -> None:
        self.path, self.document = path, document

    def hypothesis(self) -> Hypothesis:
        self._check_version()
        self._check_keys()
        threshold = self.number("threshold", 0.0)
        targets = self._numbers("targets", TESTED_TARGETS)
        target = self.number("target", 0.0)
        if target not in targets:
            raise self.fault("target", f"one of targets, {_listed(targets)}")
        return Hypothesis(
            statement=self.text("statement"),
            strategies=self.names("strategies"),
            baselines=self.names("baselines"),
            threshold=threshold,
            upper_end=self.number("upper_end", threshold) if self.document.get("upper_end") is not None else None,
            target=target,
            targets=targets,
            strata=self.names("strata"),
            axes=self.names("axes"),
            questions=self.names("questions"),
            error_rate=self.number("error_rate", 0.0, 0.5),
            seeds=self._part("seeds", parts.read_seeds),
            stratum_rule=self._part("stratum_rule", parts.read_stratum_rule),
            live=self._part("live", parts.read_live),
            registered=self._part("registered", parts.read_registered),
            leave_out_unreachable=self.flag("leave_out_unreachable"),
            reference_error=self._part("reference_error", parts.read_reference_error),
        )

    def _part(self, name: str, read: Callable[[Path, object], _Read]) -> _Read | None:
        """Read an optional part."""
        value = self.document.get(name)
        return None if value is None else read(self.path, value)

    def _check_version(self) -> None:
        """Check the version first, because a newer file may have other keys."""
        version = self.document.get("version")
        if type(version) is not int or version < 1:
            raise self.fault("version", f"{VERSION}, the version of this format")
        if version > VERSION:
            raise self.fault("version", f"at most {VERSION}: a newer NearOpt wrote this file")

    def _check_keys(self) -> None:
        for key in self.document:
            if key not in _KEYS:
                raise AnalysisError(
                    f"{self.path}: {key}: unknown field{_near(str(key), _KEYS)}: expected {_listed(_KEYS)}"
                )
        for key in _KEYS:
            if key not in self.document and key not in _OPTIONAL:
                raise AnalysisError(f"{self.path}: {key} is missing: expected {_listed(_KEYS)}")

    def text(self, name: str) -> str:
        value = self.document[name]
        if not isinstance(value, str) or not value.strip():
            raise self.fault(name, "a non-empty text")
        return printable(" ".join(value.split()))

    def names(self, name: str) -> tuple[str, ...]:
        """Read a list of distinct names, from ``CHOICES`` if the field is in it."""
        choices = CHOICES.get(name)
        expected = f"a list of one or more of {_listed(choices)}" if choices else f"a list of names of {name}"
        values = self.document[name]
        if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise self.fault(name, expected)
        for value in values:
            if choices is not None and value not in choices:
                raise self.fault(name, f"one of {_listed(choices)}", value, _near(value, choices))
        for value in values:
            if fault := name_fault(value):
                raise self.fault(name, fault.removeprefix("expected "), value)
        self._check_once(name, values)
        return tuple(values)

    def number(self, name: str, low: float, high: float = float("inf")) -> float:
        """Read a number above ``low`` and below ``high``."""
        value = self.document[name]
        if not _is_number(value) or not low < value < high:
            raise self.fault(name, f"a number above {low:g}" + (f" and below {high:g}" if high < float("inf") else ""))
        return float(value)

    def flag(self, name: str) -> bool:
        """Read a flag; ``false`` by default."""
        value = self.document.get(name, False)
        if not isinstance(value, bool):
            raise self.fault(name, "true or false")
        return value

    def _numbers(self, name: str, choices: Sequence[float]) -> tuple[float, ...]:
        values = self.document[name]
        expected = f"a list of one or more of {_listed(choices)}"
        if not isinstance(values, list) or not values:
            raise self.fault(name, expected)
        for value in values:
            if not _is_number(value) or value not in choices:
                raise self.fault(name, expected, value)
        self._check_once(name, values)
        return tuple(sorted(map(float, values)))

    def _check_once(self, name: str, values: Sequence[object]) -> None:
        seen: set[object] = set()
        for value in values:
            if value in seen:
                raise self.fault(name, "each name once", value)
            seen.add(value)

    def fault(self, name: str, expected: str, value: object = None, near: str = "") -> AnalysisError:
        text = shown(self.document.get(name) if value is None else value)
        return AnalysisError(f"{self.path}: {name}={text}{near}: expected {expected}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _near(value: str, choices: Collection[str]) -> str:
    near = difflib.get_close_matches(value, choices, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
