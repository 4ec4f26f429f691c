from __future__ import annotations

import math
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.landscapes.facts import TaskFacts, facts_of, read_facts
from harness.landscapes.library import find_landscape, recorded_landscapes
from harness.landscapes.siblings import distance, is_itself, shape_distance, siblings

H100, H200 = {"name": "NVIDIA H100 80GB HBM3"}, {"name": "NVIDIA H200"}


def nearest(task: str, device: str) -> list[str]:
    return [path.stem for path in siblings(read_facts(find_landscape(task, device)), recorded_landscapes())]


def test_the_same_shape_elsewhere_comes_first_then_shapes_by_log_distance() -> None:
    found = nearest("matmul-2048x2048x2048-bf16", "h100")
    assert found[:3] == [
        "matmul-2048x2048x2048-bf16__h200",
        "matmul-1000x1500x777-fp16__h100",  # 2.00 away; the cubes 2.08
        "matmul-1024x1024x1024-bf16__h100",
    ]
    assert all(name.startswith("matmul") for name in found)
    assert not {"matmul-2048x2048x2048-bf16__h100", "matmul-wide-2048x2048x2048-bf16__h100"} & {*found}, "itself"


def test_dtype_and_device_decide_between_equal_shapes() -> None:
    target = TaskFacts("a", "k", {"n": 8}, "bf16", H100)
    close = TaskFacts("b", "k", {"n": 16}, "bf16", H200)
    other_dtype = TaskFacts("c", "k", {"n": 4}, "fp16", H100)
    assert distance(target, close) == (round(math.log(2), 9), False, True)
    assert distance(target, close) < distance(target, other_dtype)


def test_the_distance_of_shapes() -> None:
    assert shape_distance({"m": 8, "causal": True}, {"m": 2, "causal": True}) == pytest.approx(math.log(4))
    assert shape_distance({"m": 8, "causal": True}, {"m": 8, "causal": False}) == pytest.approx(math.log(2))
    assert shape_distance({"m": 8}, {"m": 8, "k": 3}) == pytest.approx(math.log(2))
    assert shape_distance({"m": 0}, {"m": 0}) == 0.0


def test_a_task_is_itself_under_any_name_and_only_on_its_own_device() -> None:
    one = facts_of({"task": "matmul-8", "shape": {"m": 8}, "dtype": "bf16", "device": H100})
    assert one.kernel == "matmul"
    renamed = TaskFacts("mine", "matmul", {"m": 8}, "bf16", {"name": "H100 80GB  HBM3"})
    assert is_itself(one, renamed)
    assert not is_itself(one, TaskFacts("mine", "matmul", {"m": 8}, "bf16", H200))
    assert not is_itself(one, TaskFacts("mine", "matmul", {"m": 8}, "fp16", H100))
    assert is_itself(TaskFacts("t"), TaskFacts("t")) and not is_itself(TaskFacts("t"), TaskFacts("u"))


def test_a_file_that_is_no_landscape_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a__b.parquet"
    file.write_text("no")
    for path in (file, tmp_path / "none.parquet"):
        with pytest.raises(UserError, match="expected a landscape Parquet file") as error:
            read_facts(path)
        assert "\n" not in str(error.value)
