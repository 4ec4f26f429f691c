"""`nearopt gate --against` random search by its exact law."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.statistics import random_search
from tests.harness.gate.gate_fixtures import SIZE, SUITE, TASKS, Gate, write_hills


@pytest.mark.parametrize("law", ["exact_random", pytest.param("exact_random_by_parameter", marks=pytest.mark.slow)])
def test_a_strategy_against_the_law(gate: Gate, tmp_path: Path, law: str) -> None:
    """T of ``quick`` is geometric with mean 5; without conditions and constraints both kinds draw alike."""
    files = ("--json", "g.json", "--junit", "g.xml", "--markdown", "g.md")
    code, out, _ = gate("quick", "--against", law, "--to-the-end", *files)
    assert code == 0
    expected = random_search.ert(SIZE * SIZE, SIZE, int(str(SUITE["evaluations"])))
    document = json.loads((tmp_path / "g.json").read_text())
    assert document["ratio"]["low"] < 5 / expected < document["ratio"]["high"]
    assert document["ratio"]["high"] / document["ratio"]["low"] < 2.5
    for task in document["tasks"]:
        assert task["baseline"] == {"ert": pytest.approx(expected, rel=1e-9), "hits": None, "runs": None}
    said = document["baseline"]
    assert (said["label"], said["runs"], said["streams"], said["simulation_error"]) == (law, 0, None, 0)
    assert document["made"]["baseline"]["law"] == law
    assert out.splitlines()[-1].startswith("improvement: quick needs 0.")
    assert f"times the evaluations of {law}" in out.splitlines()[-1]
    assert "in closed form" in out and f"ERT {law}" in out
    for file in ("g.xml", "g.md"):
        assert law in (tmp_path / file).read_text()


def test_two_seeds_leave_it_undecided_and_say_how_many_would_do(gate: Gate, tmp_path: Path) -> None:
    """The strategy equals the law, so 1 / (4 tasks x n seeds) has to fall to about 1 / 143."""
    arguments = ("random", "--against", "exact_random", "--seeds", "2", "--json", "g.json")
    code, out, _ = gate(*arguments)
    document = json.loads((tmp_path / "g.json").read_text())
    assert code == 3 and document["verdict"] == "undecided"
    assert 10 < document["more_seeds"] < 200 and document["baseline_seeds"] == 0
    assert f"about {document['more_seeds']} more seeds per task" in out and "of the baseline, which" not in out


def test_a_sampled_recording_is_refused_by_name_before_anything_runs(gate: Gate, tmp_path: Path) -> None:
    write_hills(tmp_path / f"{TASKS[2]}__toy.parquet", TASKS[2], 3.0, coverage="sample")
    code, _, err = gate("quick", "--against", "exact_random_by_parameter")
    assert code == 2 and len(err.splitlines()) == 1
    assert f"--against exact_random_by_parameter: {TASKS[2]}__toy: a sample was recorded" in err
    assert not (tmp_path / "gated").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("exact_random", "--against", "quick"), "exact_random: is a law and has no runs"),
        (("exact_random_by_parameter", "--update-baseline"), "exact_random_by_parameter: is a law and has no runs"),
        (("quick", "--against", "exact_random", "--rerun"), "--rerun: exact_random is a law, which needs no runs"),
        (
            ("quick", "--against", "exact_random", "--against-override", "strategy.chance=0.1"),
            "--against-override strategy.chance=0.1: exact_random is a law, which needs no runs",
        ),
        (
            ("quick", "strategy.label=exact_random", "--against", "slow"),
            "strategy.label=exact_random: expected another",
        ),
        (("quick", "strategy.label=noisy_random_2", "--against", "slow"), "strategy.label=noisy_random_2: expected"),
    ],
)
def test_a_law_is_no_strategy_and_no_label(gate: Gate, arguments: tuple[str, ...], told: str) -> None:
    code, _, err = gate(*arguments)
    assert code == 2 and told in err and len(err.splitlines()) == 1
