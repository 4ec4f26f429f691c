"""The remaining time, with a clock that the test sets."""

from __future__ import annotations

from itertools import accumulate

import pytest

from harness.system import progress
from harness.system.progress import Pace, ProgressDisplay, progress_line


def pace(gaps: list[float]) -> float | None:
    """Return the pace of units that follow each other at these intervals in s."""
    made = Pace()
    for now in accumulate(gaps):
        made.unit(now)
    return made.seconds


@pytest.mark.parametrize(
    ("gaps", "seconds"),
    [
        ([], None),
        ([30.0], None),
        ([30.0, 2.0], 2.0),  # the first one took 30 s because everything was being started
        ([30.0, 2.0, 2.0, 2.0], 2.0),
        ([1.0, 8.0, 0.001, 0.001, 0.001], 2.0),  # a batch of four
        ([1.0, 8.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0], 2.0),
        ([5.0] + [0.01] * 500, 0.01),  # a replay: units so close that they never part
    ],
)
def test_the_pace_is_that_of_units_without_the_start(gaps: list[float], seconds: float | None) -> None:
    assert pace(gaps) == (None if seconds is None else pytest.approx(seconds, rel=1e-3))


def test_a_log_that_is_read_again_is_forgotten_soon() -> None:
    assert pace([3.0] + [0.001] * 80 + [5.0] * 8) == pytest.approx(5.0, rel=0.1)


def test_the_pace_follows_what_gets_slower() -> None:
    assert pace([1.0] + [1.0] * 50 + [4.0] * 10) == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("evaluations", 3, 8, 75.2, 125.0, "best 0.5 ms"), "evaluations: 3/8 in 0:01:15, 0:02:05 left, best 0.5 ms"),
        (("files", 3, None, 2.0, None, ""), "files: 3 in 0:00:02"),
    ],
)
def test_every_plain_line_is_alike(given: tuple[str, int, int | None, float, float | None, str], said: str) -> None:
    assert progress_line(*given) == said


def test_a_display_tells_the_time_left_from_the_second_unit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    with ProgressDisplay("evaluations", 10) as display:
        for gap in (20.0, 6.0, 6.0):
            now[0] += gap
            display.advance()
    assert capsys.readouterr().err.splitlines() == [
        "evaluations: 1/10 in 0:00:20", "evaluations: 2/10 in 0:00:26, 0:00:48 left",
        "evaluations: 3/10 in 0:00:32, 0:00:42 left",
    ]  # fmt: skip
