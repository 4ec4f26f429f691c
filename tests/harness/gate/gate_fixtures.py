"""Landscapes and strategies for tests of the gate, with a known law of times to target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml

from harness.evaluation import Configuration, Evaluation
from harness.landscapes.write import write_landscape
from harness.strategies.base import Budget
from search_spaces.parameter import Ordinal
from search_spaces.space import SearchSpace

Gate = Callable[..., tuple[int, str, str]]
"""Arguments of the command to its exit code, stdout and stderr."""
LUCKY = "tests.harness.gate.gate_fixtures.Lucky"
SIZE = 32
TASKS = ("hills-a-bf16", "hills-b-bf16", "hills-c-bf16", "hills-d-bf16")
SUITE = {
    "tasks": [f"{task}__toy.parquet" for task in TASKS],
    "evaluations": 60,
    "noise": "none",
    "first_seed": 0,
    "looks": [8, 16],
    "target": 0.05,
    "slowdown": 1.3,
    "alpha": 0.04,
    "power": 0.9,
}


class Lucky:
    """A strategy that asks for a hit (x = 0) with a constant chance, so that T is geometric with mean 1 / chance.

    Args:
        chance: the chance of a hit in each ask.
    """

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget, *, chance: float) -> None:
        del space, budget
        draws = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, round(1000 * chance)))
        self._rng = np.random.default_rng(draws)
        self._chance = chance
        self._hits = [(0, y) for y in self._rng.permutation(SIZE).tolist()]
        self._misses = [(x + 1, y) for x, y in self._rng.permutation(np.argwhere(np.ones((SIZE - 1, SIZE)))).tolist()]

    def ask(self, n: int) -> Sequence[Configuration]:
        picks = [(self._hits if self._rng.random() < self._chance else self._misses).pop() for _ in range(n)]
        return [{"x": x, "y": y} for x, y in picks]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learns nothing."""


class Hostile(Lucky):
    """A strategy that fails at its tenth tell."""

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        if evaluations[0].index == 9:
            raise ArithmeticError("the model\nfell over")


def write_suite(folder: Path, **changes: object) -> Path:
    """Write four landscapes and a suite of them; return the suite's file."""
    for number, task in enumerate(TASKS):
        write_hills(folder / f"{task}__toy.parquet", task, float(number + 1))
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(SUITE | changes))
    return path


def write_hills(path: Path, task: str, best_ms: float, coverage: str = "exhaustive") -> None:
    """Write a landscape in which x = 0 is best and everything else at least twice as slow."""
    values = tuple(range(SIZE))
    space = SearchSpace([Ordinal("x", values, "linear"), Ordinal("y", values, "linear")])
    configurations = list(space.enumerate())
    latency = [best_ms * (1 + 0.001 * c["y"] + (0 if c["x"] == 0 else 1 + c["x"])) for c in configurations]
    n = len(configurations)
    columns = {
        "configurations": configurations,
        "status": ["ok"] * n,
        "latency_ms": latency,
        "oracle_ms": latency,
        "samples_ms": [[value] for value in latency],
        "compile_s": np.linspace(0.1, 0.9, n).tolist(),
        "verify_s": [0.01] * n,
        "benchmark_s": [0.05] * n,
        "message": [""] * n,
        "origin": ["uniform"] * n,
    }
    device = {"name": "Toy Device", "slug": "toy"}
    write_landscape(path, space, columns, {"task": task, "device": device, "coverage": {"kind": coverage}})
