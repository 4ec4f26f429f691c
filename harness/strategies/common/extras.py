"""Report a missing optional dependency in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import UserError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports inside the block need ``pip install 'nearopt[name]'``.

    Raises:
        UserError: a module is not installed, or does not work with the installed ones.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name}: not installed: expected pip install 'nearopt[{name}]'") from None
    except ImportError as error:
        raise UserError(f"nearopt[{name}]: {' '.join(str(error).split())}") from None
