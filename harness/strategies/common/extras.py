"""One clear line where an optional dependency is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import UserError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports inside the block need ``pip install 'nearopt[name]'``.

    Raises:
        UserError: one of them is not installed, or does not work with what is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name}: not installed: expected pip install 'nearopt[{name}]'") from None
    except ImportError as error:
        raise UserError(f"nearopt[{name}]: {' '.join(str(error).split())}") from None
