"""The plan of nearopt replicate: its runs, their recordings, and its duration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.compose import Composer
from harness.errors import UserError
from harness.measure.device import AccelDevice
from harness.study.replication import (
    EVALUATIONS,
    SEEDS,
    START_S,
    STRATEGIES,
    TASKS,
    Replication,
    closest_device,
    expected_s,
    landscapes_of,
)
from tests.harness.toy import write_toy

H100 = AccelDevice(
    name="NVIDIA H100 80GB HBM3", slug="h100", capability=90, sm_count=132, shared_memory_bytes=232_448,
    l2_bytes=52_428_800, memory_bytes=85_017_493_504, peak_flops=989e12, peak_bytes_per_s=3.35e12,
)  # fmt: skip
PLAN = Replication(TASKS, STRATEGIES, SEEDS, EVALUATIONS, 4, Path("out"), "h100", {})


def test_live_runs_and_replays_are_of_the_same_tasks_strategies_and_seeds() -> None:
    composer = Composer()
    live = composer.expand(PLAN.live())
    (overrides,) = PLAN.replays()
    replays = composer.expand(overrides)
    names = [
        {(run.task.name if run.task else "", run.label, run.seed, run.budget.evaluations) for run in side.runs}
        for side in (live, replays)
    ]
    assert names[0] == names[1] and len(names[0]) == len(live.runs) == 2 * 2 * SEEDS
    assert {run.backend["_target_"].rpartition(".")[2] for run in live.runs} == {"open_live"}
    assert all(run.backend["share_device"] and run.backend["compile_workers"] == 1 for run in live.runs)
    assert {run.backend["device"] for run in replays.runs} == {"h100"}
    assert (live.options.results, replays.options.results) == (Path("out/live"), Path("out/replay"))
    assert live.options.jobs == 4


def test_the_nearest_recordings_are_those_of_the_own_model_else_of_the_most_similar_one() -> None:
    assert closest_device(None) == closest_device(H100) == "h100"
    assert closest_device(replace(H100, slug="h200")) == "h200"
    faster_memory = replace(H100, slug="x1", memory_bytes=140_000_000_000, peak_bytes_per_s=4.6e12)
    assert closest_device(faster_memory) == "h200"
    assert closest_device(faster_memory, ["layernorm-32768x768-bf16"]) == "h100"
    assert closest_device(replace(H100, slug="a100", sm_count=108, peak_flops=312e12, peak_bytes_per_s=2e12)) == "h100"


def test_the_expected_time_is_that_of_the_evaluations_and_of_starting() -> None:
    assert expected_s(40, 600.0, 4) == 600.0 + 10 * START_S
    assert expected_s(2, 60.0, 4) == 60.0 + START_S
    assert expected_s(0, 0.0, 4) == 0.0


def test_a_recording_of_ones_own_takes_the_librarys_place(tmp_path: Path) -> None:
    file = write_toy(tmp_path)
    found = landscapes_of(["toy-8x8-bf16", TASKS[0]], [file])
    plan = replace(PLAN, tasks=("toy-8x8-bf16", TASKS[0]), landscapes=found)
    library, own = plan.replays()
    assert f"task={TASKS[0]}" in library and f"backend.landscape={file}" in own
    assert plan.command[-2:] == ["--landscape", str(file)]
    with pytest.raises(UserError, match="a recording of toy-8x8-bf16: expected one of --task matmul"):
        landscapes_of(TASKS, [file])
