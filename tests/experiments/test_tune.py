"""The opponents' tuned settings are the best of the kept runs, which were made where defaults may be chosen."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from experiments.contenders import first_hit, tune
from experiments.contenders.first_hit import Run
from harness.config.compose import Composer

ROUNDS = [tune.Round.read(text) for text in tune.ROUNDS.split(",")]


def test_settings_are_different_and_of_the_grid_and_more_begin_with_the_same() -> None:
    for strategy, grid in tune.grids().items():
        few, more = tune.drawn(strategy, 10), tune.drawn(strategy, 110)
        assert list(more.items())[:10] == list(few.items()) and few[strategy] == {}
        drawn = [tuple(sorted(setting.items())) for setting in more.values()]
        assert len(set(drawn)) == len(more) == 110
        for setting in list(more.values())[1:]:
            assert all(sum(part.items() <= setting.items() for part in choice) == 1 for choice in grid)


@pytest.mark.parametrize("strategy", list(tune.grids()))
def test_every_alternative_is_an_argument(strategy: str) -> None:
    for part in (part for choice in tune.grids()[strategy] for part in choice):
        words = [f"++strategy.{name}={value}" for name, value in part.items()]
        config = Composer().compose([f"task={tune.tasks()[0].partition('__')[0]}", f"strategy={strategy}", *words])
        assert part.items() <= config.strategy.items()


def test_the_score_is_the_mean_log_ert() -> None:
    def run(task: str, seed: int, hit: int, evaluations: int) -> Run:
        return Run("a", task, seed, hit, evaluations, 120, 1, 0.0)

    runs = [run("t", 0, 1, 10), run("t", 1, 1, 30), run("u", 0, 0, 120), run("u", 1, 0, 120)]
    assert tune.score(runs) == pytest.approx((math.log(20) + math.log(480)) / 2)
    assert tune.ranked(["a"], runs, 1)["a"] == pytest.approx(math.sqrt(10 * 240))


def test_the_race_takes_the_best_and_the_defaults_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def make(keys: list[first_hit.Key], _overrides: object, file: Path, _processes: int) -> list[Run]:
        lines = [] if file.exists() else ["arm,task,seed,hit,evaluations,budget,batch,ask_s"]
        for key in keys:
            asked.append((key.arm, key.seed))
            number = int(key.arm.partition("#")[2] or 99)  # the defaults are the worst
            lines.append(f"{key.arm},{key.task},{key.seed},1,{number},120,1,0")
        with file.open("a") as out:
            out.write("\n".join([*lines, ""]))
        return []

    monkeypatch.setattr(tune, "make", make)
    monkeypatch.setattr(tune, "tasks", lambda: ("t", "u"))
    rounds = [tune.Round(5, 1), tune.Round(2, 3)]
    first, last = tune.race("optuna_tpe", rounds, 1, tmp_path / "t.csv")
    assert list(first) == ["optuna_tpe#1", "optuna_tpe#2", "optuna_tpe#3", "optuna_tpe#4", "optuna_tpe"]
    assert list(last) == ["optuna_tpe#1", "optuna_tpe#2", "optuna_tpe"]
    assert len(asked) == 5 * 2 + 3 * 2 * 2  # the second round had one of its three seeds


@pytest.mark.parametrize("strategy", list(tune.grids()))
def test_the_tuned_settings_are_the_best_of_the_kept_runs(strategy: str) -> None:
    runs = [run for run in first_hit.read_runs(tune.TUNING) if run.arm.partition("#")[0] == strategy]
    of = yaml.safe_load((tune.CONF / f"strategy/{strategy}_tuned.yaml").read_text(encoding="utf-8"))
    first, last = ROUNDS[0], ROUNDS[-1]
    assert {run.seed for run in runs} == set(range(last.seeds))
    assert {run.task for run in runs} == set(tune.tasks())
    names = [task.partition("__")[0] for task in tune.tasks()]
    assert all(any(fnmatchcase(name, pattern) for pattern in of["chosen_on"]) for name in names)
    settings = tune.drawn(strategy, first.settings)
    counts = {label: sum(run.arm == label for run in runs) for label in settings}
    finalists = [label for label, count in counts.items() if count == last.seeds * len(names)]
    assert len(finalists) in (last.settings, last.settings + 1) and strategy in finalists
    best = next(iter(tune.ranked(finalists, runs, last.seeds)))
    text = (tune.CONF / f"strategy/{strategy}_tuned.yaml").read_text(encoding="utf-8")
    assert text == tune.tuned_yaml(strategy, settings[best], ROUNDS)
