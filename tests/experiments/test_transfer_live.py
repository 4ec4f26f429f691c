"""The live confirmation of the transfer study: its plan, its shapes, and what is made of its runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate

from analysis.runs.load import Study
from experiments.transfer import live_table
from experiments.transfer.live_runs import CONF, LIVE, hypothesis, main, make_plan
from harness.config.compose import Composer
from harness.landscapes.facts import facts_of, read_facts
from harness.landscapes.library import recorded_landscapes
from harness.landscapes.siblings import siblings

SAID = hypothesis()
SOURCES = {
    "softmax-6144x3072-bf16": "softmax-4096x2560-bf16__h100",
    "layernorm-8192x6144-bf16": "layernorm-8192x4096-bf16__h100",
    "attention-4x16x3072x64-causal-bf16": "attention-4x16x2048x64-causal-bf16__h100",
    "matmul-3072x3072x3072-bf16": "matmul-4096x4096x4096-bf16__h100",
}


@pytest.mark.parametrize("name", SAID["tasks"])
def test_a_task_is_in_no_recording_and_its_source_is_the_one_that_the_hypothesis_names(name: str) -> None:
    task = Composer(CONF).compose([f"task={name}"]).task
    assert task is not None and task.name == instantiate(task.kernel).name == name
    assert not [path for path in recorded_landscapes() if path.stem.startswith(f"{name}__")]
    shape = {field: value for field, value in task.kernel.items() if field not in ("_target_", "dtype")}
    device = {"name": "NVIDIA H100 80GB HBM3"}
    facts = facts_of({"task": name, "shape": shape, "dtype": task.kernel["dtype"], "device": device})
    near = siblings(facts, recorded_landscapes())
    assert near[0].stem == SOURCES[name] and not facts.same_problem(read_facts(near[0]))


def test_the_plan_has_every_arm_of_every_task_and_seed_once_in_blocks_of_random_order() -> None:
    plan = make_plan(SAID)
    assert plan == make_plan(SAID) and [run.order for run in plan] == list(range(len(plan)))
    count = Counter((run.task, run.label, run.seed) for run in plan)
    labels = {arm["label"] for arm in SAID["arms"]}
    assert set(count.values()) == {1} and len(count) == len(SAID["tasks"]) * len(labels) * 5
    for block in {run.block for run in plan}:
        assert len({run.seed for run in plan if run.block == block}) == 1
    firsts = Counter(run.label for run in plan[:: len(labels)])
    assert max(firsts.values()) < 15, "of 20 blocks: no arm is always first"


def test_a_run_is_the_command_that_its_arm_states() -> None:
    run = next(run for run in make_plan(SAID) if run.label == "transfer_gp")
    words = run.words(Path("out"), [*LIVE.split(), "backend.landscape=x/{task}.parquet"])
    assert words[:4] == ["run", "--config-dir", str(CONF), f"task={run.task}"]
    assert f"backend.landscape=x/{run.task}.parquet" in words and "backend=live" in words
    assert {"strategy=transfer_gp", "source=sibling_shape", "budget.evaluations=30"} <= set(words)
    cold = next(run for run in make_plan(SAID) if run.label == "conditional_gp")
    assert not [word for word in cold.words(Path("out"), []) if word.startswith("source")]


def test_nothing_is_retimed_where_no_run_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").mkdir()
    assert main(["retime", str(tmp_path / "results"), str(tmp_path / "out")]) == 1
    assert "nothing to re-time" in capsys.readouterr().out and (tmp_path / "out" / "live.tar.gz").exists()


def study(ways: dict[str, list[list[float]]], task: str = "softmax-1x1-bf16__h100") -> Study:
    """A study whose runs observe, and truly have, the given latencies."""
    runs, evaluations = [], []
    for way, seeds in ways.items():
        for seed, latencies in enumerate(seeds):
            runs.append(
                {
                    "task": task, "strategy": way, "seed": seed, "evaluations": len(latencies), "clock_s": 2.0,
                    "ended": "budget",
                }
            )  # fmt: skip
            for i, value in enumerate(latencies):
                evaluations.append(
                    {
                        "run": len(runs) - 1, "index": i, "ok": np.isfinite(value), "latency_ms": value,
                        "oracle_ms": value, "clock_end_s": float(i),
                    }
                )  # fmt: skip
    table = pd.DataFrame(evaluations).replace(np.inf, np.nan)
    return Study(pd.DataFrame(runs).rename_axis("run"), table)


def test_slowdowns_are_relative_to_the_best_that_any_run_found() -> None:
    made = live_table.runs_of(
        study({"conditional_gp": [[8.0, 8.0, 4.0, 2.0, 2.0]], "transfer_gp": [[np.inf, 2.06, 2.4, 2.0, 1.0]]})
    )
    cold, warm = made.to_dict("records")
    assert (cold["after_1"], cold["after_3"], cold["after_5"], cold["hit"]) == (8.0, 4.0, 2.0, 0)
    assert (warm["after_1"], warm["after_3"], warm["hit"], warm["best_ms"]) == (np.inf, 2.06, 5, 1.0)
    assert warm["after_20"] == 1.0, "after its end a run keeps its incumbent"
    assert live_table.summary(made)["hits"].tolist() == ["0/1", "1/1"]


def test_the_incumbent_is_chosen_by_what_was_observed_and_judged_by_what_is_true() -> None:
    one = study({"transfer_gp": [[1.0, 2.0]]})
    one.evaluations["oracle_ms"] = [3.0, 1.5]  # the first reading was lucky
    (row,) = live_table.runs_of(one).to_dict("records")
    assert row["after_1"] == row["after_20"] == 2.0 and row["hit"] == 0


def test_a_seed_that_one_way_lacks_is_left_out_of_its_task() -> None:
    made = live_table.runs_of(study({"a": [[1.0], [2.0]], "b": [[1.0], [2.0], [3.0]]}))
    kept = live_table.whole(made, ["a", "b"])
    assert kept[["way", "seed"]].to_numpy().tolist() == [["a", 0], ["a", 1], ["b", 0], ["b", 1]]
    assert live_table.whole(made, ["a", "b", "c"]).empty


def test_a_claim_is_judged_by_medians_over_seeds_and_a_geometric_mean_over_tasks() -> None:
    parts = [
        study({"conditional_gp": [[2.0]] * 3, "transfer_gp": [[1.0], [1.0], [9.0]]}, "softmax-1x1-bf16__h100"),
        study({"conditional_gp": [[2.0, 1.0]] * 3, "transfer_gp": [[4.0]] * 3}, "matmul-1x1x1-bf16__h100"),
    ]
    runs = pd.concat([live_table.runs_of(part) for part in parts], ignore_index=True)
    assert live_table.slowdown(runs, ["softmax", "matmul"], "transfer_gp", 1) == pytest.approx(2.0)
    claims = [
        {"name": "a", "kernels": ["softmax"], "after": 1, "at_most": 1.0},
        {"name": "b", "kernels": ["softmax", "matmul"], "after": 1, "cold_after": 1, "factor": 0.9},
        {"name": "c", "kernels": ["attention"], "after": 1, "at_most": 1.0},
    ]
    first, second, third = live_table.verdicts(runs, {"claims": claims})
    assert first == "a: 1.000 after 1, at most 1.000: reached"
    assert second == "b: 2.000 after 1, at most 1.800 (0.9 times 2.000, cold after 1): not reached"
    assert third.endswith("no runs")


PAGE = Path(live_table.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_and_the_verdicts_that_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert live_table.main([str(Path(live_table.__file__).with_name("live") / "runs.csv")]) == 0
    said = capsys.readouterr().out.rstrip("\n")
    assert said in PAGE and said.count("\n* ") == len(SAID["claims"])


def test_the_kept_rows_print_the_same_table_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = live_table.runs_of(study({"conditional_gp": [[2.0, 1.0]], "transfer_gp": [[np.inf, 1.0]]}))
    runs.to_csv(tmp_path / "runs.csv", index=False)
    assert live_table.main([str(tmp_path / "runs.csv"), "-o", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "runs.csv").read_text()
    said = capsys.readouterr().out
    assert "| softmax-1x1-bf16 | transfer_gp | 1 | 1/1 | 2 | 2 | inf | 1.00 |" in said
    assert len([line for line in said.splitlines() if line.startswith("* ")]) == len(SAID["claims"])
