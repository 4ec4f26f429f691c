"""`nearopt strategies` lists every strategy with the description in its YAML."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from harness.config.strategy_table import TOPICS, strategies
from tests.harness.cli.test_cli import Nearopt, nearopt

__all__ = ["nearopt"]
KINDS = {"random", "grid", "local", "evolutionary", "model", "any", "transfer"}
OWN = [each for each in strategies() if each.library != "nearopt_example"]


@pytest.mark.parametrize("account", OWN, ids=lambda account: account.name)
def test_every_yaml_says_what_its_strategy_is_and_does(account) -> None:
    assert account.told.get("kind") in KINDS
    assert 5 < len(account.line) < 160 and not account.line.endswith(("al", "i.e"))
    for topic in TOPICS:
        assert account.told.get(topic), topic


def test_a_line_each_and_all_that_is_said_of_one(nearopt: Nearopt) -> None:
    code, out, err = nearopt("strategies")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [account.name for account in strategies()]
    assert max(map(len, lines)) <= 190
    (tpe,) = [line for line in lines if line.startswith("optuna_tpe ")]
    assert tpe.split()[1:3] == ["Optuna", "model"] and "constant liar" in tpe and tpe.endswith("Optuna's TPE")
    code, out, _ = nearopt("strategies", "lfbo", "smac")
    assert code == 0 and out.startswith("lfbo (NearOpt)\n  Likelihood-free") and "\n\nsmac (SMAC3)\n" in out
    assert "  failures: bad examples, never good ones\n" in out


def test_json_names_every_topic(nearopt: Nearopt) -> None:
    code, out, _ = nearopt("strategies", "--json", "random")
    assert code == 0
    (random,) = json.loads(out)
    assert {"name", "library", "about", *TOPICS} == random.keys()


def test_own_strategies_are_listed(nearopt: Nearopt) -> None:
    assert nearopt("new-strategy", "near_and_far", "-o", "mine")[0] == 0
    code, out, _ = nearopt("strategies", "--config-dir", "mine")
    assert code == 0
    assert any(line.split()[:3] == ["near_and_far", "own", "local"] for line in out.splitlines())


def test_the_version_is_the_packages(nearopt: Nearopt) -> None:
    code, out, _ = nearopt("--version")
    assert (code, out) == (0, f"nearopt {version('nearopt')}\n")
