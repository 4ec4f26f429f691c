"""The recordings that the study is about: those that were there when it was registered, and later pairs of dtypes."""

from __future__ import annotations

from pathlib import Path

from harness.landscapes.facts import read_facts
from harness.landscapes.library import recorded_landscapes
from harness.landscapes.siblings import siblings

KERNELS = ("attention", "layernorm", "matmul", "softmax")
"""The kernels that had siblings when the study was registered."""
LATER = (
    "attention-4x16x2048x64-causal-fp16",
    "layernorm-8192x4096-fp16",
    "matmul-2048x2048x2048-fp16",
    "softmax-4096x2560-fp16",
)
"""Tasks for recordings after the study, each to differ from an earlier one in dtype alone. They are neither targets nor
sources of the study, so that its runs can be repeated."""


def registered() -> list[Path]:
    """List the recordings without those of :data:`LATER`."""
    return [path for path in recorded_landscapes() if path.stem.partition("__")[0] not in LATER]


def targets() -> list[Path]:
    """List the registered recordings of :data:`KERNELS` with a sibling of another shape. The wide space of one matmul
    is left out, because hardly any of it is in a sibling's space."""
    found = []
    for path in registered():
        facts = read_facts(path)
        near = [file for file in siblings(facts, registered()) if not facts.same_problem(read_facts(file))]
        if near and facts.kernel in KERNELS and "-wide-" not in path.stem:
            found.append(path)
    return found


def dtype_pairs() -> list[tuple[Path, Path]]:
    """List the pairs of recordings that differ in dtype alone, as (source, target), both ways."""
    recorded = {path: read_facts(path) for path in recorded_landscapes() if "-wide-" not in path.stem}
    return [
        (source, target)
        for target, facts in recorded.items()
        for source, other in recorded.items()
        if other.same_shape(facts) and other.dtype != facts.dtype and other.device_name == facts.device_name
        and facts.kernel in KERNELS
    ]  # fmt: skip
