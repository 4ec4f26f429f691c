"""One clear line where an optional dependency is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import UserError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports inside the block need ``pip install 'nearopt[name]'``.

    Raises:
        UserError: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name}: not installed: expected pip install 'nearopt[{name}]'") from None
