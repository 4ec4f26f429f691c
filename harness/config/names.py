"""What one may type as a name: less than a results folder may hold (:mod:`harness.system.names`)."""

from __future__ import annotations

import re

from harness.errors import UserError
from harness.system.names import label_fault, task_fault
from harness.system.text import printable

LONGEST = 120
"""Characters: a folder's name has room for 255 bytes, and files are named after it with something added."""
PLAIN = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
TASK = re.compile(PLAIN)
LABEL = re.compile(rf"{PLAIN}(\([A-Za-z0-9_.+=,-]+\))?")
"""In parentheses: arguments that tell the variants of a sweep apart."""


def check_task_name(name: str) -> None:
    """Refuse a name that would lead elsewhere, or that no command could find again.

    Raises:
        UserError: naming it.
    """
    if not TASK.fullmatch(name):
        raise UserError(f"task.name={printable(name)}: expected letters, digits and _ . + - (it names a folder)")
    _check_length("task.name", name)


def check_label(label: object) -> str:
    """The label, if it is one.

    Raises:
        UserError: naming it.
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
    """Refuse the name of a file whose results could be neither printed nor found: a task is called after it.

    Raises:
        UserError: naming it.
    """
    if task_fault(stem) or stem.startswith("-"):
        raise UserError(f"{field}: {printable(stem)}: expected a plain name, since results are named after this file")


def _check_length(field: str, name: str) -> None:
    if len(name) > LONGEST:
        raise UserError(f"{field}={name[:40]}…: {len(name)} characters: expected at most {LONGEST}")
