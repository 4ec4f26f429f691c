"""Helion's own autotuner beside the adapter: what is kept of a search, what a call resumes, and the comparison."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic as now_s  # to set the time to stop at; no duration is tested
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from experiments.helion_2 import own, own_table
from experiments.helion_2.live import TASKS, VERSION
from experiments.helion_2.own import LABEL, OWN, Asked, Search, Trial, helion_seed, read, read_trials, run
from experiments.helion_2.own_table import AT_N, CHOSEN, HELION, OURS, choices, compare, paces, retime_both, text
from harness.errors import UserError
from harness.record.retime_study import LiveEvaluation
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, space

END = 1000.0
"""A time by which a search has to stop, on a clock of the test's own."""
HEADER = "run_id,timestamp_s,config_id,generation,status,perf_ms,compile_time_s,config\n"
ROWS = (
    'r,1.00,a,0,started,,,"Config(size=3)"\n'
    'r,1.50,a,0,ok,0.030000,0.20,"Config(size=3)"\n'
    'r,2.25,b,0,error,,,"Config(size=9)"\n'
    'r,4.00,c,1,ok,0.020000,0.40,"Config(size=2)"\n'
)
STUB = f"""
import json, os, sys, time
from pathlib import Path
task, seed, jobs, folder = sys.argv[1:]
(Path(folder) / "helion.csv").write_text({HEADER + ROWS!r})
with (Path(folder).parent / "calls.txt").open("a") as calls:
    print(os.environ["HELION_SKIP_CACHE"], os.environ["TRITON_CACHE_DIR"], file=calls)
if os.environ["STUB"] == "fails":
    sys.exit("no kernel")
if os.environ["STUB"] == "hangs":
    time.sleep(600)
metrics = {{"num_configs_tested": 4, "best_perf_ms": 0.019, "num_generations": 1}}
done = {{"seconds": 5.5, "chosen": {{"size": 2}}, "metrics": metrics}}
(Path(folder) / "done.json").write_text(json.dumps(done))
"""
"""Stands for a search of Helion's own."""
NEAROPT = """
import sys
from pathlib import Path
words = dict(word.split("=", 1) for word in sys.argv[2:])
folder = Path(words["results"]) / (words["task"] + "__f100") / words["strategy.label"] / ("seed-" + words["seed"])
folder.mkdir(parents=True)
(folder / "words").write_text(" ".join(sys.argv[1:]))
"""
"""Stands for ``nearopt``."""


def _installed() -> bool:
    try:
        return version("helion") == VERSION
    except PackageNotFoundError:
        return False


def asked(folder: Path, seconds: float = 600.0, **more: Any) -> Asked:
    (folder / "work").mkdir(exist_ok=True)
    given = Asked("softmax", FAKE, range(5000, 5002), 4, folder / "out", folder / "work", now_s() + seconds, **more)
    return replace(given, command=(sys.executable, "-c", STUB), nearopt=(sys.executable, "-c", NEAROPT))


def trial(size: int, latency_ms: float | None, elapsed_s: float = 1.0) -> Trial:
    status = "error" if latency_ms is None else "ok"
    return Trial(elapsed_s, 0, status, latency_ms, 0.1, {"size": size, "fault": "none"})


def searched(seed: int, trials: Sequence[Trial], chosen: int | None = None) -> Search:
    config = None if chosen is None else {"size": chosen, "fault": "none"}
    ended = "time" if chosen is None else "itself"
    return Search(
        "softmax", seed, 1, 4, FAKE.name, {}, ended, 9.0, len(trials), config, 0.01, {}, "", tuple(trials)
    )  # fmt: skip


def test_a_log_is_read_without_starts_and_without_half_a_row(tmp_path: Path) -> None:
    path = tmp_path / "helion.csv"
    assert read_trials(path) == ()
    path.write_text(HEADER + ROWS + 'r,5.00,d,1,ok,0.010000,0.10,"Config(size=1, list=[No')
    assert [(one.elapsed_s, one.latency_ms, one.config["size"]) for one in read_trials(path)] == [
        (1.5, 0.03, 3),
        (2.25, None, 9),
        (4.0, 0.02, 2),
    ]
    path.write_text(HEADER + ROWS + "r,5.00,d,1,ok")
    assert len(read_trials(path)) == 3


