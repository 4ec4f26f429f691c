"""The work of a thread, from the features that a space declares."""

from __future__ import annotations

import math

import numpy as np

from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from search_spaces.work import log_work_per_thread


def space(features: dict[str, str]) -> SearchSpace:
    return SearchSpace(
        [
            Categorical("scheme", ("whole", "looped")),
            Ordinal("warps", (1, 4)),
            Ordinal("block", (64, 256), active_when="scheme == 'looped'"),
        ],
        features=features,
    )


def logs(of: SearchSpace, *configurations: dict[str, object]) -> list[float]:
    work = log_work_per_thread(of, of.encode_many(configurations))
    assert work is not None
    return work.tolist()


WHOLE = {"scheme": "whole", "warps": 4}
LOOPED = {"scheme": "looped", "warps": 1, "block": 256}


def test_several_active_features_count_by_their_geometric_mean() -> None:
    both = space({"row_per_thread": "4096 / warps", "block_per_thread": "block / warps", "threads": "warps * 32"})
    whole, looped = logs(both, WHOLE, LOOPED)
    assert whole == math.log(1024)
    assert looped == (math.log(4096) + math.log(256)) / 2


def test_nothing_is_known_where_none_is_active_or_positive() -> None:
    assert np.isnan(logs(space({"block_per_thread": "block / warps"}), WHOLE, LOOPED)).tolist() == [True, False]
    assert np.isnan(logs(space({"row_per_thread": "warps - 1"}), {**LOOPED, "warps": 1}, WHOLE)).tolist() == [
        True,
        False,
    ]


def test_registers_and_other_features_say_nothing_about_work() -> None:
    other = space({"registers_per_thread": "65536 / warps", "threads": "warps * 32"})
    assert log_work_per_thread(other, other.codes()) is None
    assert log_work_per_thread(space({}), other.codes()) is None
