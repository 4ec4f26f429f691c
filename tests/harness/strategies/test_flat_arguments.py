"""Arguments that are grouped in code and flat from outside: values, defaults, hints and faults."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import get_type_hints

import pytest

from harness.config.arguments import check_types
from harness.errors import UserError
from harness.strategies.common.flat_arguments import flat_arguments


@dataclass(frozen=True, kw_only=True)
class Size:
    width: int = 2
    height: float | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    colour: str = "red"


class Box:
    @flat_arguments
    def __init__(self, owner: str, *, size: Size, look: Look) -> None:
        self.given = (owner, size, look)


def test_fields_reach_their_group_and_the_rest_keeps_its_default() -> None:
    assert Box("me", height=3.0, colour="blue").given == ("me", Size(height=3.0), Look(colour="blue"))
    assert Box(owner="me").given == ("me", Size(), Look())


def test_signature_and_hints_are_flat() -> None:
    parameters = inspect.signature(Box).parameters
    assert {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY} == {
        "width": 2,
        "height": None,
        "colour": "red",
    }
    assert next(iter(parameters)) == "owner"
    assert get_type_hints(Box.__init__)["height"] == float | None
    check_types("strategy", Box, {"width": 3, "height": None})
    with pytest.raises(UserError, match=r"strategy\.width=wide: expected a whole number"):
        check_types("strategy", Box, {"width": "wide"})


@pytest.mark.parametrize("name", ["widht", "size"])
def test_what_is_no_field_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=rf"Box\.__init__\(\) got .*argument '{name}'"):
        Box("me", **{name: 3})


def test_two_groups_share_no_name() -> None:
    def init(self: object, *, one: Size, other: Size) -> None: ...

    with pytest.raises(AssertionError, match="two groups"):
        flat_arguments(init)
