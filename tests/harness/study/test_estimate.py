"""Dry runs: estimates against closed forms of the costs; nothing is started or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.cli.estimate_text import format_estimate
from harness.config.compose import Composer
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape
from harness.landscapes.write import write_landscape
from harness.run.execute import execute
from harness.strategies.base import Budget
from harness.study import estimate as module
from harness.study.estimate import Estimate, GroupEstimate, estimate
from harness.study.recorded_costs import random_run
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import METADATA, toy_columns, toy_space, write_toy

__all__ = ["nearopt"]
COMPILE_S, VERIFY_S, BENCHMARK_S = 1.0, 0.02, 0.05
LIVE = ("backend=live", "task=softmax-4096x2560-bf16", "strategy=random,grid", "seed=range(0,3)")
Expand = Callable[..., Estimate]


@pytest.fixture
def expand(tmp_path: Path) -> Expand:
    def estimated(*overrides: str) -> Estimate:
        asked = Composer().expand([f"results={tmp_path / 'study'}", *overrides])
        return estimate(asked.runs, asked.options)

    return estimated


def flat(tmp_path: Path) -> Path:
    """Write the toy with the same costs everywhere."""
    space = toy_space()
    columns: dict[str, Any] = toy_columns(space)
    n = len(columns["status"])
    costs = {"compile_s": [COMPILE_S] * n, "verify_s": [VERIFY_S] * n, "benchmark_s": [BENCHMARK_S] * n}
    write_landscape(tmp_path / "flat.parquet", space, {**columns, **costs}, METADATA)
    return tmp_path / "flat.parquet"


@pytest.mark.parametrize(
    ("batch", "workers", "per_batch_s"),
    [
        (1, 1, COMPILE_S + VERIFY_S + BENCHMARK_S),
        (1, 8, COMPILE_S + VERIFY_S + BENCHMARK_S),
        (4, 2, 2 * COMPILE_S + 2 * (VERIFY_S + BENCHMARK_S)),
        (4, 4, COMPILE_S + 4 * (VERIFY_S + BENCHMARK_S)),
    ],
)
def test_a_random_run_costs_what_the_schedule_says(
    tmp_path: Path, batch: int, workers: int, per_batch_s: float
) -> None:
    landscape = read_landscape(flat(tmp_path))
    cost = random_run(landscape, Budget(40, None), batch, workers)
    assert cost.evaluations == 40
    assert cost.clock_s == pytest.approx(40 / batch * per_batch_s)
    assert cost.measuring_s == pytest.approx(40 * (VERIFY_S + BENCHMARK_S))
    limited = random_run(landscape, Budget(None, 10.0), batch, workers)
    assert limited.clock_s == pytest.approx(np.ceil(10.0 / per_batch_s) * per_batch_s)
    whole = random_run(landscape, Budget(10**6, None), 1, 1)
    assert whole.evaluations == landscape.space.size


def test_a_live_sweep_is_estimated_from_the_recording(expand: Expand) -> None:
    found = expand(*LIVE, "budget.evaluations=50", "backend.compile_workers=1")
    landscape = read_landscape(find_landscape("softmax-4096x2560-bf16", "h100"))
    mean_s = float(landscape.costs_s.sum(axis=1).mean())
    assert [(g.label, g.runs, g.done, g.open, g.evaluations) for g in found.groups] == [
        ("random", 3, 0, 3, 150), ("grid", 3, 0, 3, 150),
    ]  # fmt: skip
    for group in found.groups:
        assert group.clock_s == pytest.approx(150 * mean_s, rel=0.25)
        assert group.cpu_s is None
    assert found.wall_s == pytest.approx(found.clock_s)
    assert found.unknown == 0


@pytest.mark.parametrize(
    ("here", "words"),
    [
        ("h200", "recorded on h200 (this GPU's model)"),
        ("h100", "recorded on h100 (this GPU's model)"),
        ("b200", "recorded on h100 (this is b200)"),
        (None, "recorded on h100 (no GPU here)"),
    ],
)
def test_it_says_whose_costs_they_are(
    expand: Expand, monkeypatch: pytest.MonkeyPatch, here: str | None, words: str
) -> None:
    monkeypatch.setattr(module, "_device", lambda: here)
    assert {group.source for group in expand(*LIVE).groups} == {words}


def test_what_is_not_recorded_is_not_known(expand: Expand) -> None:
    unrecorded = ("backend=live", "task=matmul", "task.kernel.m=513", "seed=0,1")
    found = expand(*unrecorded)
    assert [(g.source, g.clock_s, g.evaluations) for g in found.groups] == [("not recorded", None, 200)]
    assert found.unknown == 2
    assert "wall time: not known" in format_estimate(found)
    limited = expand(*unrecorded, "budget.seconds=90", "budget.evaluations=null")
    assert limited.clock_s == 180.0
    assert (limited.unknown, limited.groups[0].evaluations) == (0, None)


def test_runs_that_share_a_gpu_wait_for_each_other(expand: Expand) -> None:
    alone = expand(*LIVE, "backend.compile_workers=1")
    shared = expand(*LIVE, "backend.compile_workers=1", "backend.share_device=true", "jobs=6")
    assert shared.wall_s == pytest.approx(max(alone.clock_s / 6, alone.measuring_s))
    slow = replace(shared, groups=tuple(replace(g, measuring_s=g.clock_s) for g in shared.groups))
    assert slow.wall_s == pytest.approx(alone.clock_s)
    assert "the GPU that the runs share is held" in format_estimate(shared)


def run(tmp_path: Path, *overrides: str) -> Path:
    given = [f"backend.landscape={tmp_path / 'toy-8x8-bf16__toy.parquet'}", f"results={tmp_path / 'study'}"]
    one = Composer().single([*given, *overrides])
    return execute(one.runs[0], one.options).path


def test_a_replay_is_estimated_from_finished_runs(expand: Expand, tmp_path: Path) -> None:
    sweep = (f"backend.landscape={write_toy(tmp_path)}", "seed=range(0,6)", "strategy=random,grid")
    walls = [pq.read_table(run(tmp_path, f"seed={seed}") / "evaluations.parquet").column("wall_s") for seed in (0, 1)]
    found = {group.label: group for group in expand(*sweep).groups}
    random, grid = found["random"], found["grid"]
    assert (random.runs, random.done, random.open, random.evaluations) == (6, 2, 4, 400)
    assert random.cpu_s == pytest.approx(400 * np.mean([wall.to_numpy().mean() for wall in walls]))
    assert random.source == "2 finished runs"
    assert (grid.done, grid.open, grid.cpu_s) == (0, 6, None)
    other = write_toy(tmp_path, "other-8x8-bf16__toy", seed=4)
    (elsewhere,) = expand(f"backend.landscape={other}", "seed=range(0,4)").groups
    assert (elsewhere.done, elsewhere.open) == (0, 4)
    assert elsewhere.cpu_s == random.cpu_s, "another task's runs of the strategy, where its own has none"


def test_interrupted_and_failed_runs_are_counted_as_they_will_be_run(expand: Expand, tmp_path: Path) -> None:
    live = (*LIVE[:2], "seed=range(0,3)", "budget.evaluations=50", "backend.compile_workers=1")
    (whole,) = expand(*live).groups
    folder = tmp_path / "study/softmax-4096x2560-bf16__h100/random"
    for seed in (0, 1):
        (folder / f"seed-{seed}").mkdir(parents=True)
    (folder / "seed-0/evaluations.jsonl").write_text("{}\n" * 25)
    (folder / "seed-1/FAILED").write_text(json.dumps({"message": "x", "final": True, "trace": ""}))
    (rest,) = expand(*live).groups
    assert (rest.left, rest.open, rest.evaluations) == (1, 2, 75)
    assert whole.clock_s is not None
    assert rest.clock_s == pytest.approx(whole.clock_s / 2)
    (again,) = expand(*live, "resume=retry_failed").groups
    assert (again.left, again.open, again.evaluations) == (0, 3, 125)


@pytest.mark.parametrize("multirun", [True, False])
def test_a_dry_run_starts_and_writes_nothing(nearopt: Nearopt, tmp_path: Path, multirun: bool) -> None:
    path = write_toy(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    flags = ["-m", "seed=range(0,3)"] if multirun else []
    for backend in ([f"backend.landscape={path}"], ["backend=live", "task=softmax-4096x2560-bf16"]):
        code, out, err = nearopt("run", *flags, *backend, "dry_run=true")
        assert (code, err) == (0, "")
        assert out.splitlines()[-1 if backend[0] != "backend=live" else -2].startswith("wall time: ")
        total = next(line.split() for line in out.splitlines() if line.startswith("total"))
        assert total[1:6] == (["3", "0", "0", "3", "300"] if multirun else ["1", "0", "0", "1", "100"])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "overrides", [["task=nope-1"], ["backend.compile_workers=0"], ["backend.landscape=absent.parquet"], ["seed=0"]]
)
def test_a_mistake_is_one_line(nearopt: Nearopt, overrides: list[str]) -> None:
    given = [] if overrides == ["seed=0"] else ["task=softmax-4096x2560-bf16"]
    code, _, err = nearopt("run", "dry_run=true", *given, *overrides)
    assert code == 2
    assert err.count("\n") == 1


def test_totals_leave_out_what_is_not_known() -> None:
    known = GroupEstimate("a", "x", 4, 1, 0, 30, 60.0, 6.0, None, "recorded on h100")
    unknown = replace(known, task="b", clock_s=None, measuring_s=None, source="not recorded")
    both = Estimate((known, unknown), Path("study"), on_device=True, device="GPU", shared=False, gpus=1, jobs=2)
    assert (both.clock_s, both.wall_s, both.unknown) == (60.0, 30.0, 3)
    assert "not included: 3 runs of unknown cost" in format_estimate(both)
