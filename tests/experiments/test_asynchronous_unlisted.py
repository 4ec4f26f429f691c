"""The choice of a cost weight in spaces too large to list: paired runs, ratios of ERTs, and a run that repeats."""

from __future__ import annotations

import pytest

from experiments.asynchronous import unlisted


def row(workers: int, weight: str, seed: int, hit: int, evaluations: int, seconds: float) -> dict[str, str]:
    values = ("t", workers, weight, seed, hit, evaluations, seconds, 0.1 if weight == "0" else 0.2)
    return dict(zip(unlisted.FIELDS, map(str, values), strict=True))


ROWS = [
    *(row(6, "0", seed, 1, 20, 4.0) for seed in range(4)),
    *(row(6, "3", seed, 1, 40, 2.0) for seed in range(3)),
    row(16, "3", 0, 1, 10, 1.0),
]


def test_only_seeds_that_both_weights_have_are_compared() -> None:
    (key,) = unlisted.cells(ROWS)
    assert key == (6, "t")
    assert {weight: len(runs) for weight, runs in unlisted.cells(ROWS)[key].items()} == {"0": 3, "3": 3}


def test_ratios_are_those_of_the_erts() -> None:
    assert list(unlisted.ratios(ROWS)) == [
        "weight 0 / weight 3, evaluations: 0.50 [0.50, 0.50], 1 cells",
        "weight 0 / weight 3, seconds: 2.00 [2.00, 2.00], 1 cells",
    ]


def test_misses_count_in_full_and_the_table_shows_asks() -> None:
    rows = [row(6, weight, seed, int(seed == 0), 30, 3.0) for weight in ("0", "3") for seed in range(2)]
    lines = list(unlisted.table(rows))
    assert lines[2] == "| 6 | t | 60, 6.0 s, 1/2 | 60, 6.0 s, 1/2 |"
    assert lines[3:] == ["weight 0: mean ask 100 ms CPU", "weight 3: mean ask 200 ms CPU"]


@pytest.mark.slow
def test_a_run_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlisted, "BUDGET", 24)
    key = ("softmax-512x65536-bf16", 6, "0", 3)
    one, other = (unlisted.run(key) for _ in range(2))
    assert {**one, "ask_cpu_s": ""} == {**other, "ask_cpu_s": ""}
    assert 1 <= int(one["evaluations"]) <= 24
