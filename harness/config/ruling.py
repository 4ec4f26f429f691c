"""Build the rules that ``rules=NAME`` and ``rules.OPTION=VALUE`` configure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import UserError
from harness.rules import Rules

ON = ("compile_factor", "sample_error")
"""Options that turn a rule on; a rule whose option is null is off."""


def ruled(document: Any) -> Rules | None:
    """The rules of a composed run; options that are null have the defaults of :class:`harness.rules.Rules`.

    Raises:
        UserError: an option is out of range or belongs to a rule that is off.
    """
    if not isinstance(document, Mapping):
        raise UserError(f"rules={document}: expected one of conf/rules, such as none or hopeless")
    given = {name: value for name, value in document.items() if value is not None}
    unread = [name for name in given if name not in ON and ON[0] not in given]
    if unread:
        raise UserError(
            f"rules.{unread[0]}={given[unread[0]]}: expected rules.{ON[0]} as well, since it turns the rule on"
        )
    return Rules(**given) if given else None
