"""Options of figures on the command line are refused if they would have no effect."""

from __future__ import annotations

import pytest

from harness.cli import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--width", "3.3"], "--width: applies to figures: expected --figure NAME"),
        (["--figure", "ranks", "--rename", "a"], "--rename a: expected OLD=NEW"),
        (["--figure", "ranks", "--target", "0.3"], "--target 0.3: expected one of"),
    ],
)
def test_what_does_nothing_is_refused(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nowhere", *options]) == 2
    assert said in capsys.readouterr().err
