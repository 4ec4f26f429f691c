"""The result of a gate as JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any
from xml.etree import ElementTree

from analysis.gate.compare import NOTHING, TaskComparison
from analysis.gate.exact import ExactErts
from analysis.gate.judge import Judgement, Look, Verdict
from analysis.gate.power import Power
from analysis.gate.side_times import SideTimes
from analysis.gate.text import baseline_words, ratio_cell, sentence
from analysis.media import printable
from analysis.statistics.ert import LogEstimate

VERSION = 1


def to_json(judgement: Judgement, suite: str, made: Mapping[str, Any], found: Power | None = None) -> str:
    """The whole result of a gate as JSON. Numbers without a value are null.

    Args:
        made: versions and other provenance.
        found: the power of the looks; ``plan.power`` is the requested power.
    """
    document = {
        "version": VERSION,
        "verdict": str(judgement.verdict),
        "sentence": sentence(judgement),
        "suite": suite,
        "plan": asdict(judgement.plan),
        "power": None if found is None else {"slowdown": judgement.plan.slowdown, **asdict(found)},
        "candidate": _side(judgement.candidate),
        "baseline": _side(judgement.baseline),
        "ratio": _ratio(judgement.last.comparison.ratio),
        "more_seeds": judgement.more_seeds,
        "baseline_seeds": judgement.baseline_seeds,
        "tasks": [_task(task) for task in judgement.last.comparison.tasks],
        "looks": [_look(look) for look in judgement.looks],
        "made": made,
    }
    return json.dumps(_valued(document), indent=1) + "\n"


def _side(side: SideTimes | ExactErts) -> dict[str, Any]:
    if isinstance(side, ExactErts):
        known: dict[str, Any] = {"runs": 0, "streams": None, "simulation_error": side.error, "account": {}, "notes": []}
        return {"label": side.label, "source": side.source, **known}
    said = {"account": dict(side.account), "notes": list(side.notes)}
    return {"label": side.label, "source": side.source, "runs": side.runs, "streams": side.streams, **said}


def _ratio(ratio: LogEstimate) -> dict[str, float]:
    low, high = ratio.interval()
    return {"value": ratio.value, "low": low, "high": high, "log": ratio.log, "se": ratio.se, "df": ratio.df}


def _task(task: TaskComparison) -> dict[str, Any]:
    """One task as JSON; an exact law has null for hits and runs."""
    sides = {"candidate": asdict(task.candidate), "baseline": asdict(task.baseline)}
    ratio = _ratio(task.ratio if task.solved else NOTHING)
    return {"task": task.task, **sides, "ratio": ratio, "pairs": task.pairs}


def _look(look: Look) -> dict[str, Any]:
    return {
        "seeds": look.seeds,
        "ratio": _ratio(look.comparison.ratio),
        "z": look.z,
        "information": look.information,
        "information_needed": look.needed,
        "regression_from_z": look.bounds.upper,
        "pass_to_z": look.bounds.lower,
    }


def _valued(document: Any) -> Any:
    """Replace nan and inf, which JSON does not have, by null."""
    if isinstance(document, float):
        return document if isfinite(document) else None
    if isinstance(document, Mapping):
        return {name: _valued(value) for name, value in document.items()}
    return [_valued(value) for value in document] if isinstance(document, list | tuple) else document


def to_junit(judgement: Judgement, suite: str) -> str:
    """The result as JUnit XML: one test case per task and one for the verdict.

    There is a failure or an error exactly if the exit code is not 0: the verdict fails on a regression and is an error
    if undecided. A task fails only together with the verdict, and only if its own 95% interval lies above 1, because a
    single one of eleven tasks is often above by chance.
    """
    name = f"gate.{suite}.{judgement.candidate.label}"
    regression = judgement.verdict is Verdict.REGRESSION
    of = baseline_words(judgement)
    cases = [_case(name, task, regression, of) for task in judgement.last.comparison.tasks]
    whole = ElementTree.Element("testcase", classname=name, name="verdict")
    if regression:
        ElementTree.SubElement(whole, "failure", message=sentence(judgement), type="regression")
    elif judgement.verdict is Verdict.UNDECIDED:
        ElementTree.SubElement(whole, "error", message=sentence(judgement), type="undecided")
    ElementTree.SubElement(whole, "system-out").text = sentence(judgement)
    cases.append(whole)
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {word: str(sum(case.find(kind) is not None for case in cases)) for word, kind in kinds.items()}
    root = ElementTree.Element("testsuite", {"name": name, "tests": str(len(cases)), **counts})
    root.extend(cases)
    for element in root.iter():  # XML cannot represent most control characters
        element.attrib.update({name: printable(value) for name, value in element.attrib.items()})
        element.text = None if element.text is None else printable(element.text)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(name: str, task: TaskComparison, regression: bool, of: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=name, name=task.task)
    said = f"{ratio_cell(task.ratio)} times the evaluations of {of}"
    if not task.solved:
        ElementTree.SubElement(case, "skipped", message="no run of either side came within the target")
        return case
    low = task.ratio.interval()[0]
    if regression and low > 1:
        ElementTree.SubElement(case, "failure", message=said, type="slower")
    ElementTree.SubElement(case, "system-out").text = said
    return case
