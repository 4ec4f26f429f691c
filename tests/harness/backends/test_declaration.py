"""A backend declares what it needs; nothing is guessed from its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.declaration import declaration_of
from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.landscapes.landscape import read_landscape
from harness.study.plan import PlannedRun, planned_run
from harness.study.sweep import any_needs_device
from tests.harness.toy import write_toy

LIVE = {"_target_": "harness.backends.live.open_live"}
REPLAY = {"_target_": "harness.backends.replay.open_replay"}


def open_simulator(task: TaskSpec | None, seed: np.random.SeedSequence, table: str, **_: object) -> ReplayBackend:
    """A user's own backend, with another name than replay or live, that measures nothing on a device."""
    del task
    return ReplayBackend(read_landscape(Path(table)), seed)


SIMULATOR = f"backend._target_={__name__}.open_simulator"


def test_live_needs_a_device_and_replay_a_recording() -> None:
    assert declaration_of(LIVE).needs_device and declaration_of(LIVE).landscape(TaskSpec("softmax"), {}) is None
    replay = declaration_of(REPLAY)
    assert not replay.needs_device
    assert replay.landscape(None, {"landscape": "folder/mine__here.parquet"}) == Path("folder/mine__here.parquet")
    recorded = replay.landscape(TaskSpec("softmax-4096x2560-bf16"), {"device": "h100"})
    assert recorded is not None and recorded.name == "softmax-4096x2560-bf16__h100.parquet"
    with pytest.raises(UserError, match="task: nothing to replay"):
        replay.landscape(None, {})


def test_a_simulator_of_the_users_is_not_taken_for_live(tmp_path: Path) -> None:
    table = write_toy(tmp_path)
    given = [SIMULATOR, f"+backend.table={table}", f"results={tmp_path / 'study'}", "task=softmax-4096x2560-bf16"]
    asked = Composer().single(given)
    assert not any_needs_device(asked.runs)
    # Its name in results is its own affair, so that the plan leaves the device open.
    assert planned_run(asked.runs[0]) == PlannedRun("softmax-4096x2560-bf16__*", "random", 0)


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ({}, "backend._target_: missing: expected the dotted path of a class or function"),
        ({"_target_": "nowhere.at_all"}, r"backend\._target_=nowhere\.at_all: "),
    ],
)
def test_a_target_at_fault_is_one_clear_line(backend: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        declaration_of(backend)
    assert "\n" not in str(error.value)


def test_an_option_of_the_sweep_is_given_once(tmp_path: Path) -> None:
    toy = f"backend.landscape={write_toy(tmp_path)}"
    with pytest.raises(UserError, match="results=a,b: expected one value for the whole sweep"):
        Composer().expand([toy, "results=a,b"])
