"""Tasks: the name of every YAML is that of its kernel, and its space can be searched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import harness.landscapes.library as library
from harness.backends.task import build_task
from harness.config.compose import Composer
from harness.errors import UserError
from harness.landscapes.default_configuration import recorded_default
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape, recorded_landscapes
from harness.measure.device import AccelDevice
from harness.system.resources import conf_directory

TASKS = sorted(file.stem for file in (conf_directory() / "task").glob("*.yaml") if "_listed" not in file.stem)
"""Those with pinned keys need a newer Helion and are smaller: see tests/search_spaces/test_helion_listed.py."""
H100 = AccelDevice("NVIDIA H100 80GB HBM3", "h100", 90, 132, 232_448, 50 * 2**20, 80 * 2**30)


def one_of_each_kernel(names: Iterable[str]) -> set[str]:
    """The names of the fast tier: the first of each kernel. The slow tier has all."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.partition("__")[0].partition("-")[0], name)
    return set(first.values())


FAST_TASKS = one_of_each_kernel(TASKS)
RECORDED = {path.stem: path for path in recorded_landscapes()}
FAST_RECORDED = one_of_each_kernel(RECORDED)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST_TASKS else pytest.mark.slow) for name in TASKS]
)
def test_a_task_has_its_kernels_name_and_a_space(name: str) -> None:
    if name.startswith("helion_"):
        pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")
    task = Composer().compose([f"task={name}"]).task
    assert task is not None
    kernel, space = build_task(task, H100)
    assert task.name.replace("-wide", "") == kernel.name
    assert name in (task.name, kernel.name.split("-")[0])
    assert len(space.parameters) >= 6
    assert any(parameter.condition is not None for parameter in space.parameters)
    codes = space.codes() if space.enumerable else space.sample_codes(np.random.default_rng(0), 1000)
    assert len(codes) >= 800
    defined = np.isfinite(space.feature_values(codes)).any(axis=0)
    undefined = {feature for feature, known in zip(space.features, defined, strict=True) if not known}
    schedules = {space.decode(row).get("schedule") for row in codes}
    # A matrix of fewer tiles than multiprocessors leaves a persistent program no second tile.
    assert undefined <= (set() if "persistent" in schedules else {"persistent_waves"})


def test_an_override_of_the_shape_changes_the_name() -> None:
    task = Composer().compose(["task=matmul", "task.kernel.m=512", "task.kernel.dtype=fp16"]).task
    assert task is not None
    assert task.name == "matmul-512x2048x2048-fp16"


def test_of_several_recordings_the_librarys_own_device_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a-1__h200", "a-1__h100", "b-1__a100", "b-1__h200", "c-1__h200"):
        (tmp_path / f"{name}.parquet").touch()
    monkeypatch.setattr(library, "landscape_directory", lambda: tmp_path)
    assert find_landscape("a-1", None).stem == "a-1__h100"
    assert find_landscape("a-1", "h200").stem == "a-1__h200"
    assert find_landscape("c-1", None).stem == "c-1__h200"
    with pytest.raises(
        UserError, match=r"backend\.device: b-1 is recorded on several devices: expected one of a100, h200"
    ):
        find_landscape("b-1", None)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=name, marks=[] if name in FAST_RECORDED else pytest.mark.slow)
        for name, path in RECORDED.items()
    ],
)
def test_every_recorded_task_has_a_default_that_works(path: Path) -> None:
    task = Composer().compose([f"task={path.stem.split('__')[0]}"]).task
    assert task is not None
    landscape = read_landscape(path)
    default = recorded_default(landscape, task.default)
    if path.stem.startswith("helion_"):
        assert default is None  # the nearest of a thin sample would pass for it
        return
    assert default is not None and default["latency_ms"] >= np.nanmin(landscape.oracle_ms)
    known = {name: value for name, value in task.default.items() if name in default["configuration"]}
    same = sum(default["configuration"][name] == value for name, value in known.items())
    assert same >= len(known) - 1  # a short row or matrix may need one value smaller


def test_without_a_default_there_is_no_line() -> None:
    assert recorded_default(read_landscape(recorded_landscapes()[0]), {}) is None
