"""Unknown keys are errors, and what Hydra's grammar rejects is reported with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import Composer
from harness.errors import UserError
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("+budget.evaluation=10", "budget.evaluation=10: unknown option: expected budget.evaluations"),
        ("++budget.evaluation=10", "expected budget.evaluations"),
        ("+budget.zzz=1", "expected one of budget.evaluations, budget.seconds"),
        ("+seeds=1", "seeds=1: unknown option: expected seed"),
        ("+task.defualt=1", "expected task.default"),
        ("hydra.run.dir=x", "hydra.run.dir=x: unknown option"),
        ("+hydra.launcher.x=1", "unknown option: expected hydra/launcher=NAME"),
        ("+strategy.sede=1", "strategy.sede=1: unknown option: expected an argument of harness.strategies.random."),
        ("+backend.nose=none", "backend.nose=none: unknown option: expected backend.noise"),
        ("+tracker.mode=offline", "tracker.mode=offline: unknown option"),
        ("budget.evaluations", "budget.evaluations: expected NAME=VALUE"),
    ],
)
@pytest.mark.parametrize("multirun", [[], pytest.param(["-m"], marks=pytest.mark.slow)])
def test_a_key_that_nobody_reads_is_refused(
    nearopt: Nearopt, tmp_path: Path, override: str, words: str, multirun: list[str]
) -> None:
    code, out, err = nearopt("run", *multirun, "task=softmax-4096x2560-bf16", "budget.evaluations=5", override)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not list(tmp_path.iterdir())


def test_a_key_that_an_interpolation_reads_is_read() -> None:
    composer = Composer()
    assert composer.compose(["+few=3", "budget.evaluations=${few}"]).budget.evaluations == 3
    with pytest.raises(UserError, match="few"):
        composer.compose(["+few=3", "budget.evaluations=4"])


@pytest.mark.parametrize("name", ["größe__gpu", "E=128,N=384__gpu", "a,b__gpu", "it's__gpu=1"])
@pytest.mark.parametrize("multirun", [[], ["-m"]])
def test_a_path_that_wants_quotes_is_said_with_its_quotes(
    nearopt: Nearopt, tmp_path: Path, name: str, multirun: list[str]
) -> None:
    write_toy(tmp_path).replace(tmp_path / f"{name}.parquet")
    rest = ("run", *multirun, "budget.evaluations=2", "jobs=1")
    code, out, err = nearopt(*rest, f"backend.landscape={name}.parquet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "quote the value" in err or "key='value1,value2'" in err or "'" in name
    escaped = name.replace("'", "\\'")
    code, out, err = nearopt(*rest, f"backend.landscape='{escaped}.parquet'")
    assert (code, err.replace("\n", "")) == (0, "")
    assert (tmp_path / f"results/{name}/random/seed-0/DONE").exists()


def test_a_list_that_is_longer_than_a_files_name_is_a_list(tmp_path: Path) -> None:
    toy = f"backend.landscape={write_toy(tmp_path)}"
    names = ",".join([*["random"] * 100, "grid"])
    assert len(Composer().expand([toy, f"strategy={names}", "seed=0"]).runs) == 101
