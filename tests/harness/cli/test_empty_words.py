"""An empty path usually comes from an unset shell variable; it must not stand for the working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]

EMPTY = "'': expected a value (. is the working directory)"


@pytest.mark.parametrize("override", ["results=", "results=''"])
@pytest.mark.parametrize("multirun", [[], ["-m"]])
def test_no_results_in_the_working_directory(
    nearopt: Nearopt, tmp_path: Path, override: str, multirun: list[str]
) -> None:
    path = write_toy(tmp_path)
    before = set(tmp_path.iterdir())
    for more in ([], ["dry_run=true"]):
        code, out, err = nearopt("run", *multirun, f"backend.landscape={path}", "budget.evaluations=2", override, *more)
        assert (code, out) == (2, "")
        assert err == "nearopt: results=: expected a folder (results=. for the working directory)\n"
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", ""), EMPTY),
        (("report", "r", "-o", ""), f"-o {EMPTY}"),
        (("report", "r", "--output="), "--output=: expected a value"),
        (("report", "r", "--hypothesis", ""), f"--hypothesis {EMPTY}"),
        (("status", ""), EMPTY),
        (("run", "--config-dir", "", "seed=0"), f"--config-dir {EMPTY}"),
        (("record", "task=softmax-4096x2560-bf16", "-o", ""), f"-o {EMPTY}"),
        (("gate", "random", "--against", ""), f"--against {EMPTY}"),
        (("gate", "random", "--suite="), "--suite=: expected a value"),
        (("landscapes", ""), EMPTY),
        (("landscapes", "import", "x.json", "-o", ""), f"-o {EMPTY}"),
        (("run", ""), EMPTY),
    ],
)
def test_an_empty_word_is_refused_by_every_command(
    nearopt: Nearopt, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    code, out, err = nearopt(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not list(tmp_path.iterdir())
