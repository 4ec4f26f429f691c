"""Names that a user may type: a subset of those that a results folder may hold (:mod:`harness.system.names`)."""

from __future__ import annotations

import re

from harness.errors import UserError
from harness.system.names import label_fault, task_fault
from harness.system.text import printable

LONGEST = 120
"""Longest name in characters: file systems allow 255 bytes, and files append something to the name."""
PLAIN = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
TASK = re.compile(PLAIN)
LABEL = re.compile(rf"{PLAIN}(\([A-Za-z0-9_.+=,-]+\))?")
"""A label; in parentheses it may have the arguments that distinguish the variants of a sweep."""


def check_task_name(name: str) -> None:
    """Refuse a task name that would lead to another folder or that no command could find again.

    Raises:
        UserError: naming the task name.
    """
    if not TASK.fullmatch(name):
        raise UserError(f"task.name={printable(name)}: expected letters, digits and _ . + - (it names a folder)")
    _check_length("task.name", name)


def check_label(label: object) -> str:
    """Return the label if it is valid.

    Raises:
        UserError: naming the label.
    """
    if not isinstance(label, str) or not LABEL.fullmatch(label):
        raise UserError(
            f"strategy.label={printable(str(label))}: expected letters, digits and _ . + - (it names a folder)"
        )
    _check_length("strategy.label", label)
    if fault := label_fault(label):
        raise UserError(f"strategy.label={label}: {fault}")
    return label


def check_stem(field: str, stem: str) -> None:
    """Refuse a file name that is unfit as a task's name, which is taken from it.

    Raises:
        UserError: naming the file.
    """
    if task_fault(stem) or stem.startswith("-"):
        raise UserError(f"{field}: {printable(stem)}: expected a plain name, since results are named after this file")


def _check_length(field: str, name: str) -> None:
    if len(name) > LONGEST:
        raise UserError(f"{field}={name[:40]}…: {len(name)} characters: expected at most {LONGEST}")
