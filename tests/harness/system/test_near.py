"""Suggestions for misspelled names."""

from __future__ import annotations

import pytest

from harness.system.near import expected_name

MANY = [f"name{i}" for i in range(12)]


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("evaluation", ["evaluations", "seconds"], "evaluations"),
        ("zzz", ["evaluations", "seconds"], "one of evaluations, seconds"),
        ("zzz", ["evaluations"], "evaluations, the only one"),
        ("optuna_tp", ["optuna_tpe", "optuna_gp", "random"], "optuna_tpe or optuna_gp"),
        ("zzz", MANY, "one of name0, name1, name2, name3, name4, name5, name6, name7 and 4 more (all says it)"),
    ],
)
def test_the_near_name_or_those_that_there_are(name: str, known: list[str], said: str) -> None:
    assert expected_name(name, known, more="all says it") == said


def test_a_prefix_is_before_each() -> None:
    assert expected_name("zzz", ["a", "b"], "budget.") == "one of budget.a, budget.b"
    assert expected_name("secnds", ["seconds", "b"], "budget.") == "budget.seconds"
