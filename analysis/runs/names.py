"""The rule for names in a results folder, applied where they come in; ``harness/system/names.py`` has the same.

A task, a strategy's label and a device name folders and files and stand in tables and figures, whoever wrote them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from analysis.errors import AnalysisError

LONGEST = 255
"""Bytes of a folder's name."""
_TAKEN, _TAKEN_BEGINNING = "ALL", "kernel:"
"""What tables call all tasks, and those of a kernel."""
LAWS = ("exact_random", "exact_random_by_parameter")
"""What tables and the gate call random search by its exact law."""
_LAWS_BEGINNINGS = (LAWS[0], "noisy_random")
"""How the names of all baselines begin that are no runs."""


def name_fault(name: object) -> str:
    """Why something cannot be the name of a task, strategy or device; empty where it can."""
    if not isinstance(name, str) or not name:
        return "expected a name"
    if "/" in name or "\\" in name:
        return "expected a name without / and \\"
    if name.startswith("."):
        return "expected a name without a leading dot"
    if not name.isprintable() or name != name.strip():
        return "expected a visible name without control characters"
    if len(name.encode()) > LONGEST:
        return f"expected a name of at most {LONGEST} bytes"
    return ""


def task_fault(task: object) -> str:
    """The same of a task, which must not be called as tables call several."""
    if fault := name_fault(task):
        return fault
    taken = task == _TAKEN or str(task).startswith(_TAKEN_BEGINNING)
    return f"expected another name than {_TAKEN} and {_TAKEN_BEGINNING}…" if taken else ""


def label_fault(label: object) -> str:
    """The same of a strategy's label, which must not be called as a baseline that is no runs."""
    if fault := name_fault(label):
        return fault
    taken = str(label).startswith(_LAWS_BEGINNINGS)
    return f"expected another name than {'… and '.join(_LAWS_BEGINNINGS)}…: random search by its law" if taken else ""


def place_fault(place: object) -> str:
    """Why something cannot be a run's place below a results folder; empty where it can."""
    if not isinstance(place, str) or not place:
        return "expected a path"
    parts = PurePosixPath(place).parts
    if "\\" in place or any(name_fault(part) for part in parts):
        return "expected TASK/LABEL/seed-N"
    return ""


def check_names(where: object, task: object, label: object) -> None:
    """Refuse the names of a run that something of somebody's folder says.

    Args:
        where: that file.
        label: a number counts as the text that it is.

    Raises:
        AnalysisError: naming the file, the field and the value.
    """
    text = str(label) if isinstance(label, int | float) else label
    for field, name, fault in (("task", task, task_fault(task)), ("strategy.label", label, label_fault(text))):
        if fault:
            raise AnalysisError(f"{where}: {field}={shown(name)}: {fault}")


def check_place(where: object, place: object) -> None:
    """Refuse what a consolidated file says of where a run lay, if that is outside its folder.

    Raises:
        AnalysisError: naming the file and the value.
    """
    if fault := place_fault(place):
        raise AnalysisError(f"{where}: path={shown(place)}: {fault}")


def shown(name: object) -> str:
    """A name that is none, in a message."""
    return repr(name) if len(repr(name)) <= 60 else f"{repr(name)[:57]}..."
