"""The values of ``start``: keywords, files, and invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import Composer
from harness.config.start import Start, start_of
from harness.errors import UserError
from tests.harness.toy import write_toy

ONE = '[{"schedule": "split_k", "order": [1, 0]}]'


def test_words_are_kept_and_files_are_read(tmp_path: Path) -> None:
    assert start_of(None) is None
    assert start_of("default") == Start("default", "default")
    assert start_of("compiler") == Start("compiler", "compiler")
    for name, text in (("a.json", ONE), ("b.yaml", "- {schedule: split_k, order: [1, 0]}\n")):
        file = tmp_path / name
        file.write_text(text)
        assert start_of(str(file)) == Start(str(file), "file", ({"schedule": "split_k", "order": [1, 0]},))


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('[{"a": 1}]')
    first = start_of(str(file))
    file.write_text('[{"a": 1}, {"a": 2}]')
    assert first != start_of(str(file))


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("defualt", None, "start=defualt: no such file: expected default"),
        ("{folder}/none.json", None, "no such file: expected default, compiler, or the path of a JSON or YAML file"),
        ("", None, "start=: expected default"),
        ("{folder}/a.json", "[{]", "a.json: cannot be read as JSON or YAML"),
        ("{folder}/a.yaml", "a: [", "a.yaml: cannot be read as JSON or YAML"),
        ("{folder}/a.json", "{}", "expected a list of at least one configuration"),
        ("{folder}/a.json", "[]", "expected a list of at least one configuration"),
        ("{folder}/a.json", '[{"a": 1}, 7]', r"[1]=7: expected a configuration"),
        ("{folder}", None, "cannot be read as JSON or YAML"),
    ],
)
def test_what_is_neither_is_one_line(tmp_path: Path, option: str, text: str | None, said: str) -> None:
    option = option.format(folder=tmp_path)
    if text is not None:
        Path(option).write_text(text)
    with pytest.raises(UserError) as error:
        start_of(option)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_list_of_starts_is_in_the_label_and_a_single_one_is_not(tmp_path: Path) -> None:
    toy = [f"backend.landscape={write_toy(tmp_path)}", "strategy=random"]
    runs = Composer().expand([*toy, "start=null,default"]).runs
    assert [(run.label, run.start) for run in runs] == [
        ("random(start=null)", None),
        ("random(start=default)", Start("default", "default")),
    ]
    assert [run.label for run in Composer().expand([*toy, "start=default"]).runs] == ["random"]
    assert [run.label for run in Composer().expand([*toy, "start=null,default", "strategy.label=x"]).runs] == ["x", "x"]


@pytest.mark.parametrize("fallbacks", ["7", "[7]", "{a: 1}"])
def test_fallbacks_that_are_none_are_one_line(fallbacks: str) -> None:
    with pytest.raises(UserError, match=r"task\.fallbacks="):
        Composer().expand(["task=softmax-4096x2560-bf16", f"task.fallbacks={fallbacks}"])
