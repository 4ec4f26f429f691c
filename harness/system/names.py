"""The rules for names in a results folder, checked on input; ``analysis/runs/names.py`` has the same rules.

Tasks, strategy labels and devices name folders and files and appear in tables and figures.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from harness.errors import UserError

LONGEST = 255
"""Longest name in bytes, as for a folder."""
_TAKEN, _TAKEN_BEGINNING = "ALL", "kernel:"
"""Names in tables for all tasks and for the tasks of a kernel."""
LAWS = ("exact_random", "exact_random_by_parameter")
"""Names in tables and in the gate for random search by its exact law."""
_LAWS_BEGINNINGS = (LAWS[0], "noisy_random")
"""Prefixes of the names of baselines that are not runs."""


def name_fault(name: object) -> str:
    """Why something cannot name a task, strategy or device; empty if it can."""
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
    """The same for a task, which must not have a name that tables use for several tasks."""
    if fault := name_fault(task):
        return fault
    taken = task == _TAKEN or str(task).startswith(_TAKEN_BEGINNING)
    return f"expected another name than {_TAKEN} and {_TAKEN_BEGINNING}…" if taken else ""


def label_fault(label: object) -> str:
    """The same for a strategy's label, which must not have the name of a baseline without runs."""
    if fault := name_fault(label):
        return fault
    taken = str(label).startswith(_LAWS_BEGINNINGS)
    return f"expected another name than {'… and '.join(_LAWS_BEGINNINGS)}…: random search by its law" if taken else ""


def place_fault(place: object) -> str:
    """Why something cannot be a run's path below a results folder; empty if it can."""
    if not isinstance(place, str) or not place:
        return "expected a path"
    parts = PurePosixPath(place).parts
    if "\\" in place or any(name_fault(part) for part in parts):
        return "expected TASK/LABEL/seed-N"
    return ""


def check_names(where: object, task: object, label: object) -> None:
    """Refuse invalid names of a run in a file.

    Args:
        where: the file, for the message.
        label: a number is checked as text.

    Raises:
        UserError: naming the file, the field and the value.
    """
    text = str(label) if isinstance(label, int | float) else label
    for field, name, fault in (("task", task, task_fault(task)), ("strategy.label", label, label_fault(text))):
        if fault:
            raise UserError(f"{where}: {field}={shown(name)}: {fault}")


def check_place(where: object, place: object) -> None:
    """Refuse a run's path in a consolidated file if it leads outside its folder.

    Raises:
        UserError: naming the file and the value.
    """
    if fault := place_fault(place):
        raise UserError(f"{where}: path={shown(place)}: {fault}")


def shown(name: object) -> str:
    """An invalid name, for a message."""
    return repr(name) if len(repr(name)) <= 60 else f"{repr(name)[:57]}..."
