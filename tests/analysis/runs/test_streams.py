"""Versions of random streams are counted, and mixing them is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.gate.baseline_file import baseline_text, fitting, read_baseline
from analysis.gate.side_times import Protocol, SideTimes, read_side_times
from analysis.runs import contract
from analysis.runs.load import load_study
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run

TASK = "k-1__toy"


def study(results: Path, streams: list[int]) -> Path:
    """Write one run for each version; config.yaml omits version 1."""
    table = landscape(60)
    for seed, version in enumerate(streams):
        directory = write_run(results, TASK, "a", seed, evaluations(table, range(seed, 20 + seed)), streams=version)
        file = directory / contract.CONFIG
        if version == 1:
            file.write_text(file.read_text().replace("streams: 1\n", ""))
    write_reference(results, TASK, table)
    return results


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ([2, 2], ""),
        (
            [1, 1],
            "All 2 runs have random streams of version 1: one seed draws the same numbers on every task, "
            "and intervals over exactly these tasks treat seeds as clusters (no other numbers do).",
        ),
        (
            [1, 2, 2],
            "1 of 3 runs have random streams of version 1: one seed draws the same numbers on every task, and "
            "intervals over exactly these tasks treat seeds as clusters (no other numbers do); those of the others are "
            "independent (1 of 3 of a).",
        ),
    ],
)
def test_a_study_says_what_its_runs_drew_from(tmp_path: Path, streams: list[int], said: str) -> None:
    account = load_study([study(tmp_path, streams)]).account
    assert account.sentences() == ([said] if said else [])
    assert sum(account.streams["a"].values()) == len(streams) and account.versions() == set(streams)
    assert account.document()["streams"]["a"] == {str(v): streams.count(v) for v in sorted(set(streams))}


def protocol() -> Protocol:
    return Protocol(20, "none", {TASK: TASK})


def side(results: Path) -> SideTimes:
    return read_side_times([results], "a", "runs", protocol())


def test_a_side_of_a_gate_has_one_version(tmp_path: Path) -> None:
    assert side(study(tmp_path / "old", [1, 1])).streams == 1
    assert side(study(tmp_path / "new", [2, 2])).streams == 2
    with pytest.raises(AnalysisError, match="several versions: 1 of version 1, 1 of version 2: expected one"):
        side(study(tmp_path / "both", [1, 2]))


def test_a_baseline_keeps_its_version_and_an_older_file_is_of_the_first(tmp_path: Path) -> None:
    times, file = side(study(tmp_path / "runs", [2, 2])), tmp_path / "a.json"
    file.write_text(baseline_text(times, protocol(), {}))
    assert fitting(read_baseline(file), protocol(), "a").streams == 2
    file.write_text(file.read_text().replace('"streams": 2,\n', ""))
    assert fitting(read_baseline(file), protocol(), "a").streams == 1
