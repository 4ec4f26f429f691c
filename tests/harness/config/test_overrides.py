"""Texts and budgets, written as overrides, are read back by Hydra unchanged."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.config.overrides import budget_words, quoted


@pytest.mark.parametrize(
    "text", ["plain", "it's", r"a\b", "a\\", r"a\'b", r"\\server\x", "a,b [c] {d} = e", r"two\\'", "'", "ü x"]
)
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    (override,) = OverridesParser.create().parse_overrides([f"results={quoted(text)}"])
    value = override.value()
    assert str(getattr(value, "text", value)) == text


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ((None, None), []),
        ((5, None), ["budget.evaluations=5"]),
        ((None, 1.5), ["budget.evaluations=null", "budget.seconds=1.5"]),
        ((5, 60), ["budget.evaluations=5", "budget.seconds=60"]),
    ],
)
def test_a_budget_of_seconds_alone_has_no_limit_of_evaluations(
    budget: tuple[int | None, float | None], words: list[str]
) -> None:
    assert budget_words(*budget) == words
