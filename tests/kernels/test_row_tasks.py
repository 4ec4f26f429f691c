"""The named tasks of the row kernels have the shapes in their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.utils import instantiate

from harness.config.compose import Composer
from search_spaces.device import H100

TASKS = Path(__file__).parents[2] / "conf" / "task"
NAMED = sorted(path.stem for family in ("softmax", "layernorm") for path in TASKS.glob(f"{family}-*.yaml"))


@pytest.mark.parametrize("name", NAMED)
def test_a_task_file_composes_to_the_kernel_of_its_name_and_its_space(name):
    task = Composer().compose([f"task={name}"]).task
    assert task is not None
    kernel = instantiate(task.kernel)
    shape = {"rows": kernel.rows, "cols": kernel.cols, "dtype": kernel.dtype}
    assert task.name == kernel.name == name
    assert instantiate(task.space, **shape, device=H100).size > 500


def test_an_overridden_shape_renames_the_task():
    task = Composer().compose(["task=softmax", "task.kernel.rows=512", "task.kernel.dtype=fp16"]).task
    assert task is not None
    assert task.name == instantiate(task.kernel).name == "softmax-512x2560-fp16"
