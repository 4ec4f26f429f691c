"""Arguments of strategies that are out of range: one clear line."""

from __future__ import annotations

from harness.errors import UserError


def check(holds: bool, field: str, value: object, expected: str) -> None:
    """Raise the one-line error for an argument at fault.

    Raises:
        UserError: unless it ``holds``.
    """
    if not holds:
        raise UserError(f"strategy: {field}={value}: expected {expected}")
