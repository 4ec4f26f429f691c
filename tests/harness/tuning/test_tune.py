"""``nearopt tune`` on recordings: an ordinary run, its best configuration, ``best.json``, and one-line errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from analysis.runs.load import load_study
from harness.config.kernel_file import read_kernel_file
from harness.errors import UserError
from harness.strategies import source
from harness.study import sweep
from harness.tuning import tune
from harness.tuning.prepare import Tuning
from search_spaces.device import H100
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import toy_columns, toy_space, write_toy
from tests.harness.tuning.own_kernels import cpu_kernel, recording
from tests.run_directory import faults, folder

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"
KEYS = {"configuration", "latency_ms", "task", "strategy", "evaluations", "default_ms", "vendor_ms", "statuses",
        "versions", "device", "confirmed"}  # fmt: skip


def best(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((path / "best.json").read_text())
    assert document.keys() >= KEYS
    return document


def test_a_recording_is_searched_and_the_best_is_written(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path, vendor={"name": "lib", "latency_ms": 3.5})
    code, out, err = nearopt("tune", "--landscape", path, "--evaluations", 25, "-o", "out")
    assert code == 0, err
    document = best(tmp_path / "out")
    assert (document["task"], document["strategy"], document["evaluations"]) == (TASK, "conditional_gp", 25)
    assert (document["vendor_ms"], document["device"], document["complete"]) == (3.5, "Toy Device", True)
    assert document["confirmed"] and sum(document["statuses"].values()) == 25
    assert "strategy conditional_gp: " in err
    lines = out.splitlines()
    assert lines[0] == f"the best configuration of {TASK}" and lines[-1] == "out/best.json"
    for name in document["configuration"]:
        assert any(line.split()[0] == name for line in lines[1:])
    columns = toy_columns(toy_space())
    configuration = {**document["configuration"], "order": tuple(document["configuration"]["order"])}
    assert columns["oracle_ms"][columns["configurations"].index(configuration)] == document["latency_ms"]
    seen = folder(tmp_path / "out")
    assert faults(seen) == [] and seen[TASK]["conditional_gp"]["seed-0"].keys() >= {"DONE", "config.yaml"}
    assert len(load_study([tmp_path / "out"]).evaluations) == 25
    code, out, _ = nearopt("best", "--json", "out")
    assert json.loads(out)["best"][0]["configuration"] == document["configuration"]
    again = nearopt("tune", "--landscape", path, "--evaluations", 25, "-o", "out")
    assert again[0] == 0 and again[1].splitlines() == lines and best(tmp_path / "out") == document


def test_workers_strategy_and_further_options_reach_the_run(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    words = ("--strategy", "random", "--workers", 4, "--seconds", 9, "seed=3", "backend.noise=none")
    code, _, err = nearopt("tune", "--landscape", path, *words)
    assert code == 0, err
    run = tmp_path / "tuned" / TASK / TASK / "random/seed-3"
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["schedule"] == {"kind": "async", "workers": 4, "ask_ahead": False}
    assert config["budget"] == {"evaluations": None, "seconds": 9} and config["backend"]["noise"] == "none"
    assert best(tmp_path / "tuned" / TASK)["strategy"] == "random"


def test_with_a_source_it_learns_from_it(nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "COHERENT", -1.0)  # the toy's latencies are drawn at random
    other = write_toy(tmp_path, "toy-16x16-bf16__toy", seed=0, task="toy-16x16-bf16")
    path = write_toy(tmp_path, seed=0)
    code, _, err = nearopt("tune", "--landscape", path, "--evaluations", 9, f"source={other}", "-o", "out")
    assert code == 0 and "strategy transfer_gp: it learns from the source" in err, err
    document = best(tmp_path / "out")
    assert document["strategy"].startswith("transfer_gp(source=toy-16x16")
    columns = toy_columns(toy_space())
    found = [latency for latency in columns["oracle_ms"] if latency is not None]
    assert document["latency_ms"] == min(found), "the source's best is the task's"


def test_a_budget_that_covers_the_space_measures_all_of_it(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    size = toy_space().size
    code, _, err = nearopt("tune", "--landscape", path, "--evaluations", size + 5, "-o", "out", "backend.noise=none")
    assert code == 0 and f"the budget covers all {size} configurations" in err
    document = best(tmp_path / "out")
    known = [value for value in toy_columns(toy_space())["oracle_ms"] if value is not None]
    assert (document["strategy"], document["evaluations"]) == ("random", size)
    assert document["latency_ms"] == min(known)


def test_an_own_kernel_begins_with_its_default(nearopt: Nearopt, tmp_path: Path) -> None:
    file = cpu_kernel(tmp_path, "rowsum_of_default")
    space = read_kernel_file(str(file)).kernel().search_space(H100)  # type: ignore[attr-defined]
    path = recording(tmp_path / "rowsum.parquet", space, "rowsum_of_default-128x32-fp32", failed=(0, 1, 2))
    words = (f"{file.name}:RowSum", "rows=128", "--landscape", path, "--evaluations", 8, "-o", "out")
    code, out, err = nearopt("tune", *words)
    assert code == 0, err
    document = best(tmp_path / "out")
    recorded = {(row["config.block"], row["config.flip"]): row["latency_ms"] for row in pq.read_table(path).to_pylist()}
    default_ms = recorded[8, False]
    assert document["default_ms"] == default_ms >= document["latency_ms"]
    assert "begins with the task's default" in err and f"default  {default_ms:.5g} ms" in out
    assert document["triton"] is None and "triton" not in out
    code, _, err = nearopt("tune", f"{file.name}:RowSum", "rows=64", "--landscape", path)
    assert code == 2 and "rowsum_of_default-128x32-fp32: expected a recording of rowsum_of_default-64x32-fp32" in err


def test_ctrl_c_tells_the_best_so_far_and_the_same_command_goes_on(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_toy(tmp_path)
    words = ("tune", "--landscape", path, "--evaluations", 20, "--strategy", "random")
    assert nearopt(*words, "-o", "whole")[0] == 0
    told: list[str] = []

    def stop_at_the_ninth(_: object, note: str = "") -> None:
        told.append(note)
        if len(told) == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sweep.ProgressDisplay, "advance", stop_at_the_ninth)
        code, out, err = nearopt(*words, "-o", "cut")
    assert code == 130 and "nearopt: interrupted (9 evaluations are saved); the same command resumes" in err
    so_far = best(tmp_path / "cut")
    assert (so_far["evaluations"], so_far["complete"]) == (9, False) and "interrupted" in out
    assert out.startswith(f"the best configuration of {TASK}") and any("best " in note for note in told)
    assert nearopt(*words, "-o", "cut")[0] == 0
    whole, cut = best(tmp_path / "whole"), best(tmp_path / "cut")
    assert {**cut, "path": ""} == {**whole, "path": ""} and cut["evaluations"] == 20


def test_where_nothing_works_it_fails_and_says_why(nearopt: Nearopt, tmp_path: Path) -> None:
    space = toy_space()
    path = recording(tmp_path / "bad__up.parquet", space, "bad", failed=range(space.size))
    code, out, err = nearopt("tune", "--landscape", path, "--evaluations", 6, "-o", "out")
    assert code == 1
    assert out.splitlines() == [
        "bad__up: none of 6 evaluations succeeded",
        "  wrong_result: 6; most often, 6 times: off by one",
    ]
    assert not (tmp_path / "out/best.json").exists() and "Traceback" not in err


def test_what_cannot_be_confirmed_is_told_as_it_was_found(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> Iterator[None]:
        raise UserError("the device is taken")

    monkeypatch.setattr(Tuning, "live", True)
    monkeypatch.setattr(tune, "retime_tasks", taken)
    code, out, err = nearopt("tune", "--landscape", write_toy(tmp_path), "--evaluations", 9, "-o", "out")
    assert code == 0 and err.splitlines()[-1] == "nearopt: not confirmed: the device is taken"
    assert out.startswith("the best configuration of") and best(tmp_path / "out")["evaluations"] == 9


def test_a_folder_of_another_task_or_search_is_left_alone(nearopt: Nearopt, tmp_path: Path) -> None:
    path, other = write_toy(tmp_path), write_toy(tmp_path, "other__toy")
    first = ("tune", "--landscape", path, "-o", "out", "--strategy", "random", "--evaluations")
    assert nearopt(*first, 10)[0] == 0
    before = (tmp_path / "out/best.json").read_text()
    code, _, err = nearopt("tune", "--landscape", other, "-o", "out", "--evaluations", 10)
    assert code == 2 and f"out/best.json: belongs to {TASK}: expected another -o for other__toy" in err
    code, _, err = nearopt(*first, 9)
    assert code == 2 and "budget.evaluations was 10, now 9): expected another -o, or move it away" in err
    assert (tmp_path / "out/best.json").read_text() == before
    assert nearopt(*first, 12)[0] == 0  # a larger budget continues the run
    assert json.loads((tmp_path / "out/best.json").read_text())["evaluations"] == 12
    (tmp_path / "out/best.json").write_text("{")
    code, _, err = nearopt(*first, 12)
    assert code == 2 and err.splitlines()[-1].startswith("nearopt: out/best.json: cannot be read")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to tune: expected FILE.py:NAME, a task's name, or --landscape FILE"),
        (("nosuch.py:Kernel",), "nosuch.py: no such file: expected FILE.py:NAME"),
        (("softmx",), "expected softmax"),
        (("softmax", "layernorm"), "layernorm: expected KEY=VALUE after a single kernel or task"),
        (("softmax", "rowz=3"), "rowz=3: unknown option: expected rows=VALUE"),
        (("softmax", "results=x"), "results=x: expected -o DIR"),
        (("softmax", "budget.evaluations=3"), "budget.evaluations=3: expected --evaluations or --seconds"),
        (("task=softmax",), "task=softmax: expected only a name, or FILE.py:NAME"),
        (("softmax", "strategy.gamma=0.2"), "strategy.gamma=0.2: needs a strategy: expected --strategy NAME as well"),
        (("needs_rows.py", "cols=3"), "needs_rows.py: its shape is incomplete: expected rows=VALUE dtype=VALUE"),
        (("no_rows.py",), "no configuration is feasible: expected another shape, or fewer constraints"),
        (("softmax", "--evaluations", "0"), "budget.evaluations=0: expected 1 or more"),
        (("softmax", "--workers", "0"), "workers=0: expected a whole number"),
        (
            ("softmax", "--strategy", "conditional"),
            "no such strategy: expected conditional_gp",
        ),
        (("--landscape", "nosuch.parquet"), "nosuch.parquet: cannot be read"),
    ],
)
def test_a_mistake_is_a_line(nearopt: Nearopt, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    if "needs_rows.py" in words:
        file = cpu_kernel(tmp_path, "needs_rows")
        file.write_text(
            file.read_text().replace("rows: int = 64", "rows: int").replace("int = 32", "int").replace('= "fp32"', "")
        )
    if "no_rows.py" in words:
        file = cpu_kernel(tmp_path, "no_rows")
        file.write_text(file.read_text().replace('Boolean("flip")]', 'Boolean("flip")], constraints=["block > 32"]'))
    code, out, err = nearopt("tune", *words)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1, err


def test_a_dry_run_is_refused_and_nothing_is_written(nearopt: Nearopt, tmp_path: Path) -> None:
    code, out, err = nearopt("tune", "--landscape", write_toy(tmp_path), "dry_run=true", "-o", "out")
    assert (code, out) == (2, "") and "dry_run=true: not supported here: expected dry_run=true with nearopt run" in err
    assert not Path("out").exists()
