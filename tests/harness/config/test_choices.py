"""What is composed of kept choices is what Hydra composes, and says the same of mistakes."""

from __future__ import annotations

from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

from harness.config import choices
from harness.config.compose import Composer
from harness.errors import UserError

TASK = "task=softmax-4096x2560-bf16"


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        [TASK, "strategy=lfbo", "strategy.gamma=0.3", "backend.landscape=x.parquet", "results=a", "batch=4"],
        ["task=attention", "task.kernel.seq=512", "+strategy.chosen_on=[a,b]", "++budget.evaluations=7"],
        ["experiment=quickstart", "results=${oc.env:HOME}"],
        ["batch=2", "strategy=grid", "batch=3"],
        ["rules=hopeless", "hydra.job.name=x"],
    ],
    ids=" ".join,
)
def test_it_is_what_hydra_composes(overrides: list[str]) -> None:
    Composer()  # which registers the schema
    expected = choices.composed_anew(overrides)
    for _ in range(2):  # anew, and from what is kept
        found = choices.composed(overrides, [], {})
        assert OmegaConf.to_container(found) == OmegaConf.to_container(expected)
        assert OmegaConf.is_struct(found) and OmegaConf.is_struct(expected)
        found.batch = 99
        found.strategy.label = "changed"


def test_values_alone_need_no_second_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    composed, asked = hydra.compose, []
    monkeypatch.setattr(hydra, "compose", lambda *given: asked.append(given) or composed(*given))
    choices._of_choices.cache_clear()
    for batch in (1, 2, 3):
        assert Composer().compose([TASK, f"batch={batch}"]).batch == batch
    assert len(asked) == 1
    Composer().compose([TASK, "strategy=grid"])
    assert len(asked) == 2


@pytest.mark.parametrize("mistake", ["nothing=3", "strategy.nope=3", "results=${nope}", "~strategy", "budget=seconds"])
def test_a_mistake_is_told_as_ever(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> str:
        with pytest.raises(UserError) as refused:
            Composer().compose([TASK, mistake])
        return str(refused.value)

    Composer().compose([TASK])
    first = told()
    monkeypatch.setattr(choices, "_is_file", lambda *_: False)
    assert told() == first


def test_files_of_ones_own_are_kept_by_one_composer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strategy").mkdir()
    file = tmp_path / "strategy/mine.yaml"
    file.write_text("_target_: harness.strategies.random.RandomSearch\nlabel: one\n")
    composed, asked = hydra.compose, []
    monkeypatch.setattr(hydra, "compose", lambda *given: asked.append(given) or composed(*given))
    composer = Composer(tmp_path)
    runs = [composer.compose([TASK, "strategy=mine", f"batch={batch}"]) for batch in (1, 2)]
    assert [(run.label, run.batch) for run in runs] == [("one", 1), ("one", 2)] and len(asked) == 1
    file.write_text(file.read_text().replace("one", "another"))
    assert Composer(tmp_path).compose([TASK, "strategy=mine"]).label == "another"