def test_searches_are_kept_and_those_that_ended_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB", "ends")
    made = run(asked(tmp_path))
    assert [(one.seed, one.ended, one.seconds, one.tested, one.best_ms) for one in made] == [
        (5000, "itself", 5.5, 4, 0.019),
        (5001, "itself", 5.5, 4, 0.019),
    ]
    assert made[0].chosen == {"size": 2} and len(made[0].trials) == 3 and made[0].metrics == {"num_generations": 1}
    assert made[0].helion_seed == helion_seed(5000, TASKS["softmax"], FAKE.name) != made[1].helion_seed
    calls = (tmp_path / "work" / "calls.txt").read_text().splitlines()
    assert len(calls) == 2 and len(set(calls)) == 2 and all(line.startswith("1 ") for line in calls)
    assert read(tmp_path / "out") == run(asked(tmp_path)) == made
    assert len((tmp_path / "work" / "calls.txt").read_text().splitlines()) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == [OWN]


def test_a_search_that_the_time_cut_off_is_kept_and_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def now() -> float:
        """Let the time be up once the search has called, which it does after its log is written."""
        return END if (tmp_path / "work" / "calls.txt").exists() else 0.0

    monkeypatch.setenv("STUB", "hangs")
    with monkeypatch.context() as clock:
        clock.setattr(own, "time", SimpleNamespace(monotonic=now, sleep=time.sleep))
        (cut,) = run(replace(asked(tmp_path), end=END))
    assert (cut.seed, cut.ended, cut.chosen, cut.seconds) == (5000, "time", None, 4.0)
    monkeypatch.setenv("STUB", "ends")
    assert [one.ended for one in run(asked(tmp_path))] == ["itself", "itself"]


def test_a_search_that_fails_says_why_and_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB", "fails")
    failed = run(asked(tmp_path))
    assert [one.ended for one in failed] == ["failed", "failed"] and "no kernel" in failed[0].message
    monkeypatch.setenv("STUB", "ends")
    assert [one.ended for one in run(asked(tmp_path))] == ["itself", "itself"]


def test_ours_have_the_same_seed_workers_and_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB", "ends")
    run(asked(tmp_path, ours=True))
    folder = tmp_path / "work" / "results" / f"{TASKS['softmax']}__f100" / LABEL
    words = (folder / "seed-5001" / "words").read_text()
    for word in ("run", "strategy=helion_lfbo_tree", "workers=4", "schedule=batch", "backend=live", "seed=5001"):
        assert word in words.split()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["live.tar.gz", OWN]


def test_too_little_time_starts_nothing(tmp_path: Path) -> None:
    assert run(asked(tmp_path, seconds=5.0)) == [] and not (tmp_path / "out").exists()


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A run of ours of seed 5000 with 40 evaluations, of which the first four are a recorded table's slowest."""
    recorded = landscape(60, seed=3, spread=2.0)
    task = f"{TASKS['softmax']}__f100"
    write_reference(tmp_path / "ours", task, recorded)
    rows = np.argsort(-recorded["latency_ms"].to_numpy())[:40]
    write_run(tmp_path / "ours", task, LABEL, 5000, evaluations(recorded, rows), budget=40)
    return tmp_path / "ours"


def test_seconds_and_readings_are_compared_over_the_same_number_of_evaluations(ours: Path, tmp_path: Path) -> None:
    own.write(tmp_path / "out", "softmax", [
        searched(5000, [trial(4, 4.0, 2.0), trial(3, None, 3.0), trial(2, 2.0, 5.0), trial(1, 1.9, 8.0)], chosen=2),
        searched(5001, [trial(4, 4.0, 2.0)]),
    ])  # fmt: skip
    table = compare(tmp_path / "out", "softmax", ours, LABEL).set_index("seed")
    both, alone = table.loc[5000], table.loc[5001]
    assert (both["n"], both["s_at_n"], both["seconds"], both["ours_evaluations"]) == (4, 8.0, 9.0, 40)
    log = own_table.our_runs(ours, "softmax", LABEL)[5000]
    assert both["ours_clock_s_at_n"] == pytest.approx(log.columns["clock_end_s"][3])
    assert both["clock_ratio"] == pytest.approx(log.columns["clock_end_s"][3] / 8.0)
    assert both["ours_at_n_ms"] == log.columns["latency_ms"][:4].min() > both["ours_chosen_ms"]
    assert both["at_n_ms"] == 1.9 and both["chosen_ms"] == 2.0  # Helion chose by later timings
    assert np.isnan(alone["ours_evaluations"]) and alone["n"] == 1 and alone["chosen_ms"] == 4.0
    none = (tmp_path / "none", "softmax", tmp_path / "none", LABEL)
    assert text(compare(*none), paces(*none)) == "no search of Helion's own"


