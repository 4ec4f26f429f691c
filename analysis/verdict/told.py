"""What a report says of a hypothesis itself: its age beside the results', and what it registers and the study lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.runs.load import Study
from analysis.verdict.hypothesis import Hypothesis, Seeds
from analysis.verdict.hypothesis_file import HypothesisFile
from analysis.verdict.registration import age

_MOST = 3


@dataclass(frozen=True)
class Told:
    """Of one hypothesis and one study.

    Attributes:
        document: the ``hypothesis`` of verdict.json; ``results`` is ``newer``, ``older``, ``mixed`` or ``unknown``.
        sentences: for the reader.
    """

    document: dict[str, Any]
    sentences: list[str]


def told_of(file: HypothesisFile, study: Study) -> Told:
    """Ask Git how old the file is, and the study how old its runs are and which seeds they have."""
    found = file.registration()
    word, sentence = age(found, file.path, study.environment)
    lacking = seeds_told(file.hypothesis, study)
    return Told({**file.document(found), "results": word, "results_why": sentence}, [sentence, *lacking])


def seeds_told(hypothesis: Hypothesis, study: Study) -> list[str]:
    """Which runs of the hypothesis's strategies are missing, or more than it registers; nothing where none are."""
    if hypothesis.seeds is None:
        return []
    wanted, runs = hypothesis.seeds, study.runs
    own = runs[runs["strategy"].isin(hypothesis.strategies)]
    short, more = [], []
    for (task, strategy), part in own.groupby(["task", "strategy"], sort=True):
        seeds = {int(seed) for seed in part["seed"]}
        missing = len(set(wanted.all()) - seeds)
        if missing:
            short.append(f"{strategy} on {task} ({missing} missing)")
        if seeds - set(wanted.all()):
            more.append(f"{strategy} on {task}")
    said = []
    if short:
        said.append(
            f"The hypothesis registers seeds {_range(wanted)}, which {_first(short)} lack{'s' * (len(short) == 1)}."
        )
    if more:
        said.append(f"Seeds that the hypothesis does not register were run and count: {_first(more)}.")
    return said


def _range(seeds: Seeds) -> str:
    return f"{seeds.first}" if seeds.count == 1 else f"{seeds.first} to {seeds.first + seeds.count - 1}"


def _first(names: list[str]) -> str:
    rest = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {rest} more" if rest > 0 else "")
