"""Random streams depend on task, device, strategy and seed, and not on the name of a file or label."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from harness.backends.base import Subject, subject_of
from harness.backends.live import LiveBackend
from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.evaluation import Budget, Configuration, Evaluation
from harness.landscapes.columns import METADATA_KEY
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape
from harness.measure.work import SessionOptions
from harness.run import contract
from harness.run.execute import execute
from harness.run.loop import run_loop
from harness.run.streams import VERSION, streams
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.lfbo import LFBO
from harness.strategies.random import RandomSearch
from harness.strategies.rf_ei import RandomForestEI
from harness.system.digest import digest
from harness.system.seeds import named, of_subject
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
RANDOM = "harness.strategies.random.RandomSearch"
ATTENTION = "attention-4x16x2048x64-causal-bf16"
CARD = "NVIDIA H100 80GB HBM3"


def ran(landscape: Path, results: Path, *overrides: str) -> Path:
    given = [f"backend.landscape={landscape}", f"results={results}", "budget.evaluations=15"]
    one = Composer().single([*given, *overrides])
    return execute(one.runs[0], one.options).path


def test_the_same_seed_gives_the_same_trace_under_other_names(tmp_path: Path) -> None:
    landscape = write_toy(tmp_path)
    expected = trace(ran(landscape, tmp_path / "a"))
    assert trace(ran(landscape, tmp_path / "b")) == expected
    assert trace(ran(landscape, tmp_path / "b", "strategy.label=other")) == expected
    (renamed := tmp_path / "elsewhere/mine__card.parquet").parent.mkdir()
    renamed.write_bytes(landscape.read_bytes())
    other = ran(renamed, tmp_path / "c")
    assert trace(other) == expected and other.parts[-3] == "mine__card"
    assert trace(ran(landscape, tmp_path / "d", "seed=1")) != expected


@pytest.mark.parametrize("changed", [{"task": "toy-9x9-bf16"}, {"device": {"name": "Toy 2", "slug": "toy"}}])
def test_another_task_or_device_in_a_recording_draws_otherwise(tmp_path: Path, changed: dict[str, Any]) -> None:
    landscape = write_toy(tmp_path)
    expected = trace(ran(landscape, tmp_path / "a"))
    table = pq.read_table(landscape)
    document = json.loads(table.schema.metadata[METADATA_KEY]) | changed
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(document)}), landscape)
    assert trace(ran(landscape, tmp_path / "b")) != expected


def ranks(device: str, target: str) -> np.ndarray[Any, Any]:
    """Return the rank at which seed 0 of random search visits each configuration of the attention task."""
    backend = ReplayBackend(read_landscape(find_landscape(ATTENTION, device)), np.random.SeedSequence(0))
    strategy = RandomSearch(backend.space, streams(0, subject_of(backend), target).strategy, Budget(1))
    asked = [backend.space.key(configuration) for configuration in strategy.ask(backend.space.size)]
    return np.argsort(np.argsort(asked))


@pytest.mark.slow
def test_draws_on_two_cards_or_of_two_strategies_are_uncorrelated() -> None:
    h100, h200, other = ranks("h100", RANDOM), ranks("h200", RANDOM), ranks("h100", "another.Random")
    shared = min(len(h100), len(h200))
    for one, two in ((h100[:shared], h200[:shared]), (h100, other)):
        assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(len(one))
    assert np.corrcoef(h100, ranks("h100", RANDOM))[0, 1] == pytest.approx(1.0)


def test_a_stream_can_be_made_again_with_numpy_alone() -> None:
    words = np.frombuffer(hashlib.sha256(b'["t-1", "h100 80gb hbm3"]').digest(), "<u4")
    role = np.frombuffer(hashlib.sha256(f'["strategy", "{RANDOM}"]'.encode()).digest(), "<u4")
    expected = np.random.SeedSequence(7, spawn_key=(*words.tolist(), *role.tolist())).generate_state(4)
    assert streams(7, Subject("t-1", CARD), RANDOM).strategy.generate_state(4).tolist() == expected.tolist()


def test_a_device_is_the_same_by_what_older_drivers_call_it() -> None:
    seed = np.random.SeedSequence(1)
    names = (CARD, "H100 80GB HBM3", " nvidia  h100 80gb HBM3 ")
    assert len({of_subject(seed, "t", name).spawn_key for name in names}) == 1
    assert of_subject(seed, "t", "NVIDIA H100 PCIe").spawn_key != of_subject(seed, "t", CARD).spawn_key
    assert named(seed, "a", "b").spawn_key != named(seed, "ab").spawn_key


def test_designs_are_shared_and_streams_are_not() -> None:
    table = read_landscape(find_landscape("softmax-4096x2560-bf16", "h100"))
    subject, given = Subject("softmax", CARD), Budget(30)
    lfbo, rf_ei = (streams(3, subject, target).strategy for target in ("a.LFBO", "a.ForestEI"))
    assert LFBO(table.space, lfbo, given).ask(8) == RandomForestEI(table.space, rf_ei, given).ask(8)
    assert lfbo.generate_state(2).tolist() != rf_ei.generate_state(2).tolist()
    first, fork = (ConditionalGP(table.space, streams(3, subject, name).strategy, given) for name in ("a", "b"))
    assert first.ask(5) == fork.ask(5)
    elsewhere = streams(3, Subject("softmax", "NVIDIA H200"), "a.LFBO").strategy
    assert LFBO(table.space, elsewhere, given).ask(8) != LFBO(table.space, lfbo, given).ask(8)


def test_noise_is_of_the_configuration_however_often_it_is_read(tmp_path: Path) -> None:
    """A resumed run has a new backend, which must return the readings that the interrupted run would have seen."""
    landscape = read_landscape(write_toy(tmp_path))
    row = next(i for i, samples in enumerate(landscape.samples_ms) if len(set(samples)) > 2)
    (again,) = [landscape.space.decode(landscape.codes[row])]
    first, second = (ReplayBackend(landscape, np.random.SeedSequence(4)) for _ in range(2))
    readings = [first.measure([again])[0].samples_ms for _ in range(4)]
    assert len(set(readings)) == 1
    assert [m.samples_ms for m in second.measure([again] * 4)] == readings


def visited(backend: Any, seed: int) -> list[Configuration]:
    own = streams(seed, subject_of(backend), RANDOM)
    log: list[Evaluation] = []
    strategy = RandomSearch(backend.space, own.strategy, Budget(12))
    run_loop(strategy, backend, Budget(12), 1, np.random.default_rng(own.repair), [], log.extend, lambda _: None)
    return [evaluation.configuration for evaluation in log]


def test_live_and_replay_visit_the_same_configurations(tmp_path: Path) -> None:
    """A fake card and a recording of it; the recorder writes the device's name as the driver reports it."""
    toy = pq.read_table(write_toy(tmp_path))
    metadata = json.loads(toy.schema.metadata[METADATA_KEY])
    metadata |= {"task": "fake-1-fp32", "device": FAKE.to_json()}
    recording = tmp_path / "anything__at-all.parquet"
    pq.write_table(toy.replace_schema_metadata({METADATA_KEY: json.dumps(metadata)}), recording)
    landscape = read_landscape(recording)
    replay = ReplayBackend(landscape, np.random.SeedSequence(5))
    options = SessionOptions(compile_workers=1, compile_timeout_s=5, run_timeout_s=5)
    live = LiveBackend(
        "fake-1-fp32", FakeKernel(str(tmp_path)), landscape.space, FAKE, options, work=fake_work(tmp_path)
    )
    assert subject_of(live) == subject_of(replay) == Subject("fake-1-fp32", FAKE.name)
    asked = [
        RandomSearch(backend.space, streams(5, subject_of(backend), RANDOM).strategy, Budget(12)).ask(12)
        for backend in (live, replay)
    ]
    assert asked[0] == asked[1] == visited(replay, 5)


