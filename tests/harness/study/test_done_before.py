"""A repeated sweep: finished runs are recognised with little work, and only if they are unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import harness.study.sweep as sweep_module
from harness.cli import main
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.run import config_file, reference
from harness.run.contract import ConfigDocument
from harness.study import plan
from harness.study.plan import planned_run
from tests.harness.toy import write_toy

TASK = "toy-8x8-bf16__toy"


class Counted:
    """Wrap a function so that its calls are counted."""

    def __init__(self, function: object) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments: object, **named: object) -> object:
        self.calls += 1
        return self.function(*arguments, **named)  # type: ignore[operator]


def given(tmp_path: Path, *overrides: str) -> list[str]:
    landscape = tmp_path / f"{TASK}.parquet"
    if not landscape.exists():
        write_toy(tmp_path)
    return [f"backend.landscape={landscape}", f"results={tmp_path / 'r'}", "budget.evaluations=5", *overrides]


def test_finished_runs_need_one_backend_and_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "-m", *given(tmp_path, "strategy=random,grid", "seed=range(0,6)")]
    assert main([*command, "jobs=1"]) == 0
    reference._read_note.cache_clear()
    opened, parsed = Counted(sweep_module.open_backend), Counted(config_file.load_yaml)
    noted = Counted(reference.load_yaml)
    config_file._entry_text.cache_clear()
    written = Counted(config_file.yaml.dump)
    monkeypatch.setattr(config_file.yaml, "dump", written)
    monkeypatch.setattr(sweep_module, "open_backend", opened)
    monkeypatch.setattr(config_file, "load_yaml", parsed)
    monkeypatch.setattr(reference, "load_yaml", noted)
    monkeypatch.setattr(sweep_module, "run_in_slots", None)
    capsys.readouterr()
    assert main([*command, "jobs=2"]) == 0
    assert capsys.readouterr().out.startswith("0 runs done, 12 were done before, 0 failed")
    assert (opened.calls, parsed.calls, noted.calls) == (2, 0, 1)
    hashes, seeds, shared = 12, 6, 2 * len(ConfigDocument.__annotations__)
    assert written.calls < hashes + seeds + shared  # entries of config.yaml: what runs have in common is written once


def test_nothing_is_opened_where_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Counted(sweep_module.open_backend)
    monkeypatch.setattr(sweep_module, "open_backend", opened)
    assert main(["run", "-m", *given(tmp_path, "strategy=random", "seed=0,1", "jobs=1")]) == 0
    assert opened.calls == 0
    assert main(["run", "-m", *given(tmp_path, "strategy=random,grid", "seed=0,1", "jobs=1")]) == 0
    assert opened.calls == 1


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), RuntimeError("of a plug-in")])
@pytest.mark.parametrize("where", ["open_backend", "recognised"])
def test_trouble_while_looking_is_left_to_each_runs_own_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str, error: Exception
) -> None:
    command = ["run", "-m", *given(tmp_path, "seed=0,1", "jobs=1")]
    assert main(command) == 0
    function = getattr(sweep_module, where)

    def troubled(config: RunConfig, *arguments: object) -> object:
        if config.seed == 0:
            raise error
        return function(config, *arguments)

    monkeypatch.setattr(sweep_module, where, troubled)
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("0 runs done, 2 were done before, 0 failed")


def test_folders_are_listed_once_for_all_their_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Composer().single(given(tmp_path)).runs[0]
    configs = [replace(first, seed=seed) for seed in range(8)]
    run = planned_run(first)
    assert run is not None
    for seed in range(0, 8, 2):
        (tmp_path / "r" / run.task / f"random/seed-{seed}").mkdir(parents=True)
    listed = Counted(plan.os.scandir)
    monkeypatch.setattr(plan.os, "scandir", listed)
    begun = plan._begun(tmp_path / "r", {each for config in configs if (each := planned_run(config)) is not None})
    assert sorted(place.name for place in begun) == [f"seed-{seed}" for seed in range(0, 8, 2)]
    assert listed.calls == 1


@pytest.mark.parametrize("damage", ["evaluations.parquet", "DONE", "config.yaml"])
def test_a_damaged_one_among_them_is_left_to_its_own_attempt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    command = ["run", "-m", *given(tmp_path, "seed=range(0,3)", "jobs=1")]
    assert main(command) == 0
    file = tmp_path / "r" / TASK / "random/seed-1" / damage
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    capsys.readouterr()
    code = main(command)
    said = capsys.readouterr()
    repaired = damage == "evaluations.parquet"
    assert said.out.startswith(f"{int(repaired)} runs done, 2 were done before, {int(not repaired)} failed")
    assert code == (0 if repaired else 2) and said.err.count("\n") == int(not repaired)
    assert repaired or str(file.parent) in said.err
    assert (file.parent / "aborted-0").exists() == repaired


def test_a_seed_alone_is_not_composed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.config import compose

    built = Counted(compose.run_config)
    monkeypatch.setattr(compose, "run_config", built)
    whole = Composer().expand(given(tmp_path, "seed=range(0,50)", "strategy=random,grid"))
    assert built.calls == 2 and len(whole.runs) == 100
    assert [run.seed for run in whole.runs if run.label == "grid"] == list(range(50))
    alone = Composer().single(given(tmp_path, "seed=7", "strategy=grid")).runs[0]
    assert alone == next(run for run in whole.runs if (run.label, run.seed) == ("grid", 7))


def test_what_refers_to_the_seed_is_composed_for_each(tmp_path: Path) -> None:
    runs = Composer().expand(given(tmp_path, "seed=3,5", "strategy.label=mine-${seed}")).runs
    assert [run.label for run in runs] == ["mine-3", "mine-5"]


def test_a_configuration_is_written_as_a_whole_document_would_be() -> None:
    shared = {"x": [1, 2.5, True, None, "yes", "1", "µ: #", "", "a\nb", 1e-30, float("inf")], "y": {}, 3: []}
    document = {"format_version": 1, "task": "t", "strategy": shared, "seed": 0, "budget": {"evaluations": None}}
    assert config_file.config_text(document) == yaml.safe_dump(document, sort_keys=False)
    for first, second in ((1, True), (1, 1.0), ("1", 1), ({1: 2}, {"1": 2}), (None, "null")):
        texts = [config_file.config_text({"x": value}) for value in (first, second)]
        assert [repr(yaml.safe_load(text)["x"]) for text in texts] == [repr(first), repr(second)]
    twice = {"a": shared, "b": shared}
    assert yaml.safe_load(config_file.config_text(twice)) == twice
