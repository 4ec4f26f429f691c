"""How coherent recordings are, and shuffled ones: ``python -m experiments.transfer.coherence``.

A source of 200 configurations or more is followed only if its coherence
(:attr:`harness.strategies.source.SourceData.coherence`) reaches a threshold. A line per group of tasks gives the range
over their nearest siblings as they are and shuffled, and how many of each fall on the wrong side. The threshold was
chosen on the first group, the study's targets; the second, the kernels that came later, had no part in it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.transfer.misleading import DRAWS, SEED, fitting, sibling
from experiments.transfer.recordings import KERNELS, targets
from harness.landscapes.facts import read_facts
from harness.landscapes.library import recorded_landscapes
from harness.landscapes.siblings import siblings
from harness.strategies.source import COHERENT, FEWEST_FOR_COHERENCE, SourceData
from harness.system.seeds import named
from harness.system.terminal import say


@dataclass(frozen=True)
class Group:
    """Tasks, with the coherence of each nearest sibling [T] and of its shuffles [T * DRAWS]."""

    name: str
    tasks: int
    small: int
    plain: tuple[float, ...]
    shuffled: tuple[float, ...]

    def told(self) -> str:
        """One line."""
        small = f" ({self.small} more are too small to be judged)" if self.small else ""
        below, above = sum(one < COHERENT for one in self.plain), sum(one >= COHERENT for one in self.shuffled)
        return (
            f"{self.name}, {self.tasks} tasks{small}: siblings {_range(self.plain)}, {below} of {len(self.plain)} not "
            f"followed; shuffled {_range(self.shuffled)}, {above} of {len(self.shuffled)} followed"
        )


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def shuffled(source: SourceData, rng: np.random.Generator) -> SourceData:
    """The source with its outcomes in a random order."""
    order = rng.permutation(len(source)).tolist()
    return replace(
        source,
        statuses=tuple(source.statuses[i] for i in order),
        latencies_ms=tuple(source.latencies_ms[i] for i in order),
    )


def group(name: str, tasks: Sequence[Path]) -> Group:
    """The coherence of the nearest sibling of each task, and of :data:`DRAWS` shuffles of it."""
    sources = [(task, fitting(sibling(task), task)[0]) for task in tasks]
    judged = [(task, source) for task, source in sources if len(source) >= FEWEST_FOR_COHERENCE]
    drawn = (one.coherence for task, source in judged for one in shuffles(task, source))
    plain = tuple(source.coherence for _, source in judged)
    return Group(name, len(judged), len(sources) - len(judged), plain, tuple(drawn))


def shuffles(task: Path, source: SourceData) -> Iterator[SourceData]:
    """Shuffles of a task's source, drawn from a stream of the task's own."""
    rng = np.random.default_rng(named(np.random.SeedSequence(SEED), task.stem))
    yield from (shuffled(source, rng) for _ in range(DRAWS))


def later() -> list[Path]:
    """Recordings, of kernels that came after the study was registered, that have a sibling of another shape."""
    found = []
    for path in recorded_landscapes():
        facts = read_facts(path)
        near = [file for file in siblings(facts, recorded_landscapes()) if not facts.same_problem(read_facts(file))]
        if near and facts.kernel not in KERNELS and any(len(fitting(file, path)[0]) for file in near):
            found.append(path)
    return found


def main() -> int:
    for name, tasks in (("targets of the study", targets()), ("later kernels", later())):
        say(group(name, tasks).told())
    return 0


if __name__ == "__main__":
    sys.exit(main())
