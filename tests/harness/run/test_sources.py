"""The sources of a run: files and logs in the space of its task, recorded with the run, never the task itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.config.source import Source
from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.facts import TaskFacts
from harness.landscapes.landscape import read_landscape
from harness.run import contract
from harness.run.alignment import Observed, aligned
from harness.run.execute import RunResult, execute
from harness.run.source_files import observed
from harness.run.sources import sources, target_facts
from harness.strategies.base import Budget
from harness.strategies.random import RandomSearch
from harness.strategies.source import SourceData
from harness.system.digest import digest
from search_spaces.parameter import Boolean, Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy
from tests.run_directory import content, faults

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"
OTHER = {"task": "toy-16x16-bf16", "shape": {"n": 16}, "dtype": "bf16"}


class Learns(RandomSearch):
    """A strategy that keeps its sources."""

    seen: Sequence[SourceData] = ()

    def __init__(
        self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget, *, sources: Sequence[SourceData] = ()
    ) -> None:
        super().__init__(space, seed, budget)
        type(self).seen = sources


LEARNS = [f"strategy._target_={Learns.__module__}.Learns", "strategy.label=learns"]


def target(tmp_path: Path) -> Path:
    return write_toy(tmp_path, shape={"n": 8}, dtype="bf16")


def source(tmp_path: Path) -> Path:
    return write_toy(tmp_path, "toy-16x16-bf16__toy", seed=1, **OTHER)


def run(tmp_path: Path, *overrides: str, landscape: Path | None = None) -> RunResult:
    path = landscape or target(tmp_path)
    one = Composer().single(
        [f"backend.landscape={path}", f"results={tmp_path / 'r'}", "budget.evaluations=9", *overrides]
    )
    return execute(one.runs[0], one.options)


def test_a_landscape_is_seen_whole_and_is_on_record(tmp_path: Path) -> None:
    result = run(tmp_path, *LEARNS, f"source={source(tmp_path)}")
    (seen,) = Learns.seen
    recorded = read_landscape(source(tmp_path))
    assert [dict(c) for c in seen.configurations] == [recorded.space.decode(row) for row in recorded.codes]
    assert seen.statuses == recorded.status
    best = np.array([np.nan if value is None else value for value in seen.latencies_ms])
    np.testing.assert_array_equal(best, recorded.oracle_ms)
    assert (seen.facts.task, seen.facts.shape, seen.target.shape) == ("toy-16x16-bf16", {"n": 16}, {"n": 8})
    config = content(result.path / contract.CONFIG)
    (of,) = config["source"]["of"]
    assert (of["task"], of["device"]) == ("toy-16x16-bf16", "Toy Device") and set(config["source"]) == {"of"}
    names = [name for name in contract.DecidingDocument.__annotations__ if name in config]
    assert "source" in names and config["config_hash"] == digest({name: config[name] for name in names})
    assert faults(config, "config.yaml") == []
    environment = content(result.path / contract.ENVIRONMENT)
    assert faults(environment, "environment.json") == []
    assert environment["source"]["accounts"][0]["configurations"] == len(seen)
    assert result.learned_from == (
        f"source toy-16x16-bf16__toy: {len(seen)} configurations of {len(seen)} evaluations, "
        "toy-16x16-bf16: its latencies do not follow from its parameters (rank correlation of neighbours "
        f"{seen.coherence:.2f}), so strategies that check their sources ignore it"
    ), "the toy's latencies are drawn at random"
    assert run(tmp_path, *LEARNS, f"source={source(tmp_path)}").ended == "skipped"


def test_without_it_nothing_is_said_and_a_strategy_that_cannot_learn_is_refused(tmp_path: Path) -> None:
    config = content(run(tmp_path, *LEARNS).path / contract.CONFIG)
    assert "source" not in config and Learns.seen == ()
    with pytest.raises(
        UserError, match=r"source=.*: strategy random: .*RandomSearch cannot learn from sources"
    ) as error:
        run(tmp_path, "strategy=random", "strategy.label=random", f"source={source(tmp_path)}")
    assert "\n" not in str(error.value) and not (tmp_path / "r" / TASK / "random").exists()
    with pytest.raises(UserError, match=r"holds a run of another configuration.*source was None, now"):
        run(tmp_path, *LEARNS, f"source={source(tmp_path)}")


def test_another_source_is_another_run(tmp_path: Path) -> None:
    hashes = set()
    for seed in (1, 2):
        file = write_toy(tmp_path, "toy-16x16-bf16__toy", seed=seed, **OTHER)
        path = run(tmp_path, f"{LEARNS[0]}", f"strategy.label=l{seed}", f"source={file}").path
        hashes.add(content(path / contract.CONFIG)["source"]["of"][0]["sha256"])
    assert len(hashes) == 2


def test_a_sample_is_as_a_random_search_would_see_it_and_follows_the_seed(tmp_path: Path) -> None:
    file = source(tmp_path)
    recorded = read_landscape(file)

    def rows(seed: int, runs: int | None = None) -> Observed:
        (found,) = observed(file, Source((str(file),), 20, runs), seed)
        return found

    one, again, other, three = rows(0), rows(0), rows(1), rows(0, 3)
    assert one == again and one.configurations != other.configurations
    assert len(one.configurations) == 20 and 20 < len(three.configurations) <= 60
    for configuration, latency in zip(one.configurations, one.latencies_ms, strict=True):
        expected = recorded.latency_ms[recorded.space.row_of(configuration)]
        assert latency == expected or (latency is None and np.isnan(expected))


def test_logs_of_runs_done_and_interrupted(tmp_path: Path) -> None:
    file = source(tmp_path)
    for seed in (0, 1, 2):
        done = run(tmp_path, "strategy=random", f"seed={seed}", landscape=file).path
    log = done / contract.EVALUATIONS
    whole = observed(tmp_path / "r", Source(("r",)), 0)
    assert len(whole) == 1 and len(whole[0].configurations) == 27
    assert whole[0].facts == replace(whole[0].facts, task="toy-16x16-bf16", shape={"n": 16}, dtype="bf16")
    assert whole[0].facts.device_name == "toy device"
    assert observed(done.parent, Source(("r",)), 0) == whole
    (single,) = observed(done, Source(("r",)), 0)
    assert single.configurations == whole[0].configurations[18:]
    (first,) = observed(tmp_path / "r", Source(("r",), 4, 2), 0)
    assert len(first.configurations) == 8
    chosen = {json.dumps(observed(tmp_path / "r", Source(("r",), 9, 1), s)[0].latencies_ms) for s in range(12)}
    assert len(chosen) == 3, "the seed of the run that learns decides which"
    assert log.is_file()
    sourced = run(tmp_path, *LEARNS, f"source={tmp_path / 'r'}")
    assert len(Learns.seen) == 1 and "9 evaluations" not in sourced.learned_from


def test_the_task_itself_is_never_a_source(tmp_path: Path) -> None:
    mine = target(tmp_path)
    with pytest.raises(UserError, match=f"{TASK} is the task itself: expected an earlier tuning of another"):
        run(tmp_path, *LEARNS, f"source={mine}")
    renamed = write_toy(tmp_path, "mine__x", shape={"n": 8}, dtype="bf16")
    result = run(tmp_path, *LEARNS, f"source=[{renamed},{source(tmp_path)}]")
    assert [seen.facts.task for seen in Learns.seen] == ["toy-16x16-bf16"]
    assert "mine__x is ignored: it is the task itself" in result.learned_from


def test_a_word_finds_the_nearest_recording() -> None:
    def of(task: str, word: str) -> list[str]:
        one = Composer().compose([f"task={task}", "strategy=warm", f"source={word}"])
        landscape = read_landscape(Path("experiments/landscapes") / f"{task}.parquet")
        found = sources(one, ReplayBackend(landscape, np.random.SeedSequence(0)))
        assert found is not None and not found.itself
        return [account.source for account in found.accounts]

    task = "softmax-4096x2560-bf16__h200"
    assert of(task, "sibling") == of(task, "sibling_device") == ["softmax-4096x2560-bf16__h100"]
    assert of(task, "sibling_shape") == ["softmax-16384x2560-bf16__h200"]
    every = of(task, "sibling_shapes")
    assert len(every) == 4 and not any("4096x2560" in name for name in every)
    with pytest.raises(UserError, match=r"source=sibling: helion_softmax.*: there is no other recording"):
        of("helion_softmax-16384x2560-bf16__h200", "sibling")


def test_another_dtype_is_no_other_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [target(tmp_path), source(tmp_path)]
    for name, shape, device in (("a", 8, "Toy Device"), ("b", 8, "Other"), ("c", 16, "Toy Device")):
        facts = {"task": f"toy-{name}", "kernel": "toy", "shape": {"n": shape}, "dtype": "fp16"}
        files.append(write_toy(tmp_path, f"{name}__x", device={"name": device, "slug": "x"}, **facts))
    monkeypatch.setattr("harness.run.sources.recorded_landscapes", lambda: files)
    found = {}
    for word in ("sibling", "sibling_shape", "sibling_dtype"):
        one = Composer().compose([f"backend.landscape={files[0]}", *LEARNS, f"source={word}"])
        learned = sources(one, ReplayBackend(read_landscape(files[0]), np.random.SeedSequence(0)))
        assert learned is not None
        found[word] = [account.source for account in learned.accounts]
    assert found == {"sibling": ["a__x"], "sibling_shape": ["toy-16x16-bf16__toy"], "sibling_dtype": ["a__x"]}


HERE = SearchSpace(
    [
        Categorical("scheme", ("a", "b")),
        Ordinal("block", (16, 32, 64), "log2"),
        Ordinal("depth", (1, 2), "linear", active_when="scheme == 'b'"),
        Boolean("pad"),
    ],
    constraints=["block * depth <= 64"],
)


def test_spaces_are_aligned_by_name_and_value() -> None:
    there = [
        {"scheme": "a", "block": 16, "depth": 1, "pad": True, "extra": 0},  # depth is inactive here
        {"scheme": "a", "block": 16, "pad": True, "extra": 1},  # the same here
        {"scheme": "a", "block": 16, "pad": True, "extra": 2},
        {"scheme": "a", "block": 128, "pad": True, "extra": 0},  # no such value
        {"scheme": "b", "block": 16, "pad": False},  # depth is missing
        {"scheme": "b", "block": 64, "depth": 2, "pad": False},  # infeasible
        {"scheme": "b", "block": 32, "depth": 2, "pad": False},
    ]
    statuses = [Status.OK, Status.OK, Status.COMPILE_ERROR, Status.OK, Status.OK, Status.OK, Status.RUN_TIMEOUT]
    latencies = [1.0, 3.0, None, 1.0, 1.0, 1.0, None]
    seen = Observed("other", TaskFacts("other"), there, statuses, latencies)
    data, account = aligned(HERE, seen, TaskFacts("mine"))
    assert data.configurations == (
        {"scheme": "a", "block": 16, "pad": True},
        {"scheme": "b", "block": 32, "depth": 2, "pad": False},
    )
    assert data.latencies_ms == (2.0, None) and data.statuses == (Status.OK, Status.RUN_TIMEOUT)
    assert account.told() == (
        "other: 2 configurations of 7 evaluations: 1 with values that this space lacks; "
        "1 without a value of a parameter of this space; 1 infeasible here; 2 equal to another one here; without extra"
    )


def test_a_source_of_which_nothing_fits_is_one_line(tmp_path: Path) -> None:
    other = Path("experiments/landscapes/softmax-512x65536-bf16__h100.parquet")
    with pytest.raises(
        UserError, match=r"none of its configurations can be evaluated here: softmax-512x65536-bf16__h100: 0 conf"
    ):
        run(tmp_path, *LEARNS, f"source={other}")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"contains no run: expected a run's directory or a results folder"):
        run(tmp_path, *LEARNS, f"source={empty}")


def test_a_live_task_is_described_by_its_configuration(tmp_path: Path) -> None:
    class Live(ReplayBackend):
        def reference(self) -> None:  # type: ignore[override]
            return None

        def environment(self) -> dict[str, object]:
            return {"device": {"name": "Toy Device", "sm_count": 3}}

    task = Composer().compose(["task=softmax-4096x2560-bf16"]).task
    facts = target_facts(task, Live(read_landscape(target(tmp_path)), np.random.SeedSequence(0)))
    assert (facts.shape, facts.dtype, facts.device["sm_count"]) == ({"rows": 4096, "cols": 2560}, "bf16", 3)


def test_a_sweep_tells_what_each_task_knew(tmp_path: Path, nearopt: Nearopt) -> None:
    words = [f"backend.landscape={target(tmp_path)}", *LEARNS, f"source={source(tmp_path)}", "budget.evaluations=3"]
    code, _, err = nearopt("run", "-m", *words, "seed=0,1", "jobs=1", f"results={tmp_path / 'r'}")
    lines = [line for line in err.splitlines() if "configurations of" in line]
    assert code == 0 and len(lines) == 1 and f"{TASK}: source toy-16x16-bf16__toy: " in lines[0], err
