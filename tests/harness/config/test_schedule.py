"""The schedule that ``workers``, ``schedule``, ``batch`` and the backend's workers result in."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config.schedule import Overlap, Schedule, scheduled
from harness.errors import UserError

REPLAY = {"_target_": "harness.backends.replay.open_replay", "compile_workers": 1}
PLAIN: dict[str, Any] = {"batch": 1, "workers": None, "schedule": "batch", "ask_ahead": False, "backend": REPLAY}


def test_without_workers_nothing_changes() -> None:
    assert scheduled(PLAIN) == Schedule(1, REPLAY)
    assert scheduled({**PLAIN, "batch": 8}) == Schedule(8, REPLAY)


def test_workers_are_a_batch_or_overlap() -> None:
    sixteen = {**REPLAY, "compile_workers": 16}
    assert scheduled({**PLAIN, "workers": 16}) == Schedule(16, sixteen)
    assert scheduled({**PLAIN, "workers": 16, "schedule": "async"}) == Schedule(16, sixteen, Overlap(16))
    ahead = scheduled({**PLAIN, "workers": 2, "schedule": "async", "ask_ahead": True})
    assert ahead.overlap == Overlap(2, ask_ahead=True)


def test_a_backend_that_knows_no_workers_is_not_told_of_any() -> None:
    own = {"_target_": "mine.simulator"}
    assert scheduled({**PLAIN, "workers": 4, "schedule": "async", "backend": own}).backend == own


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"schedule": "asynch"}, "schedule=asynch: expected async"),
        ({"schedule": "async"}, "schedule=async: needs workers=W"),
        ({"workers": 0}, "workers=0: expected a whole number from 1"),
        ({"workers": 4, "batch": 4}, "workers=4 batch=4: both set the number of configurations"),
        ({"workers": 4, "schedule": "async", "batch": 2}, "workers=4 batch=2"),
        ({"workers": 4, "backend": {**REPLAY, "compile_workers": 4}}, "backend.compile_workers=4: both set"),
        ({"workers": 4, "ask_ahead": True}, "needs schedule=async"),
    ],
)
def test_what_contradicts_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        scheduled({**PLAIN, **given})
    assert said in str(error.value)
