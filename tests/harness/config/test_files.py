"""YAML below --config-dir, of plug-ins and of gates is checked for its size before anything expands it."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from harness.config.compose import Composer
from harness.config.files import MAX_VALUES
from harness.errors import UserError
from tests.test_rules_agree import laughs

STRATEGY = "_target_: harness.strategies.random.RandomSearch\nlabel: own\n"


def own(folder: Path, text: str | bytes, place: str = "strategy/own.yaml") -> Path:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STRATEGY + laughs(9), f"more than {MAX_VALUES} values"),
        (STRATEGY + laughs(4), f"more than {MAX_VALUES} values"),
        (STRATEGY + "a: " + "[" * 5000, "nested more than"),
        (STRATEGY + "a: &a [*a]", "nested more than"),
        (b"label: \xe9", "utf-8"),
        ("label: [", "while parsing"),
    ],
    ids=["far too much", "too much", "deep", "circle", "latin", "no yaml"],
)
def test_a_file_that_is_no_configuration_is_refused_before_hydra_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes, words: str
) -> None:
    file = own(tmp_path, text)
    read = []
    load = OmegaConf.load
    monkeypatch.setattr(OmegaConf, "load", lambda opened: (read.append(opened.name), load(opened))[1])
    with pytest.raises(UserError) as refused:
        Composer(tmp_path).compose(["task=softmax-4096x2560-bf16", "strategy=own"])
    assert str(refused.value).startswith(f"{file}: cannot be read as configuration: ")
    assert words in str(refused.value)
    assert str(file) not in read


@pytest.mark.parametrize("place", ["experiment/own.yaml", "tracker/own.yaml", "budget/own.yaml", "task/own.yaml"])
def test_every_group_is_looked_at(tmp_path: Path, place: str) -> None:
    file = own(tmp_path, laughs(9), place)
    with pytest.raises(UserError, match=f"{file}: cannot be read"):
        Composer(tmp_path).expand([f"{Path(place).parent}=own"])


def test_a_search_path_of_the_users_own_is_looked_at(tmp_path: Path) -> None:
    file = own(tmp_path, laughs(9))
    with pytest.raises(UserError, match=f"{file}: cannot be read"):
        Composer().compose([f"hydra.searchpath=[file://{tmp_path}]", "strategy=own"])


def test_aliases_of_a_reasonable_size_are_read(tmp_path: Path) -> None:
    own(tmp_path, STRATEGY + "size: &size 7\nagain: *size\n")
    strategy = Composer(tmp_path).compose(["task=softmax-4096x2560-bf16", "strategy=own"]).strategy
    assert strategy["again"] == 7
