"""Names of runs: variants of a sweep get distinct labels, and no name leads out of its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.config.compose import Composer
from harness.config.names import LABEL, LONGEST
from harness.errors import UserError
from tests.harness.toy import write_toy


def labels(tmp_path: Path, *overrides: str) -> list[str]:
    landscape = f"backend.landscape={write_toy(tmp_path)}"
    return [run.label for run in Composer().expand([landscape, *overrides]).runs]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["strategy=lfbo", "strategy.gamma=0.1,0.30"], ["lfbo(gamma=0.1)", "lfbo(gamma=0.3)"]),
        (["strategy=lfbo", "strategy.gamma=0.1", "seed=0,1"], ["lfbo", "lfbo"]),
        (
            ["strategy=lfbo", "strategy.trees=10,20", "strategy.features=true,false"],
            [f"lfbo(features={f},trees={t})" for t in (10, 20) for f in ("true", "false")],
        ),
        (["strategy=lfbo", "strategy.gamma=0.1,0.3", "strategy.label=x"], ["x", "x"]),
        (["strategy=lfbo,random"], ["lfbo", "random"]),
        (
            ["strategy=optuna_sampler", "strategy.sampler=optuna.samplers.QMCSampler,optuna.samplers.TPESampler"],
            ["optuna_QMCSampler", "optuna_TPESampler"],
        ),
        (
            ["strategy=optuna_sampler", "strategy.sampler=a.One,b.One"],
            ["optuna_One(sampler=a.One)", "optuna_One(sampler=b.One)"],
        ),
        (
            ["strategy=optuna_sampler", "strategy.sampler=a.One", "strategy.arguments.qmc_type=halton,sobol"],
            ["optuna_One(qmc_type=halton)", "optuna_One(qmc_type=sobol)"],
        ),
        (
            ["strategy._target_=a.One,b.Two", "strategy.pause=1,2"],
            [f"{c}(pause={n})" for c in ("One", "Two") for n in "12"],
        ),
    ],
)  # fmt: skip
def test_arguments_given_as_lists_are_in_the_label(tmp_path: Path, overrides: list[str], expected: list[str]) -> None:
    assert labels(tmp_path, *overrides) == expected


def test_a_longer_list_leaves_the_others_their_names(tmp_path: Path) -> None:
    few = labels(tmp_path, "strategy=lfbo", "strategy.gamma=0.1,0.3")
    assert labels(tmp_path, "strategy=lfbo", "strategy.gamma=0.5,0.3,0.1")[::-1][:2] == few


def test_any_value_makes_a_name_that_is_short_and_its_own(tmp_path: Path) -> None:
    values = [f"'{'a/b' * 30}'", f"'{'a/b' * 30}c'", "[1,2]", "{k: 1}", "'a b'", "'a-b'", "'größe'", "null"]
    found = labels(tmp_path, "strategy=optuna_sampler", "strategy.sampler=a.One", f"+strategy.x={','.join(values)}")
    assert len(set(found)) == len(values)
    assert all(LABEL.fullmatch(label) and len(label) <= 64 for label in found), found
    many = [f"+strategy.argument_{k}={'x' * 30},{'y' * 30}" for k in range(3)]
    found = labels(tmp_path, "strategy=optuna_sampler", "strategy.sampler=a.One", *many)
    assert len(set(found)) == 8 and max(map(len, found)) < LONGEST


def test_a_run_that_is_no_list_is_what_it_was(tmp_path: Path) -> None:
    landscape = f"backend.landscape={write_toy(tmp_path)}"
    alone = Composer().compose([landscape, "strategy=lfbo", "strategy.gamma=0.3"])
    swept = Composer().expand([landscape, "strategy=lfbo", "strategy.gamma=0.3", "seed=0,1"]).runs[0]
    assert alone == swept
    variant = Composer().expand([landscape, "strategy=lfbo", "strategy.gamma=0.2,0.3"]).runs[1]
    assert variant == dataclasses.replace(alone, label="lfbo(gamma=0.3)")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("strategy.label='a/b'", "strategy.label=a/b: expected letters"),
        ("strategy.label='a(b'", "strategy.label=a(b: expected letters"),
        (f"strategy.label={'x' * (LONGEST + 1)}", "expected at most 120"),
        ("task.name='a/b'", "task.name=a/b: expected letters"),
        ("task.name='../escaped'", "task.name=../escaped: expected letters"),
        ("task.name='a\x1b[31mb'", r"task.name=a\x1b[31mb: expected letters"),
        (
            "backend.landscape='a\x1b[31mb.parquet'",
            r"backend.landscape: a\x1b[31mb: expected a plain name, since results are named after",
        ),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_where_it_comes_in(override: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        Composer().compose(["task=softmax-4096x2560-bf16", override])
    assert words in str(refused.value)