def test_config_yaml_says_the_version_and_an_older_run_is_refused(nearopt: Nearopt, tmp_path: Path) -> None:
    landscape = write_toy(tmp_path)
    path = ran(landscape, tmp_path / "results")
    config = yaml.safe_load((path / "config.yaml").read_text())
    assert config["streams"] == VERSION == 2
    words = [f"backend.landscape={landscape}", f"results={tmp_path / 'results'}", "budget.evaluations=15"]
    assert nearopt("run", *words)[0] == 0
    as_of_version_1(path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for more in (["seed=1"], ["-m", "seed=1,2"]):
        code, _, err = nearopt("run", *more, *words)
        assert code == 2 and len(err.splitlines()) == 1
        assert f"{path.parent}: 1 of 1 runs have random streams of version 1, today's have 2: choose another" in err
    code, _, err = nearopt("run", "allow_mixed_code=true", *words)
    assert code == 2 and "streams was 1, now 2" in err
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert nearopt("run", "allow_mixed_code=true", "seed=1", *words)[0] == 0


def as_of_version_1(path: Path) -> None:
    """Make a run like those from before there were versions, including its hash."""
    file = path / contract.CONFIG
    config = yaml.safe_load(file.read_text())
    del config["streams"]
    deciding = [name for name in contract.DecidingDocument.__annotations__ if name in config]
    config["config_hash"] = digest({name: config[name] for name in deciding})
    file.write_text(yaml.safe_dump(config, sort_keys=False))


def test_a_backend_that_does_not_say_goes_by_its_task(tmp_path: Path) -> None:
    landscape = read_landscape(write_toy(tmp_path))

    class Plain:
        task, space, compile_workers, charge_ask = "mine__card", landscape.space, 1, False

    assert subject_of(Plain()) == Subject("mine__card", "")  # type: ignore[arg-type]
