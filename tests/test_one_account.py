"""Both accounts of one folder agree, and so do the sweep and the report."""

from __future__ import annotations

import html
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from analysis.report.build import build_report
from analysis.runs.account import account
from analysis.runs.bundle import write_bundle
from analysis.runs.load import load_study
from harness.cli.report import _log_study
from harness.study.status import study_status
from harness.trackers.base import TrackedStudy, Tracker
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy
from tests.test_account import several

__all__ = ["nearopt"]
pytestmark = pytest.mark.usefixtures("undrawn")
TASK = "toy-8x8-bf16__toy"
Change = Callable[[Path], None]
Entry = tuple[str, str, int, str, str]


def counted(results: Path) -> tuple[list[Entry], list[Entry]]:
    """Return runs and superseded attempts; both accounts have to agree."""
    ours, theirs = study_status(results), account([results])
    both = [
        [[(s.run.task, s.run.label, s.run.seed, str(s.state), s.message) for s in part] for part in parts]
        for parts in ((ours.runs, ours.superseded), (theirs.runs, theirs.superseded))
    ]
    assert both[0] == both[1]
    assert {str(state): n for state, n in ours.totals().items()} == theirs.counts()
    assert len(ours.faults) == len(theirs.faults)
    return both[0][0], both[0][1]


def sweep(folder: Path, *overrides: str) -> tuple[str, ...]:
    path = folder / f"{TASK}.parquet"
    if not path.exists():
        write_toy(folder)
    common = (f"backend.landscape={path}", f"results={folder / 'r'}", "budget.evaluations=10", "jobs=1")
    return ("run", "-m", *common, *overrides)


def other_code(run: Path, digest: str = "0" * 64) -> None:
    file = run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**config, "code_digest": digest}, sort_keys=False))


def told(results: Path) -> str:
    return " ".join(load_study([results]).account.sentences())


def test_what_was_set_aside_is_superseded_and_counts_nowhere(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*sweep(tmp_path, "seed=0,1"))[0] == 0
    (tmp_path / "r" / TASK / "random/seed-0/evaluations.parquet").unlink()
    assert nearopt(*sweep(tmp_path, "seed=0,1"))[0] == 0
    runs, superseded = counted(tmp_path / "r")
    assert [(seed, state) for _, _, seed, state, _ in runs] == [(0, "done"), (1, "done")]
    assert superseded == [(TASK, "random", 0, "superseded", "aborted-0: files of an earlier attempt")]
    lines = [line.split() for line in nearopt("status", tmp_path / "r")[1].splitlines()]
    assert lines[1] == [TASK, "random", "2", "1", "2"]  # done, superseded, and runs: without it
    document = json.loads(nearopt("status", tmp_path / "r", "--json")[1])
    assert document["totals"]["superseded"] == document["groups"][0]["superseded"] == len(document["superseded"]) == 1
    assert f"random on {TASK}: 1 superseded and not counted (seed 0: aborted-0" in told(tmp_path / "r")
    assert load_study([tmp_path / "r"]).account.complete


def committed(nearopt: Nearopt, tmp_path: Path, seeds: str) -> Path:
    """Write a study as it is committed: one file, without run directories."""
    assert nearopt(*sweep(tmp_path, f"seed={seeds}"))[0] == 0
    write_bundle([tmp_path / "r"], tmp_path / "r")
    shutil.rmtree(tmp_path / "r" / TASK / "random")
    return tmp_path / "r"


def test_a_committed_study_that_is_gone_on_with_keeps_its_runs(nearopt: Nearopt, tmp_path: Path) -> None:
    results = committed(nearopt, tmp_path, "range(0,4)")
    assert nearopt(*sweep(tmp_path, "seed=4"))[0] == 0
    assert [(seed, state) for _, _, seed, state, _ in counted(results)[0]] == [(seed, "done") for seed in range(5)]
    study = load_study([results])
    assert study.runs["seed"].tolist() == list(range(5)) and len(study.evaluations) == 50
    assert load_study([results / TASK / "random"]).runs["seed"].tolist() == list(range(5))
    assert load_study([tmp_path]).runs["seed"].tolist() == list(range(5))


def test_a_row_of_which_another_run_is_there_is_superseded(nearopt: Nearopt, tmp_path: Path) -> None:
    results = committed(nearopt, tmp_path, "0,1")
    assert nearopt(*sweep(tmp_path, "seed=0"))[0] == 0
    assert counted(results) == ([(TASK, "random", 0, "done", ""), (TASK, "random", 1, "done", "")], [])  # the same run
    other_code(results / TASK / "random/seed-0")
    runs, superseded = counted(results)
    assert [state for *_, state, _ in runs] == ["done", "done"]
    said = "consolidated.parquet holds another run of that name"
    assert superseded == [(TASK, "random", 0, "superseded", said)]
    assert said in told(results)
    assert "random: its 2 runs were not made by the same code" in told(results)


