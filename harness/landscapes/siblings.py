"""Find the siblings of a task among recordings, nearest first, by a rule that was fixed before any result.

Siblings have the same kernel. The nearest has the smallest distance of shape, then the same dtype, then the same
device, then the first name. The distance of two shapes is the sum over their fields of |log(a / b)| for numbers; a
field that is not a number, or that one shape lacks, adds log 2 if the values differ. The task itself on its own
device is never a sibling, under any name, and neither is another space of the same problem there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from harness.landscapes.facts import TaskFacts, read_facts

OTHER = math.log(2.0)


def siblings(target: TaskFacts, files: Sequence[Path]) -> list[Path]:
    """The siblings of a task among landscape files, nearest first."""
    found = []
    for file in files:
        facts = read_facts(file)
        if facts.kernel == target.kernel and not is_itself(target, facts):
            found.append((distance(target, facts), file.stem, file))
    return [file for _, _, file in sorted(found)]


def is_itself(target: TaskFacts, facts: TaskFacts) -> bool:
    """Whether both are the same problem on the same model of device."""
    return target.same_problem(facts) and target.device_name == facts.device_name


def distance(a: TaskFacts, b: TaskFacts) -> tuple[float, bool, bool]:
    """Distance of the shapes, whether dtypes differ, and whether devices differ. Smaller tuples are nearer."""
    return round(shape_distance(a.shape, b.shape), 9), a.dtype != b.dtype, a.device_name != b.device_name


def shape_distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Sum over the fields of |log(a / b)|, or of log 2 for differing values that are not positive numbers."""
    return sum(_field_distance(a.get(name), b.get(name)) for name in {*a, *b})


def _field_distance(a: object, b: object) -> float:
    if _is_size(a) and _is_size(b):
        return abs(math.log(a / b))
    return 0.0 if a == b else OTHER


def _is_size(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
