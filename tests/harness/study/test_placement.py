"""Runs of a sweep on several GPUs: each process sees one GPU, and each GPU has one process unless it is shared."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness.study.sweep as sweep_module
from harness.backends.declaration import Declaration, declares
from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer, Sweep
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.landscapes.landscape import read_landscape
from harness.measure.device import VISIBLE_DEVICES
from harness.run.execute import RunResult
from harness.study.placement import placements
from harness.study.sweep import any_needs_device, default_jobs, sweep
from tests.harness.toy import write_toy

GPUS = ["GPU-a", "GPU-b"]


class Pretended(ReplayBackend):
    """A backend that measures nothing and reports which GPU it would have used."""

    def environment(self) -> Mapping[str, Any]:
        return {"visible": os.environ.get(VISIBLE_DEVICES, "")}


@declares(Declaration(needs_device=True))
def open_pretended(task: TaskSpec | None, seed: np.random.SeedSequence, landscape: str, **others: object) -> Pretended:
    del task, others
    return Pretended(read_landscape(Path(landscape)), seed)


def pretended(folder: Path, seeds: int, *overrides: str, share: bool = False) -> Sweep:
    target = f"backend._target_={__name__}.open_pretended"
    given = [f"backend.landscape={write_toy(folder)}", f"+backend.share_device={str(share).lower()}"]
    more = [f"results={folder / 'results'}", "budget.evaluations=3", f"seed=range(0,{seeds})"]
    return Composer().expand([target, *given, *more, *overrides])


def test_runs_are_spread_over_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "visible_gpus", lambda: GPUS)
    asked = pretended(tmp_path, 4)
    assert any_needs_device(asked.runs) and default_jobs(asked.runs) == 2
    done = sweep(asked.runs, asked.options)
    assert all(isinstance(result, RunResult) for result in done), done
    paths = [result.path for result in done if isinstance(result, RunResult)]
    seen = [json.loads((path / "environment.json").read_text())["backend"]["visible"] for path in paths]
    assert set(seen) <= set(GPUS) and VISIBLE_DEVICES not in os.environ
    with pytest.raises(UserError, match="jobs=3: a live run needs a GPU to itself, and 2 are visible"):
        more = pretended(tmp_path, 4, "jobs=3")
        sweep(more.runs, more.options)


def test_shared_gpus_are_taken_in_turn() -> None:
    assert Counter(placements(7, GPUS, shared=True)) == {"GPU-a": 4, "GPU-b": 3}
    assert placements(2, GPUS, shared=False) == GPUS
    assert placements(3, [], shared=True) == []
    with pytest.raises(UserError, match=r"jobs=1: .* 0 are visible"):
        placements(1, [], shared=False)
