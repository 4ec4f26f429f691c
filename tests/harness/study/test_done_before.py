"""The same sweep again: what is done is recognised with little work, and only if it is as it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness.study.sweep as sweep_module
from harness.cli import main
from harness.config.compose import Composer
from harness.run import reference, store
from tests.harness.toy import write_toy

TASK = "toy-8x8-bf16__toy"


class Counted:
    """A function that counts its calls."""

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
    opened, parsed = Counted(sweep_module.open_backend), Counted(store.load_yaml)
    noted = Counted(reference.load_yaml)
    monkeypatch.setattr(sweep_module, "open_backend", opened)
    monkeypatch.setattr(store, "load_yaml", parsed)
    monkeypatch.setattr(reference, "load_yaml", noted)
    monkeypatch.setattr(sweep_module, "run_in_slots", None)
    capsys.readouterr()
    assert main([*command, "jobs=2"]) == 0
    assert capsys.readouterr().out.startswith("0 runs done, 12 were done before, 0 failed")
    assert (opened.calls, parsed.calls, noted.calls) == (2, 0, 1)


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
    assert "2 were done before" in said.out
    assert code == 0 or str(file.parent) in said.err


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
