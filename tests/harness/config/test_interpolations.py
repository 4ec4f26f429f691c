"""Interpolations that expand too far are refused before OmegaConf resolves any; all others are left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.interpolations import DEEPEST, MOST, check_interpolations
from harness.errors import UserError
from tests.harness.cli.test_cli import Nearopt, nearopt

__all__ = ["nearopt"]


def doubling(levels: int, relative: bool = False) -> dict[str, Any]:
    where = "." if relative else "strategy."
    chain = {f"a{i}": f"${{{where}a{i - 1}}}${{{where}a{i - 1}}}" for i in range(1, levels)}
    return {"strategy": {"a0": "x", **chain}}


@pytest.mark.parametrize("relative", [False, True])
def test_a_chain_that_doubles_is_refused_by_the_name_of_its_first_value_beyond_the_bound(relative: bool) -> None:
    check_interpolations(doubling(10, relative))
    with pytest.raises(UserError, match=rf"strategy\.a\d+: resolving it takes more than {MOST} interpolations"):
        check_interpolations(doubling(40, relative))


@pytest.mark.parametrize("downward", [False, True])
def test_a_chain_as_long_as_no_recursion_is_refused_in_whatever_order_it_stands(downward: bool) -> None:
    chain = [("a0", "x"), *((f"a{i}", f"${{a{i - 1}}}") for i in range(1, 5000))]
    check_interpolations(dict(chain[:40]))
    with pytest.raises(UserError, match=rf"interpolations are nested more than {DEEPEST} deep"):
        check_interpolations(dict(reversed(chain) if downward else chain))


@pytest.mark.parametrize(
    "document",
    [
        {"a": "${b}", "b": "${a}"},
        {"a": "${nowhere.at.all}", "b": ["${a}", "${b[0]}"]},
        {"a": "${oc.env:HOME}", "b": "${either:${a},x,y}", "c": {"d": "${.e}", "e": "${..a}"}},
        {"a": {"b": 1, "c": "${a.b}"}, "d": "${a}"},
        {"many": [f"${{one}} {i}" for i in range(MOST)], "one": 1},
    ],
)
def test_what_is_small_is_let_through_whatever_else_is_wrong_with_it(document: dict[str, Any]) -> None:
    check_interpolations(document)


def test_a_folder_of_configuration_with_such_a_chain_is_one_line(nearopt: Nearopt, tmp_path: Path) -> None:
    folder = tmp_path / "c" / "strategy"
    folder.mkdir(parents=True)
    lines = [f"{name}: {value!r}" for name, value in doubling(40)["strategy"].items()]
    target = "_target_: harness.strategies.random.RandomSearch\nlabel: bomb\n"
    (folder / "bomb.yaml").write_text(target + "\n".join(lines))
    code, _, err = nearopt("run", "task=softmax-4096x2560-bf16", "strategy=bomb", "--config-dir", tmp_path / "c")
    assert code == 2 and "resolving it takes more than" in err and err.count("\n") == 1
