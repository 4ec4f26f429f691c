"""What a report says about the hypothesis itself: its age, and registered runs that the study lacks."""

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
    """The statements about one hypothesis and one study.

    Attributes:
        document: the ``hypothesis`` in verdict.json; ``results`` is ``newer``, ``older``, ``mixed`` or ``unknown``.
        sentences: the statements for the reader.
    """

    document: dict[str, Any]
    sentences: list[str]


def told_of(file: HypothesisFile, study: Study) -> Told:
    """Compare the file's age, from Git, with the runs' age, and the registered seeds with the runs' seeds."""
    found = file.registration()
    word, sentence = age(found, file.path, study.environment)
    lacking = seeds_told(file.hypothesis, study)
    return Told({**file.document(found), "results": word, "results_why": sentence}, [sentence, *lacking])


def seeds_told(hypothesis: Hypothesis, study: Study) -> list[str]:
    """Sentences on registered runs that are missing and on runs beyond those registered; empty if there are none."""
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
        said.append(f"Runs with seeds that the hypothesis does not register count too: {_first(more)}.")
    return said


def _range(seeds: Seeds) -> str:
    return f"{seeds.first}" if seeds.count == 1 else f"{seeds.first} to {seeds.first + seeds.count - 1}"


def _first(names: list[str]) -> str:
    rest = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {rest} more" if rest > 0 else "")
