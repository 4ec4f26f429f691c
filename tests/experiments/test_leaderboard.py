"""The leaderboard: its sources, and a check of submissions that detects runs which do not reproduce."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.runs.reading import read_logs
from experiments.leaderboard import build, check, submission
from experiments.leaderboard.submission import FILE, Submission, read_submission, submitted
from harness.authoring.new_strategy import new_strategy
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.study.sweep import run_alone

ROOT = Path(build.__file__).parents[2]
TEMPLATE = Path(build.__file__).parent / "template" / FILE
CELL = ("softmax-4096x2560-bf16", 3)


def one_run(folder: Path, strategy: str = "random") -> RunConfig:
    """Make a short run below ``folder/results``; return its configuration."""
    own = Composer(folder if strategy != "random" else None)
    words = [f"task={CELL[0]}", f"strategy={strategy}", f"seed={CELL[1]}", "budget.evaluations=12"]
    asked = own.single([*words, f"results={folder / 'results'}"])
    run_alone(asked.runs[0], asked.options)
    return asked.runs[0]


def test_a_submission_reproduces_or_is_told_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new_strategy("of_a_submission", tmp_path)
    (tmp_path / FILE).write_text(
        TEMPLATE.read_text(encoding="utf-8").replace("near_and_far", "of_a_submission"), encoding="utf-8"
    )
    asked = one_run(tmp_path, "of_a_submission")
    monkeypatch.setattr(check, "protocol", lambda *_: {CELL: asked, ("softmax-16384x2560-bf16", 3): asked})
    said = check.check(read_submission(tmp_path), 3, 0)
    assert said == check.Check(asked=2, found=1, beyond=0, again={CELL: ""}) and not said.holds
    assert check.told("x", said) == "x: 1 of 2 runs of the protocol; 1 run again, 1 equal bit by bit"

    monkeypatch.setattr(submission, "protocol", lambda *_: {CELL: asked, ("softmax-16384x2560-bf16", 3): asked})
    with pytest.raises(SystemExit):
        build.main(["--submissions", str(tmp_path)])
    assert "1 of 2 runs of the protocol: expected all of them" in capsys.readouterr().err

    monkeypatch.setattr(check, "protocol", lambda *_: {CELL: asked})
    assert check.check(read_submission(tmp_path), 3, 0).holds
    (log,) = submitted(read_submission(tmp_path)).values()
    latencies = log.columns["latency_ms"].copy()
    latencies[5] = np.nextafter(latencies[5], 1.0)
    changed = replace(log, columns={**log.columns, "latency_ms": latencies})
    monkeypatch.setattr(check, "submitted", lambda _: {CELL: changed})
    assert check.main([str(tmp_path)]) == 1
    assert "latency_ms of evaluation 5: " in check.check(read_submission(tmp_path), 1, 0).again[CELL]


def test_differences_of_two_logs(tmp_path: Path) -> None:
    one_run(tmp_path)
    ((log,), _, _) = read_logs([tmp_path / "results"])
    assert check.difference(log, log) == ""
    shorter = {name: values[:-1] for name, values in log.columns.items()}
    assert check.difference(log, replace(log, columns=shorter)) == "12 evaluations, again 11"
    other = {**log.config, "config_hash": "f" * 64}
    assert check.difference(log, replace(log, config=other)).endswith(f"again {'f' * 12})")
    assert check.difference(log, replace(log, repairs=log.repairs + 1)).endswith("repairs, again 1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strategy: a\nauthors: b\n", "about=None: expected some text"),
        ("strategy: 3\nauthors: b\nabout: c\n", "strategy=3: expected some text"),
        ("strategy: a\nauthors: b\nabout: c\nmail: d\n", "mail: expected only strategy, authors, about and chosen_on"),
        ("strategy: a\nauthors: b\nabout: c\nchosen_on: all\n", "chosen_on='all': expected a list of patterns"),
        ("strategy: [\n", "damaged"),
        (None, "no such file: expected a copy of experiments/leaderboard/template"),
    ],
)
def test_a_wrong_submission_is_one_line(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text, encoding="utf-8")
    for main, words in ((check.main, [str(tmp_path)]), (build.main, ["--submissions", str(tmp_path)])):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert FILE in last and said in last


def test_the_boards_are_in_order_and_say_what_chose_defaults(tmp_path: Path) -> None:
    rows = [
        {"task": f"{kernel}-1__h100", "strategy": strategy, "baseline": baseline, "stratum": "useful", "expected": 50.0,
         "speedup": speedup, "speedup_low": 0.9 * speedup, "speedup_high": 1.1 * speedup, "hits": 29, "runs": 30}
        for kernel in ("top_k", "conv2d")
        for baseline in ("exact_random", "exact_random_by_parameter")
        for strategy, speedup in (("lfbo", 2.0), ("mine", 8.0), ("conditional_gp_16", 9.0))
    ]  # fmt: skip
    known = build.entries([Submission(tmp_path, "mine", "A & B", "Guesses <well>.", ("top_k-*",))])
    board = build.test_board(pd.DataFrame(rows), known)
    assert [row[:3] for row in board.rows] == [("1", "mine", "8 (7.5–8.6)"), ("2", "lfbo", "2 (1.9–2.1)")]
    assert board.rows[0][-1] == "Guesses <well>. (defaults chosen on 1 of these tasks)" and board.rows[0][5] == "58/60"
    page = build.render([board], "again")
    assert "Guesses &lt;well&gt;" in page and "A &amp; B" in page and "mine is first: 8 (7.5–8.6) times" in page
    assert "http" not in page and 'src="' not in page  # nothing from elsewhere


def test_a_label_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="strategy=lfbo: taken"):
        build.entries([Submission(tmp_path, "lfbo", "A", "B")])


@pytest.mark.slow
def test_committed_runs_reproduce_and_the_page_is_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(ROOT / "experiments/claim_2"), "--strategy", "optuna_tpe", "--runs", "2"]) == 0
    assert build.main(["-o", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "7.1 (6.8–7.5)" in page and "4.4 (4.1–4.7)" in page  # of runs, and of kept times
    assert "20 (19–22)" in page and str(tmp_path / "index.html") in capsys.readouterr().out
