"""The tasks on which a strategy's defaults were chosen are stored with its runs, and reports point them out."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from analysis.runs.overlap import overlap_sentences, overlaps
from harness.config.chosen_on import chosen_on
from harness.config.compose import Composer
from harness.system.resources import conf_directory
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

pytestmark = pytest.mark.usefixtures("undrawn")
__all__ = ["nearopt"]
GP = "harness.strategies.conditional_gp.ConditionalGP"
SENTENCE = "The defaults of random were chosen on 1 of the 1 tasks here (toy-8x8-bf16__toy): the numbers there"


def given(tmp_path: Path, *overrides: str) -> tuple[str, ...]:
    return (
        "run",
        f"backend.landscape={write_toy(tmp_path)}",
        "strategy=random",
        "budget.evaluations=20",
        "seed=0",
        *overrides,
    )


@pytest.mark.slow
def test_it_is_written_in_no_hash_and_reported(nearopt: Nearopt, tmp_path: Path) -> None:
    for name, said in (("with", ["+strategy.chosen_on=[toy-*]"]), ("without", [])):
        assert nearopt(*given(tmp_path, *said, f"results={tmp_path / name}"))[0] == 0
    configs = [yaml.safe_load(next((tmp_path / name).rglob("config.yaml")).read_text()) for name in ("with", "without")]
    assert configs[0]["chosen_on"] == ["toy-*"] and "chosen_on" not in configs[1]
    assert configs[0]["config_hash"] == configs[1]["config_hash"] and "chosen_on" not in configs[0]["strategy"]
    code, out, _ = nearopt("report", tmp_path / "with", "-o", tmp_path / "out")
    assert code == 0 and SENTENCE in out and SENTENCE in (tmp_path / "out/index.html").read_text()
    verdict = json.loads((tmp_path / "out/verdict.json").read_text())
    assert verdict["chosen_on"] == {"random": ["toy-8x8-bf16__toy"]}
    assert SENTENCE not in nearopt("report", tmp_path / "without", "-o", tmp_path / "out")[1]
    assert nearopt("report", "--compare", tmp_path / "with", tmp_path / "without", "-o", tmp_path / "both")[0] == 0
    page = (tmp_path / "both/index.html").read_text()
    assert f"A: {SENTENCE}" in page and f"B: {SENTENCE}" not in page


def test_ours_says_what_it_was_tuned_on() -> None:
    known = chosen_on([conf_directory()])
    assert "matmul-[0-9]*" in known[GP] and list(known) == [GP]
    config = Composer().compose(["task=softmax-4096x2560-bf16", "strategy=conditional_gp"])
    assert config.chosen_on == known[GP] and "chosen_on" not in config.strategy


def test_a_class_with_tuned_and_untuned_settings_is_not_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "strategy").mkdir()
    tuned = "_target_: a.B\nlabel: b_tuned\nchosen_on: [toy-*]\n"
    (tmp_path / "strategy/b_tuned.yaml").write_text(tuned)
    assert chosen_on([tmp_path]) == {"a.B": ("toy-*",)}
    for name in ("a", "c"):  # whichever file comes first
        (tmp_path / f"strategy/{name}.yaml").write_text("_target_: a.B\nlabel: b\n")
        assert chosen_on([tmp_path]) == {}
        (tmp_path / f"strategy/{name}.yaml").unlink()


def test_a_task_is_named_on_any_device_and_older_runs_by_their_class() -> None:
    tasks = ["matmul-64x64x64-bf16__h100", "matmul-wide-64x64x64-bf16__h100", "softmax-4096x2560-bf16__h200", "mine"]
    runs = pd.DataFrame([{"strategy": label, "task": task} for label in ("old", "new") for task in tasks])
    protocol = {
        "old": {"strategy": {"_target_": "a.B"}},
        "new": {"strategy": {"_target_": "a.B"}, "chosen_on": ["mine"]},
    }
    found = overlaps(runs, protocol, {"a.B": ["matmul-[0-9]*", "softmax-4096x2560-bf16"]})
    assert found == {"new": ["mine"], "old": [tasks[0], tasks[2]]}
    assert len(overlap_sentences(runs, found)) == 2 and overlaps(runs, protocol, {})["new"] == ["mine"]


@pytest.mark.parametrize("value", ["matmul", "[1]", "{a: 1}", "['']"])
def test_what_is_no_list_of_names_is_one_line(nearopt: Nearopt, tmp_path: Path, value: str) -> None:
    code, _, err = nearopt(*given(tmp_path, f"+strategy.chosen_on={value}", f"results={tmp_path / 'r'}"))
    assert code == 2 and err.startswith("nearopt: strategy.chosen_on=") and err.count("\n") == 1
    assert not (tmp_path / "r").exists()
