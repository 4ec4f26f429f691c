"""The gate's looks, verdicts and words, without running anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.gate.baseline_file import baseline_text, fitting, read_baseline
from analysis.gate.compare import compare
from analysis.gate.documents import to_json
from analysis.gate.judge import Plan, Source, Verdict, gate
from analysis.gate.side_times import Protocol, SideTimes, TaskTimes
from analysis.gate.text import markdown, terminal
from analysis.reference import TARGETS

PLAN = Plan((10, 20, 40, 60), 0.05, 1.3, 0.04, 0.92)
MEANS = np.geomspace(25, 60, 8)


def times(label: str, factor: float, seeds: int, seed: int = 0, budget: int = 120, starts: str = "") -> SideTimes:
    """Return geometric times, slowed by ``factor``; with ``starts``, runs of one seed begin alike on all sides."""
    tasks = {}
    for number, mean in enumerate(MEANS):
        rng = np.random.default_rng([seed, number, *map(ord, starts or label)])
        times = np.ceil(factor * rng.geometric(1 / mean, seeds).astype(np.float64))
        times[times > budget] = np.inf
        began = tuple(f"{starts or label}-{number}-{n}" for n in range(seeds))
        of_target = dict.fromkeys(TARGETS, times)
        tasks[f"kernel-{number}"] = TaskTimes(tuple(range(seeds)), of_target, np.full(seeds, float(budget)), began)
    return SideTimes(label, f"runs of {label}", tasks)


def upto(side: SideTimes, seeds: int) -> SideTimes:
    return SideTimes(side.label, side.source, {n: t.at(t.seeds[:seeds]) for n, t in side.tasks.items()})


def growing(side: SideTimes) -> Source:
    return Source(lambda seeds: upto(side, seeds), grows=True)


def fixed(side: SideTimes) -> Source:
    return Source(lambda _: side, grows=False)


def test_a_clear_case_ends_at_the_first_look() -> None:
    judgement = gate(PLAN, growing(times("slow", 2.5, 60)), fixed(times("base", 1, 40)))
    assert judgement.verdict is Verdict.REGRESSION
    assert [look.seeds for look in judgement.looks] == [10]
    assert judgement.last.information < judgement.last.needed


def test_a_pass_can_be_followed_to_the_end() -> None:
    sides = growing(times("quick", 0.75, 60)), fixed(times("base", 1, 60))
    early = gate(PLAN, *sides)
    assert early.verdict is Verdict.PASS
    late = gate(Plan(**{**vars(PLAN), "to_the_end": True}), *sides)
    assert late.verdict is Verdict.IMPROVEMENT
    assert len(late.looks) > len(early.looks)


@pytest.mark.parametrize("to_the_end", [False, True])
def test_the_same_runs_pass_exactly(to_the_end: bool) -> None:
    side = times("base", 1, 40, starts="same")
    judgement = gate(Plan(**{**vars(PLAN), "to_the_end": to_the_end}), growing(side), fixed(side))
    assert judgement.verdict is Verdict.PASS
    assert judgement.last.comparison.ratio.value == 1.0 and np.isnan(judgement.last.comparison.ratio.se)
    assert "took as long as the baseline's" in terminal(judgement)
    assert "[1.00, 1.00]" not in terminal(judgement)


@pytest.mark.parametrize("starts", ["same", "other"])
def test_when_all_hit_at_once_a_few_seeds_decide_nothing(starts: str) -> None:
    """Within a shared start, two strategies look alike even if they differ."""
    hits = {target: np.full(5, 3.0) for target in TARGETS}
    began = tuple(map(str, range(5)))
    task = TaskTimes(tuple(range(5)), hits, np.full(5, 120.0), began)
    other = task if starts == "same" else TaskTimes(task.seeds, hits, task.spent, tuple("abcde"))
    judgement = gate(PLAN, fixed(SideTimes("a", "a", {"k": task})), fixed(SideTimes("b", "b", {"k": other})))
    assert judgement.verdict is Verdict.UNDECIDED and judgement.more_seeds > 0
    low, high = judgement.last.comparison.ratio.interval()
    assert low < 0.8 and high > 1.25


def test_runs_pair_only_where_they_began_alike() -> None:
    base = times("base", 1, 40, starts="same")
    for starts, pairs in (("same", 10), ("other", 0)):
        candidate = upto(times("new", 1.2, 40, starts=starts), 10)
        comparison = compare(candidate, base, 0.05)
        assert {task.pairs for task in comparison.tasks} == {pairs}
    assert compare(upto(times("new", 1.2, 40, starts="same"), 10), base, 0.05).ratio.se < 0.5 * comparison.ratio.se


def test_a_strategy_that_never_hits_is_a_regression() -> None:
    never = times("never", 1e9, 60)
    judgement = gate(PLAN, growing(never), fixed(times("base", 1, 40)))
    assert judgement.verdict is Verdict.REGRESSION
    assert "> 1200 (0/10)" in terminal(judgement)


def test_with_as_many_more_seeds_as_it_asks_for_it_decides() -> None:
    side, base = times("new", 1.3, 400), times("base", 1, 40)
    short = gate(Plan((5,), 0.05, 1.3, 0.04, 0.9), growing(side), fixed(base))
    assert short.verdict is Verdict.UNDECIDED
    assert short.more_seeds > 0
    enough = gate(Plan((2 * short.more_seeds,), 0.05, 1.3, 0.04, 0.9), growing(side), fixed(base))
    assert enough.verdict is not Verdict.UNDECIDED


def test_a_baseline_that_is_too_small_is_named() -> None:
    judgement = gate(PLAN, growing(times("new", 1.3, 60)), fixed(times("base", 1, 5)))
    assert judgement.verdict is Verdict.UNDECIDED
    assert judgement.baseline_seeds > 5
    assert f"{judgement.baseline_seeds} of the baseline, which has 5" in terminal(judgement)


def test_what_exists_is_looked_at_once() -> None:
    judgement = gate(PLAN, fixed(times("slow", 2, 30)), growing(times("base", 1, 60)))
    assert judgement.verdict is Verdict.REGRESSION
    assert [look.seeds for look in judgement.looks] == [30]
    assert judgement.baseline.fewest == 60


def test_one_seed_is_too_few() -> None:
    with pytest.raises(AnalysisError, match="runs of new: 1 seed of a task: expected 2 or more"):
        gate(PLAN, fixed(times("new", 1, 1)), fixed(times("base", 1, 5)))


def test_json_is_json_even_without_numbers() -> None:
    side = times("base", 1, 40, starts="same")
    document = json.loads(to_json(gate(PLAN, growing(side), fixed(side)), "default", {}), parse_constant=pytest.fail)
    assert document["verdict"] == "pass"
    assert document["looks"][0]["information"] is None
    assert len(document["tasks"]) == len(MEANS)


def test_markdown_is_a_whole_table() -> None:
    text = markdown(gate(PLAN, growing(times("a|b", 1, 60)), fixed(times("base", 1, 60))), "default")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == len(MEANS) + 3
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}


def test_a_baseline_file_keeps_everything(tmp_path: Path) -> None:
    side = times("base", 1.5, 7)
    protocol = Protocol(120, "recorded", {task: f"{task}-sha" for task in side.tasks})
    file = tmp_path / "base.json"
    file.write_text(baseline_text(side, protocol, {"git": "abc"}))
    found = read_baseline(file)
    assert found.protocol == protocol
    assert found.made == {"git": "abc"}
    for task, kept in side.tasks.items():
        back = found.times.tasks[task]
        assert (back.seeds, back.starts, back.spent.tolist()) == (kept.seeds, kept.starts, kept.spent.tolist())
        assert {t: v.tolist() for t, v in back.times.items()} == {t: v.tolist() for t, v in kept.times.items()}
    part = Protocol(120, "recorded", {"kernel-3": "kernel-3-sha"})
    assert list(fitting(found, part, "base.json").tasks) == ["kernel-3"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Protocol(100, "recorded", {}), "evaluations=120, this one has 100"),
        (Protocol(120, "none", {}), "noise=recorded, this one has none"),
        (Protocol(120, "recorded", {"new": "x"}), "it has no runs of new"),
        (Protocol(120, "recorded", {"kernel-0": "changed"}), "another recording of kernel-0"),
    ],
)
def test_another_suite_is_refused(tmp_path: Path, wanted: Protocol, said: str) -> None:
    side = times("base", 1, 3)
    file = tmp_path / "base.json"
    file.write_text(baseline_text(side, Protocol(120, "recorded", dict.fromkeys(side.tasks, "sha")), {}))
    with pytest.raises(AnalysisError, match=said):
        fitting(read_baseline(file), wanted, "base.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("made"),
        lambda d: d.update(format=9),
        lambda d: d["tasks"]["kernel-1"]["seeds"].pop(),
        lambda d: d["tasks"]["kernel-1"].update(seeds=[1, 1, 2]),
        lambda d: d["tasks"]["kernel-1"].update(times={"0.05": ["soon", 1, 2]}),
        lambda d: d.update(tasks=[]),
    ],
)
def test_a_damaged_baseline_is_one_line(tmp_path: Path, change: object) -> None:
    side = times("base", 1, 3)
    document = json.loads(baseline_text(side, Protocol(120, "recorded", dict.fromkeys(side.tasks, "sha")), {}))
    assert callable(change)
    change(document)
    file = tmp_path / "base.json"
    file.write_text(json.dumps(document))
    with pytest.raises(AnalysisError, match=r"base\.json: .*expected") as caught:
        read_baseline(file)
    assert "\n" not in str(caught.value)


def unsolved(label: str, tasks: int, of: SideTimes | None = None) -> SideTimes:
    """Return a side that never hits on this many tasks; its other tasks are those of ``of``."""
    never = dict.fromkeys(TARGETS, np.full(40, np.inf))
    missed = TaskTimes(tuple(range(40)), never, np.full(40, 120.0), tuple(f"{label}-{n}" for n in range(40)))
    rest = {} if of is None else dict(of.tasks)
    return SideTimes(label, f"runs of {label}", rest | {f"kernel-{number}": missed for number in range(tasks)})


@pytest.mark.parametrize("same", [False, True])
def test_when_nobody_hits_nothing_is_decided(same: bool) -> None:
    one = unsolved("one", 8)
    judgement = gate(PLAN, fixed(one), fixed(one if same else unsolved("other", 8)))
    assert judgement.verdict is Verdict.UNDECIDED
    said = terminal(judgement)
    assert "nothing was compared: the suite's budget of 120 evaluations is too small" in said and "1.00" not in said
    assert json.loads(to_json(judgement, "suite", {}))["ratio"]["value"] is None


def test_a_task_that_nobody_solved_is_in_no_mean_and_is_named() -> None:
    side = times("base", 1, 40, starts="same")
    with_one = unsolved("base", 1, side)
    judgement = gate(PLAN, fixed(with_one), fixed(with_one))
    assert judgement.verdict is Verdict.PASS
    assert "not compared, as no run of either side solved it: kernel-0" in terminal(judgement)
    assert compare(with_one, with_one, 0.05).unsolved == ("kernel-0",)


def test_starts_that_cannot_be_told_apart_are_not_shared() -> None:
    side = times("base", 1, 40, starts="same")
    blank = SideTimes("base", "", {n: TaskTimes(t.seeds, t.times, t.spent, ("",) * 40) for n, t in side.tasks.items()})
    assert not compare(blank, blank, 0.05).pairs