def test_an_index_says_nothing_of_directories_that_are_gone(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.runs.consolidated.WORTH_IT", 2)
    assert nearopt(*sweep(tmp_path, "seed=range(0,4)"))[0] == 0
    load_study([tmp_path / "r"])
    assert (tmp_path / "r/consolidated.parquet").exists()
    shutil.rmtree(tmp_path / "r" / TASK / "random/seed-1")
    assert [(seed, state) for _, _, seed, state, _ in counted(tmp_path / "r")[0]] == [
        (0, "done"), (1, "missing"), (2, "done"), (3, "done"),
    ]  # fmt: skip
    assert load_study([tmp_path / "r"]).runs["seed"].tolist() == [0, 2, 3]


def test_a_collection_that_is_kept_up_to_date_loses_no_row(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.runs.consolidated.WORTH_IT", 2)
    results = committed(nearopt, tmp_path, "range(0,4)")
    assert nearopt(*sweep(tmp_path, "seed=4,5,6"))[0] == 0
    for _ in range(3):  # the first writes the file anew, with the rows that have no directory
        assert load_study([results]).runs["seed"].tolist() == list(range(7))
        assert len(counted(results)[0]) == 7


def test_of_two_of_one_run_the_newer_code_counts(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*sweep(tmp_path, "seed=0,1"))[0] == 0
    shutil.copytree(tmp_path / "r", tmp_path / "s")
    old, new = tmp_path / "r" / TASK / "random/seed-0", tmp_path / "s" / TASK / "random/seed-0"
    other_code(old)
    os.utime(old / "DONE", (1e9, 1e9))
    for paths in ([tmp_path / "r", tmp_path / "s"], [tmp_path / "s", tmp_path / "r"]):
        study = load_study(paths)
        assert str(new) in set(study.runs["path"]) and len(study.runs) == 2
        assert [run.message for run in study.account.superseded] == [
            f"{old} was made by other code (00000000), {new} is newer",
            f"{paths[1] / TASK / 'random/seed-1'} is a copy of {paths[0] / TASK / 'random/seed-1'}",
        ]


def test_a_finished_one_counts_before_one_that_is_not(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*sweep(tmp_path, "seed=0"))[0] == 0
    shutil.copytree(tmp_path / "r", tmp_path / "a")
    (tmp_path / "a" / TASK / "random/seed-0/evaluations.parquet").unlink()
    study = load_study([tmp_path / "a", tmp_path / "r"])
    assert study.runs["path"].tolist() == [str(tmp_path / "r" / TASK / "random/seed-0")]
    assert study.account.complete
    assert study.account.superseded[0].message.endswith("a/toy-8x8-bf16__toy/random/seed-0 is damaged, "
                                                        f"{tmp_path}/r/{TASK}/random/seed-0 is done")  # fmt: skip


def a_file(name: str) -> Change:
    def put(task: Path) -> None:
        place = task / name if name else task
        shutil.rmtree(place)
        place.write_text("in the way")

    return put


def a_link_to_nothing(name: str) -> Change:
    def put(task: Path) -> None:
        shutil.rmtree(task / name)
        (task / name).symlink_to(task / "gone")

    return put


IN_THE_WAY: dict[str, tuple[Change, list[int], str]] = {
    "a file for a run": (a_file("random/seed-0"), [0], "is a file where a run's folder belongs"),
    "a file for a label": (a_file("random"), [0, 1], "random is a file where a folder belongs"),
    "a file for a task": (a_file(""), [0, 1], f"{TASK} is a file where a folder belongs"),
    "a link for a run": (a_link_to_nothing("random/seed-0"), [0], "is a link to nothing where a run's folder belongs"),
    "a link for a label": (a_link_to_nothing("random"), [0, 1], "random is a link to nothing where a folder belongs"),
}


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_stands_in_the_way_of_a_run_is_damage(nearopt: Nearopt, tmp_path: Path, kind: str) -> None:
    change, seeds, said = IN_THE_WAY[kind]
    assert nearopt(*sweep(tmp_path, "seed=0,1"))[0] == 0
    change(tmp_path / "r" / TASK)
    expected = [(TASK, "random", s, *(("damaged", said) if s in seeds else ("done", ""))) for s in (0, 1)]
    assert counted(tmp_path / "r")[0] == expected
    assert f"damaged: {TASK}/random/seed-0: {said}" in nearopt("status", tmp_path / "r")[1]
    code, out, err = nearopt(*sweep(tmp_path, "seed=0,1"))
    assert code == 2 and err.count("\n") == len(seeds) and said in err and "move it away" in err
    assert f"{len(seeds)} of 2 runs damaged" in out and f"{2 - len(seeds)} were done before" in out
    assert counted(tmp_path / "r")[0] == expected
    code, out, err = nearopt("report", tmp_path / "r", "-o", tmp_path / "out")
    assert (
        (f"{len(seeds)} of 2 runs are damaged" in out) if code == 0 else (code == 2 and f"{len(seeds)} damaged" in err)
    )


@pytest.fixture
def readable_by_all() -> Iterator[Path]:
    """pytest's own folders are closed to other users, so another one is used."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize(
    ("closed", "seeds", "said"),
    [
        ("random/seed-0", [0], "cannot be read (Permission denied)"),
        ("random", [0, 1], "random cannot be read (Permission denied)"),
        ("", [0, 1], f"{TASK} cannot be read (Permission denied)"),
    ],
)
def test_what_may_not_be_looked_into_is_damage(
    nearopt: Nearopt, readable_by_all: Path, closed: str, seeds: list[int], said: str
) -> None:
    assert nearopt(*sweep(readable_by_all, "seed=0,1"))[0] == 0
    results = readable_by_all / "r"
    folder = results / TASK / closed if closed else results / TASK
    folder.chmod(0)
    me = os.geteuid()
    if me == 0:  # root may look everywhere
        os.seteuid(65534)
    try:
        expected = [(TASK, "random", s, *(("damaged", said) if s in seeds else ("done", ""))) for s in (0, 1)]
        assert counted(results)[0] == expected
        code, out, err = nearopt(*sweep(readable_by_all, "seed=0,1"))
        assert code == 2 and said in err and f"{len(seeds)} of 2 runs damaged" in out
    finally:
        os.seteuid(me)
        folder.chmod(0o755)
    assert [state for *_, state, _ in counted(results)[0]] == ["done", "done"]


def test_without_a_plan_a_closed_folder_is_a_fault(nearopt: Nearopt, readable_by_all: Path) -> None:
    assert nearopt(*sweep(readable_by_all, "strategy=random,grid", "seed=0"))[0] == 0
    results = readable_by_all / "r"
    shutil.rmtree(results / "planned")
    (results / TASK / "grid").chmod(0)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        assert [label for _, label, *_ in counted(results)[0]] == ["random"]
        said = f"{results / TASK / 'grid'}: cannot be read (Permission denied): what is in it is not counted."
        assert study_status(results).faults == (said,) and said in nearopt("status", results)[1]
        study = load_study([results])
        assert said in study.account.sentences() and not study.account.complete
    finally:
        os.seteuid(me)
        (results / TASK / "grid").chmod(0o755)


class Keeps(Tracker):
    """A tracker that keeps what a study's artifact would contain."""

    def __init__(self) -> None:
        self.account: dict[str, object] = {}
        self.summary: dict[str, object] = {}

    def log_study(self, study: TrackedStudy) -> None:
        self.account = json.loads(study.files["account.json"].read_text())
        self.summary = dict(study.summary)


@pytest.mark.slow
def test_all_media_have_the_numbers_of_one_account(nearopt: Nearopt, tmp_path: Path) -> None:
    results = several(tmp_path)  # of 27 runs one failed, and ten are missing
    data = (results / "n-1/t/seed-0/evaluations.parquet").read_bytes()
    (results / "n-1/t/seed-0/evaluations.parquet").write_bytes(data[:100])
    (results / "n-1/t/seed-1/DONE").unlink()
    (results / "n-1/t/seed-2/aborted-0").mkdir()
    totals = {
        "done": 31, "running": 0, "interrupted": 1, "failed": 1, "missing": 10, "damaged": 1, "superseded": 1,
    }  # fmt: skip
    counted(results)
    assert json.loads(nearopt("status", results, "--json")[1])["totals"] == totals
    terminal = nearopt("report", results, "-o", tmp_path / "out")[1]
    verdict = json.loads((tmp_path / "out/verdict.json").read_text())
    assert verdict["account"]["totals"] == totals
    page = html.unescape((tmp_path / "out/index.html").read_text())
    for sentence in verdict["account"]["told"]:
        assert sentence in terminal and sentence in page
    summary = "Not complete: 1 of 44 runs failed; 10 of 44 runs missing; 1 of 44 runs interrupted; 1 of 44 runs damaged"
    assert summary in verdict["sentence"] and summary in terminal and summary in page
    for said in ("s on k-1: 1 of 4 runs failed", "t on n-1: 1 of 4 runs are damaged (seed 0)"):
        assert said in terminal
    assert "t on n-1: 1 superseded and not counted (seed 2: aborted-0" in terminal
    figure = nearopt("report", results, "-o", tmp_path / "out", "--figure", "best-so-far")[1]
    assert all(sentence in figure for sentence in verdict["account"]["told"])
    nearopt("report", "--compare", results, results, "-o", tmp_path / "both")
    both = json.loads((tmp_path / "both/comparison.json").read_text())
    assert both["a"]["account"] == both["b"]["account"] == verdict["account"]
    keeps = Keeps()
    _log_study(keeps, [results], tmp_path / "out", build_report([results], tmp_path / "out"))
    assert keeps.account == verdict["account"]
    assert {name: keeps.summary.get(name, 0) for name in totals} == totals
