"""Parts of the run loops: admission of proposals, rows and lines of the log, given configurations."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation import DeviceState, RepairedConfiguration, Status
from harness.run import contract, given
from harness.run.admission import Admission
from harness.run.given import given_default
from harness.run.log_lines import bad_key
from harness.run.rows import evaluation_of, table_of
from harness.testing import spaces
from search_spaces.parameter import Boolean, Categorical, Integer, Permutation
from search_spaces.space import SearchSpace

LINE = {
    "index": 0, "configuration": {"i": 1}, "status": "ok", "samples_ms": [1.0], "latency_ms": 1.0, "oracle_ms": None,
    "compile_s": 3.0, "verify_s": 0.5, "benchmark_s": 1, "ask_s": 0.0, "tell_s": 0.0, "clock_start_s": 0.0,
    "clock_end_s": 4.5,
}  # fmt: skip


def test_admission_lets_each_through_once_in_the_spaces_own_values() -> None:
    space = SearchSpace([Boolean("a"), Integer("i", 0, 1)])
    admission = Admission(space, np.random.default_rng(0))
    assert admission.admit({"a": 1, "i": np.int64(0)}) == ({"a": True, "i": 0}, False)
    first = admission.admit(RepairedConfiguration({"a": False, "i": 0}))
    assert first == ({"a": False, "i": 0}, True)
    found = [admission.admit({"a": True, "i": 0}) for _ in range(3)]
    assert found[0] == ({"a": True, "i": 1}, True) and found[1] == ({"a": False, "i": 1}, True) and found[2] is None


def test_admission_beyond_the_list() -> None:
    space = spaces.huge()
    admission = Admission(space, np.random.default_rng(0))
    proposal = {f"p{i}": i for i in range(10)}
    assert admission.admit(proposal) == (proposal, False)
    repaired = admission.admit(proposal)
    assert repaired is not None and repaired[1] and sum(repaired[0][name] != proposal[name] for name in proposal) == 1
    broken = admission.admit(proposal | {"p1": 9, "p2": 3})
    assert broken is not None and broken[1] and space.contains(broken[0])


def test_a_row_of_the_log_is_the_evaluation_and_a_table_has_the_types_of_the_space() -> None:
    space = SearchSpace(
        [Categorical("m", ("x", 2)), Permutation("o", 2), Boolean("b"), Integer("n", 0, 3, active_when="b")]
    )
    row: dict[str, Any] = LINE | {"message": "", "repaired": False, "unknown": 1, "latency_ms": 2.0}
    row |= {"configuration": {"m": 2, "o": [1, 0]}, "samples_ms": [1.0, 3.0], "asks_s": [0.5]}
    row |= {"device_state": {"sm_clock_mhz": 1500, "temperature_c": 40, "throttle_reasons": 4}}
    read = evaluation_of(row)
    assert read.configuration == {"m": 2, "o": (1, 0)} and read.asks_s == (0.5,) and read.samples_ms == (1.0, 3.0)
    assert read.status is Status.OK and read.device_state == DeviceState(1500, 40, 4) and read.latency_ms == 2.0
    failed = LINE | {"message": "bad", "repaired": True, "status": "compile_error", "configuration": {}}
    assert evaluation_of(dict(failed)).asks_s is None
    table = table_of([read, evaluation_of(failed)], space).to_pydict()
    assert table["status"] == ["ok", "compile_error"] and table["sm_clock_mhz"] == [1500, None]
    parameters = [table[contract.parameter_column(name)] for name in space.names]
    assert parameters == [["2", None], [[1, 0], None], [None, None], [None, None]], "of several types: text"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"latency_ms": None, "status": "compile_error", "samples_ms": []}, ""),
        ({"index": 1}, "index"),
        ({"compile_s": None}, "compile_s"),
        ({"clock_end_s": "4.5"}, "clock_end_s"),
        ({"latency_ms": True}, "latency_ms"),
        ({"samples_ms": 1.0}, "samples_ms"),
        ({"samples_ms": [None]}, "samples_ms"),
        ({"status": "fine"}, "status"),
        ({"configuration": [1]}, "configuration"),
    ],
)
def test_what_a_line_of_the_log_cannot_say(change: dict[str, Any], field: str) -> None:
    assert bad_key(LINE | change, 0).partition(" is ")[0] == field
    assert bad_key([1], 0)


def test_a_run_began_with_the_tasks_default_if_its_config_says_so() -> None:
    start = {"source": "task.fallbacks[0]", "configurations": [{"i": 3}, {"i": 4}]}
    assert given_default({"start": start}) == given_default({"start": start | {"source": "helion"}}) == {"i": 3}
    without: list[dict[str, Any]] = [{}, {"start": None}, {"start": start | {"configurations": []}}]
    assert [given_default(each) for each in [*without, {"start": start | {"source": "file"}}]] == [None] * 4


def test_a_compiler_that_suggests_nothing_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, int]] = []
    module = ModuleType("harness.strategies.helion.seeds")
    vars(module)["helion_compiler_seeds"] = lambda _: found
    monkeypatch.setitem(sys.modules, module.__name__, module)
    space = SearchSpace([Integer("i", 0, 3)])
    with pytest.raises(UserError, match="no compiler suggests"):
        given._compiler_seeds(space)
    monkeypatch.setattr(given, "description_of", lambda _: {})
    with pytest.raises(UserError, match="suggests nothing"):
        given._compiler_seeds(space)
    found.append({"i": 1})
    assert given._compiler_seeds(space) == [{"i": 1}]
