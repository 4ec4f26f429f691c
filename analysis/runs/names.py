"""The rules for names in a results folder, applied on input; ``harness/system/names.py`` has the same rules.

Tasks, strategy labels and devices name folders and files and appear in tables and figures, whoever wrote them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from analysis.errors import AnalysisError

LONGEST = 255
"""Length limit of a folder's name in bytes."""
_TAKEN, _TAKEN_BEGINNING = "ALL", "kernel:"
"""The names in tables for all tasks, and for those of a kernel."""
LAWS = ("exact_random", "exact_random_by_parameter")
"""The names of random search by its exact law in tables and in the gate."""
_LAWS_BEGINNINGS = (LAWS[0], "noisy_random")
"""The beginnings of names of baselines that are not runs."""


def name_fault(name: object) -> str:
    """Why a value cannot be the name of a task, strategy or device; empty if it can."""
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
    """The same for a task, whose name must not be one of several tasks in tables."""
    if fault := name_fault(task):
        return fault
    taken = task == _TAKEN or str(task).startswith(_TAKEN_BEGINNING)
    return f"expected another name than {_TAKEN} and {_TAKEN_BEGINNING}…" if taken else ""


def label_fault(label: object) -> str:
    """The same for a strategy's label, which must not be the name of a baseline that is not runs."""
    if fault := name_fault(label):
        return fault
    taken = str(label).startswith(_LAWS_BEGINNINGS)
    return f"expected another name than {'… and '.join(_LAWS_BEGINNINGS)}…: random search by its law" if taken else ""


def place_fault(place: object) -> str:
    """Why a value cannot be a run's path below a results folder; empty if it can."""
    if not isinstance(place, str) or not place:
        return "expected a path"
    parts = PurePosixPath(place).parts
    if "\\" in place or any(name_fault(part) for part in parts):
        return "expected TASK/LABEL/seed-N"
    return ""


def check_names(where: object, task: object, label: object) -> None:
    """Refuse invalid names of a run that a file states.

    Args:
        where: the file.
        label: a number counts as text.

    Raises:
        AnalysisError: naming the file, the field and the value.
    """
    text = str(label) if isinstance(label, int | float) else label
    for field, name, fault in (("task", task, task_fault(task)), ("strategy.label", label, label_fault(text))):
        if fault:
            raise AnalysisError(f"{where}: {field}={shown(name)}: {fault}")


def check_place(where: object, place: object) -> None:
    """Refuse a run's path in a consolidated file if it lies outside the folder.

    Raises:
        AnalysisError: naming the file and the value.
    """
    if fault := place_fault(place):
        raise AnalysisError(f"{where}: path={shown(place)}: {fault}")


def shown(name: object) -> str:
    """An invalid name as shown in a message."""
    return repr(name) if len(repr(name)) <= 60 else f"{repr(name)[:57]}..."
