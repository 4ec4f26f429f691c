"""hypothesis.yaml: fields are read as written, each fault is one line, and the right file is used."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.reference import StratumRule
from analysis.verdict.hypothesis import Hypothesis, LivePart, Seeds
from analysis.verdict.hypothesis_file import find_hypothesis, read_hypothesis
from tests.analysis.hypotheses import CLAIM, CLAIM_FILE, fields, write_hypothesis
from tests.test_rules_agree import BOMBS

OURS = Hypothesis(
    statement="Mine is twice as fast.",
    strategies=("mine",),
    baselines=("exact_random",),
    threshold=2.0,
    upper_end=None,
    target=0.1,
    targets=(0.1,),
    strata=("all",),
    axes=("evaluations",),
    questions=("these tasks",),
    error_rate=0.1,
)


def test_the_claim_is_as_it_was_registered() -> None:
    assert CLAIM.strategies == ("conditional_gp", "lfbo")
    assert (CLAIM.threshold, CLAIM.upper_end, CLAIM.target, CLAIM.error_rate) == (5.0, 10.0, 0.05, 0.05)
    assert CLAIM.targets == (0.01, 0.05, 0.10) and CLAIM.questions == ("these tasks", "new kernels")
    assert CLAIM.axes == ("evaluations", "seconds") and CLAIM.baselines == ("exact_random", "random_hierarchical")
    assert CLAIM.strata == ("useful", "all") and len(CLAIM.needs()) == 4


WHOLE = replace(
    OURS,
    upper_end=3.0,
    seeds=Seeds(100, 30),
    stratum_rule=StratumRule("exact_random_by_parameter", 10.0, 500.0),
    live=LivePart(("softmax-4096x2560-bf16",), ("mine",), Seeds(200, 3)),
    registered="2026-11-27T09:30:00+00:00",
    reference_error=0.02,
)
OPTIONAL = ("upper_end", "seeds", "stratum_rule", "live", "registered", "leave_out_unreachable", "reference_error")


@pytest.mark.parametrize("hypothesis", [CLAIM, OURS, WHOLE])
def test_what_is_written_is_read(hypothesis: Hypothesis, tmp_path: Path) -> None:
    file = read_hypothesis(write_hypothesis(tmp_path / "h.yaml", hypothesis))
    assert file.hypothesis == hypothesis
    assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert file.document(file.registration())["threshold"] == hypothesis.threshold


def test_the_example_in_the_readme_is_one(tmp_path: Path) -> None:
    readme = (CLAIM_FILE.parents[2] / "analysis" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "h.yaml").write_text(example, encoding="utf-8")
    assert read_hypothesis(tmp_path / "h.yaml").hypothesis.speedup == "2–3×"
    assert set(yaml.safe_load(example)) == {"version", *(field.name for field in dataclasses.fields(Hypothesis))}


def test_the_claimed_speedup_in_words() -> None:
    assert (CLAIM.speedup, OURS.speedup) == ("5–10×", "at least 2×")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no version": ({"version": None}, r"version=nothing: expected 1, the version of this format"),
    "version of another type": ({"version": "1"}, r"version='1': expected 1"),
    "newer version": ({"version": 2, "later": 1}, r"version=2: expected at most 1: a newer NearOpt wrote this file"),
    "unknown field": ({"treshold": 5}, r"treshold: unknown field \(did you mean threshold\?\): expected version, "),
    "no text": ({"statement": " "}, r"statement=' ': expected a non-empty text"),
    "one name instead of a list": ({"strategies": "mine"}, r"strategies='mine': expected a list of names of "),
    "no strategy": ({"strategies": []}, r"strategies=\[\]: expected a list of names"),
    "a number for a name": ({"strategies": ["mine", 3]}, r"strategies=\['mine', 3\]: expected a list of names"),
    "a strategy twice": ({"strategies": ["mine", "mine"]}, r"strategies='mine': expected each name once"),
    "unknown baseline": (
        {"baselines": ["exact_randon"]},
        r"baselines='exact_randon' \(did you mean exact_random\?\): expected one of exact_random, exact_",
    ),
    "unknown stratum": ({"strata": ["usefull"]}, r"strata='usefull' \(did you mean useful\?\): expected one of trivi"),
    "unknown axis": ({"axes": ["second"]}, r"axes='second' \(did you mean seconds\?\): expected one of evaluations, "),
    "unknown question": ({"questions": ["x"]}, r"questions='x': expected one of these tasks, new kernels"),
    "threshold of another type": ({"threshold": "5x"}, r"threshold='5x': expected a number above 0"),
    "yes is no number": ({"threshold": True}, r"threshold=True: expected a number above 0"),
    "threshold out of range": ({"threshold": 0}, r"threshold=0: expected a number above 0"),
    "threshold without end": ({"threshold": float("inf")}, r"threshold=inf: expected a number above 0"),
    "threshold too large for a float": ({"threshold": 10**400}, r"threshold=1000.*\.\.\.: expected a number above 0"),
    "upper end below the threshold": ({"upper_end": 1.5}, r"upper_end=1.5: expected a number above 2"),
    "target not among the targets": ({"target": 0.05}, r"target=0.05: expected one of targets, 0.1"),
    "target that is no number": ({"target": [0.1]}, r"target=\[0.1\]: expected a number above 0"),
    "unknown target": ({"targets": [0.1, 0.2]}, r"targets=0.2: expected a list of one or more of 0.01, 0.05, 0.1"),
    "a target twice": ({"targets": [0.1, 0.1]}, r"targets=0.1: expected each name once"),
    "no targets": ({"targets": 0.1}, r"targets=0.1: expected a list of one or more of 0.01, 0.05, 0.1"),
    "seeds that are a list": ({"seeds": [1]}, r"seeds=\[1\]: expected a mapping with the keys first, count"),
    "no number of seeds": ({"seeds": {"first": 1}}, r"seeds.count is missing: expected first, count"),
    "negative seed": ({"seeds": {"first": -1, "count": 2}}, r"seeds.first=-1: expected a whole number of at least 0"),
    "unknown part": ({"seeds": {"first": 1, "cuont": 2}}, r"seeds.cuont: unknown field \(did you mean count\?\): "),
    "strata by something else": (
        {"stratum_rule": {"by": "x", "trivial_below": 20, "needle_above": 1000}},
        r"stratum_rule.by='x': expected one of exact_random, exact_random_by_parameter",
    ),
    "strata that cross": (
        {"stratum_rule": {"by": "exact_random", "trivial_below": 20, "needle_above": 10}},
        r"stratum_rule.needle_above=10: expected a number above 20",
    ),
    "live part without names": (
        {"live": {"tasks": [], "strategies": ["mine"], "seeds": {"first": 1, "count": 2}}},
        r"live.tasks=\[\]: expected a list of names of tasks",
    ),
    "seeds of the live part": (
        {"live": {"tasks": ["t"], "strategies": ["mine"], "seeds": {"first": 1, "count": 0}}},
        r"live.seeds.count=0: expected a whole number of at least 1",
    ),
    "no date": ({"registered": "soon"}, r"registered='soon': expected a day or a time such as 2026-11-27"),
    "error rate out of range": ({"error_rate": 0.5}, r"error_rate=0.5: expected a number above 0 and below 0.5"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_one_line(change: dict[str, Any], expected: str, tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(yaml.safe_dump(fields(OURS) | change))
    with pytest.raises(AnalysisError, match=f"h.yaml: {expected}") as caught:
        read_hypothesis(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in fields(WHOLE) if name not in ("version", *OPTIONAL)])
def test_every_field_has_to_be_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in fields(OURS).items() if key != name}))
    with pytest.raises(AnalysisError, match=f"h.yaml: {name} is missing: expected version, statement, "):
        read_hypothesis(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", r"\['a', 'b'\]: expected a mapping with the keys version, statement"),
        ("", "nothing: expected a mapping"),
        ("version: 1\nversion: 1\n", "not YAML: line 2: version occurs twice"),
        ("a: [1\nb: 2", "not YAML: line 2: "),
        ("? [a]\n: 1\n", "not YAML: line 1: found unhashable key"),
    ],
)
def test_a_file_that_is_no_hypothesis(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(text)
    with pytest.raises(AnalysisError, match=f"h.yaml: {expected}") as caught:
        read_hypothesis(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_that_stands_for_too_much(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(BOMBS[bomb])
    with pytest.raises(AnalysisError, match=r"h\.yaml: not YAML") as caught:
        read_hypothesis(path)
    assert str(caught.value).isprintable()


def test_a_list_is_looked_through_once(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(yaml.safe_dump({**fields(OURS), "strategies": [f"s{i}" for i in range(20_000)]}))
    assert len(read_hypothesis(path).hypothesis.strategies) == 20_000
    path.write_text(yaml.safe_dump({**fields(OURS), "strategies": ["s", "t", "s"]}))
    with pytest.raises(AnalysisError, match="strategies='s': expected each name once"):
        read_hypothesis(path)


@pytest.mark.parametrize("name", ["../x", "\x1b[2J", "a/b"])
def test_names_are_as_results_have_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(yaml.safe_dump({**fields(OURS), "strategies": [name]}))
    with pytest.raises(AnalysisError, match=r"h\.yaml: strategies='.*': expected a (visible )?name") as caught:
        read_hypothesis(path)
    assert str(caught.value).isprintable()


def test_a_statement_is_text(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(yaml.safe_dump({**fields(OURS), "statement": "fast\n\x1b[2Jer"}))
    assert read_hypothesis(path).hypothesis.statement == "fast \\x1b[2Jer"


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "h.yaml")
    with pytest.raises(AnalysisError, match=r"cannot be read: .*not a regular file"):
        read_hypothesis(tmp_path / "h.yaml")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"none\.yaml: cannot be read: No such file or directory"):
        read_hypothesis(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"statement: \xe9\n")
    with pytest.raises(AnalysisError, match=r"latin\.yaml: not YAML"):
        read_hypothesis(tmp_path / "latin.yaml")


def test_in_the_folder_else_beside_it_else_none(tmp_path: Path) -> None:
    results = tmp_path / "study" / "results"
    results.mkdir(parents=True)
    assert find_hypothesis([results]) is None
    beside = write_hypothesis(results.parent / "hypothesis.yaml", CLAIM)
    found = find_hypothesis([results])
    assert found is not None and found.path == beside
    inside = write_hypothesis(results / "hypothesis.yaml", OURS)
    found = find_hypothesis([results])
    assert found is not None and found.path == inside and found.hypothesis == OURS
    given = find_hypothesis([results], CLAIM_FILE)
    assert given is not None and given.hypothesis == CLAIM


def test_the_parent_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_hypothesis(tmp_path / "hypothesis.yaml", OURS)
    (tmp_path / "results" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "results")
    for name in (".", "inner/.."):
        assert find_hypothesis([name]) is not None
    monkeypatch.chdir(tmp_path)
    assert find_hypothesis(["results"]) is not None


def test_several_folders_have_one_hypothesis(tmp_path: Path) -> None:
    one, same, none, other = (tmp_path / name / "results" for name in ("one", "same", "none", "other"))
    for folder in (one, same, none, other):
        folder.mkdir(parents=True)
    write_hypothesis(one / "hypothesis.yaml", OURS)
    write_hypothesis(same / "hypothesis.yaml", OURS)
    write_hypothesis(other.parent / "hypothesis.yaml", replace(OURS, threshold=3.0))
    found = find_hypothesis([none, one, same])
    assert found is not None and found.hypothesis == OURS
    expected = r"other.hypothesis.yaml: not the hypothesis of .*one.results.hypothesis.yaml: expected the same one"
    with pytest.raises(AnalysisError, match=expected):
        find_hypothesis([one, none, other])
    assert find_hypothesis([one, other], CLAIM_FILE) is not None