def test_paces_need_no_common_seed(ours: Path, tmp_path: Path) -> None:
    trials = [trial(4, 4.0, 2.0), trial(3, 3.0, 3.0), trial(1, 1.9, 8.0)]
    own.write(tmp_path / "out", "softmax", [searched(5007, trials), searched(5008, trials[:2])])
    table = paces(tmp_path / "out", "softmax", ours, LABEL)
    log = own_table.our_runs(ours, "softmax", LABEL)[5000]
    assert table[["who", "seed", "evaluations", "n"]].to_numpy().tolist() == [
        [HELION, 5007, 3, 2],
        [HELION, 5008, 2, 2],
        [OURS, 5000, 40, 2],
    ]
    assert table["wall_s"].tolist()[:2] == [3.0, 3.0] and table["best_ms"].tolist()[:2] == [3.0, 3.0]
    assert table["clock_s"].iloc[2] == pytest.approx(log.columns["clock_end_s"][1])
    assert table["best_ms"].iloc[2] == log.columns["latency_ms"][:2].min()


@pytest.mark.slow
def test_both_sides_choices_are_timed_in_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake device's latency is the size in hundredths of a ms, and nine tenths of it when it is timed again."""
    of = space()
    monkeypatch.setattr(own_table, "in_space", lambda config, _: config if of.contains(config) else None)
    searches = [
        searched(5000, [trial(5, 0.5), trial(3, 0.4), trial(2, 0.1)], chosen=3),
        searched(5001, [trial(9, 0.01), trial(6, 0.5)]),  # the space has no size 9
    ]
    own.write(tmp_path / "out", "softmax", searches)
    retime_both(tmp_path / "out", "softmax", FakeKernel(str(tmp_path)), of, FAKE, tmp_path, LABEL, fake_work(tmp_path))
    rows = own.read_retimed(tmp_path / "out", "softmax")
    assert [(row["who"], row["seed"], row["what"], round(row["ms"], 3)) for row in rows] == [
        (HELION, 5000, CHOSEN, 0.027),
        (HELION, 5000, AT_N, 0.018),
    ]
    table = compare(tmp_path / "out", "softmax", tmp_path / "none", LABEL).set_index("seed")
    assert table.loc[5000, "chosen_again_ms"] == pytest.approx(0.027) and table.loc[5000, "chosen_ms"] == 0.4
    assert read(tmp_path / "out") == searches


