"""Arguments are checked against type hints: plain types only, everything else is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.config.arguments import check_types
from harness.errors import UserError


class Taker:
    def __init__(
        self, n: int = 1, rate: float = 0.5, flag: bool = True, limit: int | None = None, table: Mapping[str, Any] = {}
    ) -> None:
        pass


def unhinted(n, rate: "Nowhere" = 1):  # type: ignore[no-untyped-def, name-defined]  # noqa: F821, UP037
    return n, rate


@pytest.mark.parametrize(
    "arguments", [{"n": 3}, {"rate": 1}, {"rate": 0.25}, {"limit": None}, {"limit": 4}, {"table": 3}, {"other": "x"}]
)
def test_what_fits_passes(arguments: dict[str, Any]) -> None:
    check_types("strategy", Taker, arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": "abc"}, "strategy.n=abc: expected a whole number"),
        ({"n": 1.5}, "strategy.n=1.5: expected a whole number"),
        ({"n": True}, "strategy.n=True: expected a whole number"),
        ({"rate": "fast"}, "strategy.rate=fast: expected a number"),
        ({"flag": 1}, "strategy.flag=1: expected true or false"),
        ({"limit": "x"}, "strategy.limit=x: expected a whole number or null"),
    ],
)
def test_what_does_not_fit_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_types("strategy", Taker, arguments)


def test_hints_that_cannot_be_read_are_no_mistake_of_the_user() -> None:
    check_types("strategy", unhinted, {"n": "x", "rate": "y"})
