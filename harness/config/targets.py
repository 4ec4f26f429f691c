"""From a Hydra target to an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.errors import HydraException
from hydra.utils import instantiate

from harness.config.arguments import check_types
from harness.errors import UserError


def check_strategy(where: str, target: str, found: Any) -> None:
    """Refuse a class without ``ask`` and ``tell``; a function may return anything, which is seen once it did.

    Raises:
        UserError: naming what is missing.
    """
    if not callable(found):
        raise UserError(f"{where}: {target}: {type(found).__name__}: expected a class with ask and tell")
    missing = [name for name in ("ask", "tell") if isinstance(found, type) and not callable(getattr(found, name, None))]
    if missing:
        raise UserError(f"{where}: {target}: has no {' and no '.join(missing)}: expected a class with ask and tell")


HYDRA_HINT = ", set env var HYDRA_FULL_ERROR=1 to see chained exception."
"""Said by Hydra instead of the reason, which is given instead."""


def instantiate_checked(what: str, target: Mapping[str, Any], **arguments: Any) -> Any:
    """A Hydra target from its configuration and what only the harness knows.

    Args:
        what: where the configuration comes from, for messages: ``strategy``, ``backend``.

    Raises:
        UserError: when the target cannot be imported or does not take its arguments.
    """
    if "_target_" not in target:
        raise UserError(f"{what}._target_: missing: expected the dotted path of a class or function")
    try:
        # Partial first: Hydra would turn the arguments into configuration nodes.
        partial = instantiate({**target, "_partial_": True, "_convert_": "all"})
        if what == "strategy":
            check_strategy(f"{what}._target_", target["_target_"], partial.func)
        check_types(what, partial.func, partial.keywords)
        return partial(**arguments)
    except HydraException as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise cause from None
        text = f"{error} {cause}" if cause is not error else str(error)
        raise UserError(f"{what}: {' '.join(text.replace(HYDRA_HINT, ':').split())[:400]}") from None
    except TypeError as error:
        if "argument" in str(error):
            raise UserError(f"{what}: {target['_target_']}: {error}") from error
        raise