def test_ours_are_the_best_reading_of_all_and_of_the_common_ones(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = space()
    monkeypatch.setattr(own_table, "in_space", lambda config, _: config)
    logs = own_table.our_runs(ours, "softmax", LABEL)
    sizes = (7, 5, 6, 1)
    live = [
        LiveEvaluation(LABEL, 5000, i, str(size), {"size": size, "fault": "none"}, size / 100, "gpu")
        for i, size in enumerate(sizes)
    ]
    made = list(choices([searched(5000, [trial(4, 0.04), trial(8, 0.08)], chosen=4)], logs, live, of))
    assert [(who, what, configuration["size"]) for who, _, what, configuration, _ in made] == [
        (HELION, CHOSEN, 4), (HELION, AT_N, 4), (OURS, CHOSEN, 1), (OURS, AT_N, 5),
    ]  # fmt: skip


def test_the_command_prints_the_table_and_says_in_a_line_what_is_wrong(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.write(tmp_path / "out", "softmax", [searched(5000, [trial(4, 4.0, 2.0)], chosen=4)])
    assert own.main(["table", "softmax", "-o", str(tmp_path / "out"), "--results", str(ours)]) == 0
    printed = capsys.readouterr().out
    assert "5000" in printed and "ours_clock_s_at_n" in printed

    def none(_: str) -> Any:
        raise UserError("no usable GPU")

    monkeypatch.setattr(own, "built", none)
    assert own.main(["run", "softmax", "-o", str(tmp_path / "new"), "--work", str(tmp_path / "work")]) == 2
    assert capsys.readouterr().err == "own: no usable GPU\n"


# -- with Helion itself ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not _installed(), reason=f"helion {VERSION} is not installed")
def test_helion_s_own_search_and_the_adapter_s_propose_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the same readings, until a proposal has to be repaired; here of one generation and the polish after it."""
    from helion.autotuner import base_search
    from helion.autotuner.benchmark_provider import BenchmarkProvider, BenchmarkResult
    from helion.autotuner.logger import AutotuneLogEntry

    from experiments.helion_2.own_search import autotune
    from harness.backends.base import Subject
    from harness.run.streams import streams
    from harness.strategies.base import Budget
    from harness.strategies.helion import HelionSearch
    from harness.strategies.helion import search as adapter
    from harness.testing.driver import drive
    from kernels.helion.matmul import HelionMatmul, matmul
    from kernels.helion.target import Target, visible
    from search_spaces.device import H100
    from search_spaces.helion import configuration_of

    kernel = HelionMatmul(2048, 2048, 2048, "bf16")
    tuned = kernel.space(H100)
    name, device = TASKS["matmul"], "NVIDIA H100 80GB HBM3"

    def latency_ms(configuration: Any) -> float:
        """Small tiles are fast, because large ones may break our rule."""
        tile = sum(np.log2(configuration[f"block_size_{i}"]) for i in range(3))
        return 0.05 + 0.01 * float(tile) + 0.001 * random.Random(tuned.key(configuration)).random()

    class Provider(BenchmarkProvider):  # type: ignore[misc]
        mutated_arg_indices = ()

        def __init__(self, **given: Any) -> None:
            self.log, self.metrics = given["log"], given["autotune_metrics"]

        def benchmark(self, configs: list[Any], **_: object) -> list[Any]:
            return [self._one(config) for config in configs]

        def _one(self, config: Any) -> Any:
            ms, generation = latency_ms(configuration_of(config.config, tuned)), self.metrics.num_generations
            self.metrics.num_configs_tested += 1
            identity = self.log.register_config(config)
            self.log.record_autotune_entry(AutotuneLogEntry(generation, "ok", ms, 0.1, identity, config))
            return BenchmarkResult(config, lambda *_: None, ms, "ok", 0.1)

        def setup(self) -> None: ...

        def cleanup(self) -> None: ...

    monkeypatch.setenv("HELION_SKIP_CACHE", "1")
    monkeypatch.setenv("HELION_AUTOTUNE_MAX_GENERATIONS", "1")
    monkeypatch.setattr(base_search.BaseSearch.__init__, "__defaults__", (Provider,))
    monkeypatch.setattr(base_search.PopulationBasedSearch, "rebenchmark", lambda *_, **__: None)
    monkeypatch.setattr(base_search.PopulationBasedSearch, "_final_selection_enabled", lambda _: False)
    before = random.getstate()
    with visible(Target()):
        inputs = list(kernel.fake_inputs.values())
        result = autotune(matmul, inputs, helion_seed(5000, name, device), 2, tmp_path / "helion")
    random.setstate(before)
    trials = read_trials(tmp_path / "helion.csv")
    assert result["metrics"]["num_configs_tested"] == len(trials) > 100
    assert result["chosen"] == min(trials, key=lambda one: one.latency_ms or 1.0).config
    json.dumps(result)
    monkeypatch.undo()
    monkeypatch.setenv("HELION_AUTOTUNE_MAX_GENERATIONS", "1")

    proposed: list[dict[str, Any]] = []
    benchmark = adapter.CallbackProvider.benchmark

    def listen(self: Any, configs: list[Any], **given: Any) -> Any:
        proposed.extend(dict(config.config) for config in configs)
        return benchmark(self, configs, **given)

    monkeypatch.setattr(adapter.CallbackProvider, "benchmark", listen)
    seed = streams(5000, Subject(name, device), own.TARGET).strategy
    strategy = HelionSearch(tuned, seed, Budget(evaluations=len(trials)))
    drive(strategy, tuned, lambda _, configuration: latency_ms(configuration), len(trials), batch=16)
    # The adapter repairs what breaks our rule, and from the next population on Helion goes another way.
    repaired = [one.generation for one in trials if not tuned.contains(configuration_of(one.config, tuned))]
    alike = [dict(one.config) for one in trials if one.generation <= min(repaired, default=one.generation)]
    assert len(alike) > 100 and alike == proposed[: len(alike)]
