"""Sources that mislead, as landscape files: a sibling's latencies shuffled or reversed, and another kernel's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.transfer.recordings import registered
from harness.config.source import Source
from harness.evaluation import Status
from harness.landscapes.facts import read_facts
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.siblings import siblings
from harness.landscapes.write import write_landscape
from harness.run.alignment import Account, aligned
from harness.run.source_files import observed
from harness.strategies.source import SourceData

KINDS = ("shuffled", "reversed", "kernel")
DRAWS = 5
"""The number of random sources of a kind for a task; runs take them in turn, by their seeds."""
OTHER_KERNEL = {"attention": "matmul", "matmul": "attention", "softmax": "layernorm", "layernorm": "softmax"}
SEED = 2026


def misleading(task: Path, kind: str, folder: Path, draw: int = 0) -> Path:
    """Write the source of a kind for a recorded task to ``folder``, unless it is there, and return its path.

    ``shuffled`` and ``reversed`` are made from the nearest sibling of another shape: ``shuffled`` has its outcomes in
    random order; ``reversed`` has its latencies in reversed order, and the same failures. In ``kernel``, each
    configuration of the task gets the outcome of a configuration of another kernel, drawn at random from those that
    agree with it in most of the common parameters.
    """
    path = folder / f"{kind}{draw}-of-{task.stem}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([SEED, draw, KINDS.index(kind), *task.stem.encode()])
        space_of = read_landscape(task if kind == "kernel" else sibling(task))
        giving = read_landscape(other_kernel(task)) if kind == "kernel" else space_of
        rows = _mapped(space_of, giving, rng) if kind == "kernel" else np.arange(len(giving.codes))
        if kind == "shuffled":
            rows = rng.permutation(rows)
        latencies = giving.oracle_ms[rows]
        if kind == "reversed":
            latencies = np.nanmin(latencies) * np.nanmax(latencies) / latencies
        _write(path, space_of, [giving.status[row] for row in rows.tolist()], latencies, giving)
    return path


def sibling(task: Path) -> Path:
    """Find the nearest registered recording of another shape, by the library's rule, with at least one configuration
    that can be evaluated."""
    target = read_facts(task)
    found = [path for path in siblings(target, registered()) if not target.same_problem(read_facts(path))]
    return next(path for path in found if len(fitting(path, task)[0]))


def fitting(source: Path, task: Path) -> tuple[SourceData, Account]:
    """Return the part of a recording that can be evaluated in another's space."""
    (seen,) = observed(source, Source((str(source),)), 0)
    return aligned(read_landscape(task).space, seen, read_facts(task))


def other_kernel(task: Path) -> Path:
    """Find the first recording of another kernel on the task's device."""
    facts = read_facts(task)
    wanted = OTHER_KERNEL[facts.kernel]
    found = [path for path in registered() if (other := read_facts(path)).kernel == wanted
             and other.device_name == facts.device_name]  # fmt: skip
    return found[0]


def _mapped(taking: Landscape, giving: Landscape, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw, for each row of ``taking``, a row of ``giving`` that agrees in most common parameters: [N]."""
    common = [name for name in taking.space.names if name in giving.space.names]
    agreeing = np.zeros((len(taking.codes), len(giving.codes)), dtype=np.int16)
    for name in common:
        ours, theirs = (_values(one, name) for one in (taking, giving))
        agreeing += np.equal.outer(ours, theirs) & np.not_equal.outer(ours, np.full(len(theirs), "-"))
    ties = rng.random(agreeing.shape)
    return np.asarray(np.argmax(agreeing + 0.5 * ties, axis=1))


def _values(landscape: Landscape, name: str) -> NDArray[np.str_]:
    """Return a parameter's values as text, ``-`` where it is inactive: [N]."""
    column = landscape.space.names.index(name)
    values = landscape.space.parameters[column].values
    return np.array([str(values[code]) if code >= 0 else "-" for code in landscape.codes[:, column]])


def _write(
    path: Path, of: Landscape, statuses: Sequence[Status], latencies: NDArray[np.float64], giving: Landscape
) -> None:
    ok = [status is Status.OK for status in statuses]
    columns = {
        "configurations": [of.space.decode(row) for row in of.codes],
        "status": [str(status) for status in statuses],
        "latency_ms": [float(value) if fine else None for value, fine in zip(latencies, ok, strict=True)],
        "oracle_ms": [float(value) if fine else None for value, fine in zip(latencies, ok, strict=True)],
    }
    name, device = path.stem, giving.metadata["device"]
    coverage = {"kind": "exhaustive"}
    write_landscape(path, of.space, columns, {"task": name, "device": {**device}, "coverage": coverage})
