"""The age of a hypothesis: from Git, from its own statement, and compared with the runs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.runs.load import Study
from analysis.verdict.hypothesis import Seeds
from analysis.verdict.hypothesis_file import read_hypothesis
from analysis.verdict.registration import age, registration
from analysis.verdict.told import seeds_told, told_of
from tests.analysis.hypotheses import CLAIM, CLAIM_FILE, write_hypothesis

BEFORE, ADDED, BETWEEN, CHANGED, AFTER = (f"2026-11-0{day}T12:00:00+00:00" for day in (1, 2, 3, 4, 5))


def git(folder: Path, *arguments: str, when: str = ADDED) -> str:
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    settings = {"HOME": str(folder), "PATH": os.environ["PATH"], **names, **dates}
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, env=settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """Commit a hypothesis, then a changed version of it."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "before", when=BEFORE)
    file = write_hypothesis(folder / "hypothesis.yaml", replace(CLAIM, threshold=4.0))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "added")
    write_hypothesis(file, CLAIM)
    git(tmp_path, "commit", "-q", "-am", "changed", when=CHANGED)
    return file


def test_the_commits_that_added_and_changed_a_file(committed: Path) -> None:
    found = registration(committed, None)
    assert found.added is not None and found.changed is not None
    assert (found.added.time, found.changed.time, found.uncommitted) == (ADDED, CHANGED, False)
    assert found.since == CHANGED
    assert found.changed.hash == git(committed.parent, "rev-parse", "HEAD")
    link = committed.parent.parent / "link.yaml"
    link.symlink_to(committed)
    assert registration(link, None) == found


def test_a_change_that_is_in_no_commit_has_no_age_but_its_own_word(committed: Path) -> None:
    committed.write_text(committed.read_text() + "\n")
    found = registration(committed, None)
    assert found.uncommitted and found.since is None
    assert age(found, committed, {"started": AFTER, "last_started": AFTER})[0] == "unknown"
    assert registration(committed, BETWEEN).since == BETWEEN
    assert "changed since its last commit" in age(found, committed, {})[1]


def test_outside_of_a_repository_the_file_speaks_for_itself(tmp_path: Path) -> None:
    file = write_hypothesis(tmp_path / "h.yaml", replace(CLAIM, registered=BETWEEN))
    found = registration(file, BETWEEN)
    assert found.document() == {"added": None, "changed": None, "uncommitted": None} and found.since == BETWEEN
    assert age(found, file, {"started": AFTER, "last_started": AFTER})[0] == "newer"
    assert age(registration(file, None), file, {"started": AFTER})[0] == "unknown"


@pytest.mark.parametrize(
    ("first", "last", "word"),
    [(AFTER, AFTER, "newer"), (BETWEEN, BETWEEN, "older"), (BETWEEN, AFTER, "mixed"), (None, None, "unknown")],
)
def test_results_beside_it(committed: Path, first: str | None, last: str | None, word: str) -> None:
    found, sentence = age(registration(committed, None), committed, {"started": first, "last_started": last})
    assert found == word and "since 2026-11-04 12:00 UTC" in sentence


def test_runs_that_do_not_say_when_they_began_are_dated_by_their_code(committed: Path) -> None:
    found, root = registration(committed, None), committed.parent
    first, last = git(root, "rev-list", "--max-parents=0", "HEAD"), git(root, "rev-parse", "HEAD")
    assert age(found, committed, {"git": {"commit": first}})[0] == "older"
    assert age(found, committed, {"git": {"commit": last}})[0] == "newer"
    assert age(found, committed, {"git": {"commit": "--output=x"}})[0] == "unknown"


def test_seeds_that_lack_and_seeds_that_nobody_registered(tmp_path: Path) -> None:
    runs = pd.DataFrame(
        [("t", "lfbo", seed) for seed in (5, 6, 9)] + [("t", "conditional_gp", seed) for seed in (5, 6, 7)]
        + [("t", "other", 1)],
        columns=["task", "strategy", "seed"],
    )  # fmt: skip
    study = Study(runs, pd.DataFrame())
    claim = replace(CLAIM, seeds=Seeds(5, 3))
    assert seeds_told(claim, study) == [
        "The hypothesis registers seeds 5 to 7, which lfbo on t (1 missing) lacks.",
        "Runs with seeds that the hypothesis does not register count too: lfbo on t.",
    ]
    assert seeds_told(CLAIM, study) == []
    file = read_hypothesis(write_hypothesis(tmp_path / "h.yaml", claim))
    told = told_of(file, study)
    assert told.document["results"] == "unknown" and len(told.sentences) == 3
    assert told.document["sha256"] == file.sha256 and told.document["seeds"] == {"first": 5, "count": 3}


def test_the_claim_is_younger_than_its_runs() -> None:
    """The claim was moved into a file after the runs, and the verdict says so."""
    found = registration(CLAIM_FILE, None)
    if found.added is None:
        pytest.skip("not a checkout")
    environment = {"git": {"commit": "8c351e0a8985108c7c336a6319c3d92344f55179"}}
    if git(CLAIM_FILE.parent, "rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("a shallow checkout")
    assert age(found, CLAIM_FILE, environment)[0] == "older"


def test_three_are_named_and_the_others_counted() -> None:
    claim = replace(CLAIM, seeds=Seeds(100, 2), strategies=("lfbo",))
    runs = pd.DataFrame({"task": list("abcde"), "strategy": "lfbo", "seed": 100})
    assert seeds_told(claim, Study(runs, pd.DataFrame())) == [
        "The hypothesis registers seeds 100 to 101, which lfbo on a (1 missing), lfbo on b (1 missing), "
        "lfbo on c (1 missing) and 2 more lack."
    ]
