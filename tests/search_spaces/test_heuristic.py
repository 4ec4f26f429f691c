"""Rules of thumb: what each says of a configuration, and what it does not say."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces.helion import CONSTANT
from search_spaces.heuristic import Heuristic, amounts
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace

FEATURES = {
    "outputs_per_thread": "block * block / (warps * 32)",
    "waves": "16 * 64 / block",
    "split_waves": "4 * 64 / block",
}


def space(features: dict[str, str] = FEATURES) -> SearchSpace:
    return SearchSpace(
        [
            Categorical("schedule", ("plain", "split")),
            Ordinal("parts", (2, 4), active_when="schedule == 'split'"),
            Categorical("order", ("rows", "columns")),
            Ordinal("block", (32, 64, 1024), "log2"),
            Ordinal("warps", (4, 8)),
            Ordinal("num_stages", (1, 2, 3, 4), active_when="block > 32"),
        ],
        constants={},
        features=features,
    )


def said(of: SearchSpace, **values: object) -> dict[str, float]:
    usual: dict[str, object] = {"schedule": "plain", "order": "rows", "block": 64, "warps": 4, "num_stages": 3}
    codes = of.encode_many([{**usual, **values}])
    return {rule: float(amount[0]) for rule, amount in amounts(of, codes).items()}


def test_each_rule_measures_by_how_much_it_is_broken() -> None:
    usual = said(space())
    assert usual == {"few_stages": 0.0, "work": 0.5, "idle": 0.0, "alternative": 0.0}  # 32 outputs a thread
    assert [said(space(), num_stages=stages)["few_stages"] for stages in (1, 2, 3, 4)] == [1.0, 1.0, 0.0, 0.0]
    assert [said(space(), warps=warps)["work"] for warps in (4, 8)] == [0.5, 1.5]
    assert said(space(), block=1024)["work"] == 7.5
    assert said(space(), schedule="split", parts=2)["alternative"] == 1.0


def test_only_a_structure_that_others_depend_on_is_an_alternative() -> None:
    assert space().deciding == {"schedule", "block"}
    assert said(space(), order="columns") == said(space())


def test_of_several_waves_the_last_active_one_counts() -> None:
    split = {**FEATURES, "split_waves": "parts * 4 * 64 / (16 * block)"}
    assert said(space(split), block=1024)["idle"] == 0.0
    assert said(space(split), block=1024, schedule="split", parts=2)["idle"] == 5.0
    assert said(space({"waves": "0 * warps"}))["idle"] == 0.0, "no program at all says nothing"


def test_an_inactive_parameter_breaks_no_rule() -> None:
    absent = space().encode_many([{"schedule": "plain", "order": "rows", "block": 32, "warps": 4}])
    assert amounts(space(), absent)["few_stages"].tolist() == [0.0]


def test_a_score_is_the_weighted_sum() -> None:
    codes = space().codes()
    broken = amounts(space(), codes)
    weights = Heuristic(few_stages=1.0, work=2.0, idle=3.0, alternative=4.0)
    expected = broken["few_stages"] + 2 * broken["work"] + 3 * broken["idle"] + 4 * broken["alternative"]
    scores = weights.scores(space(), codes)
    assert scores is not None and np.allclose(scores, expected)


def test_nothing_is_said_of_a_space_that_declares_nothing() -> None:
    bare = SearchSpace([Categorical("order", ("rows", "columns")), Ordinal("block", (32, 64))])
    assert not Heuristic().applies(bare) and Heuristic().scores(bare, bare.codes()) is None
    assert Heuristic().applies(space({})) and set(amounts(space({}), space().codes())) == {"few_stages", "alternative"}


def test_nothing_is_said_of_a_space_that_helion_generates() -> None:
    stages = [Ordinal("num_stages", (1, 4))]
    assert Heuristic().applies(SearchSpace(stages))
    assert not Heuristic().applies(SearchSpace(stages, constants={CONSTANT: "{}"}))


@pytest.mark.parametrize("name", ["num_stages", "threads"])
def test_stages_are_found_by_their_name(name: str) -> None:
    of = SearchSpace([Ordinal(name, (1, 4))])
    assert Heuristic().applies(of) is (name == "num_stages")
