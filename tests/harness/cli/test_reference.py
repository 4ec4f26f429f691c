"""The committed reference page equals its command's output and has every option, key, column and exit code."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import yaml

from harness.cli import exit_codes, reference
from harness.cli.command import Command
from harness.cli.commands import COMMANDS
from harness.evaluation import Evaluation
from harness.run import contract
from harness.system.resources import CHECKOUT

PAGE = (CHECKOUT / "harness/REFERENCE.md").read_text(encoding="utf-8")


def test_the_committed_page_is_what_the_command_writes(tmp_path: Path) -> None:
    assert reference.main(["-o", str(tmp_path / "page.md")]) == 0
    told = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert told == PAGE, "run python -m harness.cli.reference -o harness/REFERENCE.md"


def test_a_page_that_cannot_be_written_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.md").mkdir()
    with pytest.raises(SystemExit) as ended:
        reference.main(["-o", str(tmp_path / "page.md")])
    assert ended.value.code == 2 and "page.md: cannot be written (Is a directory)" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_option_of_a_command_is_in_its_section(command: Command) -> None:
    section = PAGE.partition(f"\n### nearopt {command.name}\n")[2].partition("\n### ")[0]
    parser = argparse.ArgumentParser(add_help=False)
    command.add_options(parser)
    spelled = [option for action in parser._actions for option in action.option_strings]
    assert [option for option in spelled if option not in section] == []
    assert all(example in section for example in command.examples)


def test_settings_columns_and_exit_codes_are_all_there() -> None:
    keys = yaml.safe_load((CHECKOUT / "conf/config.yaml").read_text(encoding="utf-8"))
    assert [key for key in keys if f"\n{key}:" not in PAGE] == []
    columns = PAGE.partition("\n### evaluations.parquet\n")[2].partition("\n### ")[0].splitlines()
    told = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[2] for line in columns if " | " in line}
    assert [name for name in contract.EVALUATION_COLUMNS if not told.get(name, "").strip(" |")] == []
    codes = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert codes == set(exit_codes.MEANINGS) and all(f"\n| {code} | " in PAGE for code in codes)


class Sample:
    """A record.

    Attributes:
        one: the first, see :class:`~harness.evaluation.Evaluation` and ``two``.
        two, three: the others,
            told together.
    """


def test_a_docstring_says_what_its_attributes_are() -> None:
    others = "the others, told together"
    assert reference.documented(Sample) == {
        "one": "the first, see harness.evaluation.Evaluation and two", "two": others, "three": others,
    }  # fmt: skip
    assert {"repaired", "ask_s", "tell_s"} <= reference.documented(Evaluation).keys()


def test_a_command_is_told_with_what_it_needs() -> None:
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("what", nargs="+", help="of it")
        parser.add_argument("--much", metavar="N", required=True, help="so much")
        parser.add_argument("--hidden", help=argparse.SUPPRESS)

    mine = Command("mine", "does | it", "Does it.", ("nearopt mine a --much 3",), options, lambda _: 0, ("tracker.",))
    listed, section = reference.commands([mine])
    assert "| [`nearopt mine`](#nearopt-mine) | does \\| it |" in listed
    assert "| WHAT… (one or more) | of it |\n| --much N | so much; required |" in section
    assert "--hidden" not in section and "`tracker.…`" in section and "nearopt mine a --much 3" in section
