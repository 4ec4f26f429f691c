"""Check the arguments of strategies, with one-line errors."""

from __future__ import annotations

from harness.errors import UserError


def check(holds: bool, field: str, value: object, expected: str) -> None:
    """Raise a one-line error for a wrong argument.

    Raises:
        UserError: ``holds`` is false.
    """
    if not holds:
        raise UserError(f"strategy: {field}={value}: expected {expected}")
