"""Check the values of a run's options before Hydra converts them: their types and units of time."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Union, get_args, get_origin, get_type_hints

from harness.config.arguments import PLAIN
from harness.errors import UserError

SECONDS: Mapping[str, float] = {
    "ms": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "mins": 60.0,
    "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
"""Seconds per unit, by the unit's suffix."""
UNITS = "ms, s, min or h"
_PART = r"(\d+\.?\d*|\.\d+)\s*([A-Za-zµ]+)"
_WITH_UNITS = re.compile(rf"\s*(?:{_PART}\s*)+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)
_YES_NO = {"true", "false", "yes", "no", "on", "off"}


def kinds_of(schema: type, prefix: str = "") -> dict[str, tuple[type, ...]]:
    """The plain types of a schema's options, by dotted name, including nested schemas."""
    kinds: dict[str, tuple[type, ...]] = {}
    for name, hint in get_type_hints(schema).items():
        allowed = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        if all(kind in PLAIN for kind in allowed):
            kinds[f"{prefix}{name}"] = allowed
        elif hasattr(hint, "__dataclass_fields__"):
            kinds |= kinds_of(hint, f"{prefix}{name}.")
    return kinds


def checked_values(overrides: Sequence[str], kinds: Mapping[str, tuple[type, ...]]) -> list[str]:
    """The overrides with units of time converted to seconds.

    Args:
        kinds: types by option, from :func:`kinds_of`.

    Raises:
        UserError: a value has the wrong type, or a unit that its option does not accept.
    """
    return [_checked(override, kinds) for override in overrides]


def _checked(override: str, kinds: Mapping[str, tuple[type, ...]]) -> str:
    key, equals, text = override.partition("=")
    name = key.lstrip("+")
    if not equals or "${" in text:
        return override
    if _in_seconds(name) and _WITH_UNITS.fullmatch(plain := text.strip("'\"")):
        return f"{key}={_seconds(override, plain)!r}"
    inside = [whole for whole in kinds if name.startswith(f"{whole}.")]
    if inside:
        raise UserError(f"{override}: unknown option: expected {inside[0]}=VALUE")
    allowed = kinds.get(name)
    if allowed and not any(_fits(text, kind) for kind in allowed):
        expected = " or ".join(PLAIN[kind] for kind in allowed)
        raise UserError(f"{override}: expected {expected}{_hint(text, allowed, name)}")
    return override


def seconds(text: str) -> float:
    """Parse ``90``, ``90s`` or ``1.5min`` into seconds.

    Raises:
        UserError: the text is not a number with an optional unit of time.
    """
    if _NUMBER.fullmatch(text.strip()):
        return float(text)
    if _WITH_UNITS.fullmatch(text):
        return _seconds(text, text)
    raise UserError(f"{text}: expected seconds, or a number with {UNITS}")


def _in_seconds(name: str) -> bool:
    return name == "budget.seconds" or name.endswith("_s")


def _seconds(override: str, text: str) -> float:
    total = 0.0
    for number, unit in re.findall(_PART, text):
        factor = SECONDS.get(unit) or SECONDS.get(unit.lower() if len(unit) > 2 else unit)
        if factor is None:
            raise UserError(f"{override}: {unit} is not a unit of time: expected seconds, or a number with {UNITS}")
        total += float(number) * factor
    return total


def _fits(text: str, kind: type) -> bool:
    bare = text.strip()
    if kind is type(None):
        return bare == "null"
    if kind is bool:
        return bare.lower() in _YES_NO
    if kind is int:
        return bool(re.fullmatch(r"[+-]?\d[\d_]*", bare))
    if kind is float:
        return bool(_NUMBER.fullmatch(bare.replace("_", "")))
    return bare != "null" and not bare.startswith(("[", "{"))


def _hint(text: str, allowed: Sequence[type], name: str) -> str:
    """A hint appended to the message: how to sweep over a list, or the nearest valid number."""
    if re.match(r"(range|choice|glob|interval)\(", text) or re.fullmatch(r"[^\[\]{}()'\"]+(,[^\[\]{}()'\"]+)+", text):
        return " (lists and ranges need -m)"
    if text.startswith("["):
        return f" (a sweep is {name}=A,B with -m)"
    behind: Any = re.fullmatch(r"[+-]?[\d.]+\s*([A-Za-zµ%]+)", text)
    if behind and (int in allowed or float in allowed) and not _NUMBER.fullmatch(text):
        return f" without {behind[1]}"
    with suppress(ValueError):
        if int in allowed and float(text).is_integer():
            return f", such as {int(float(text))}"
    return ""
