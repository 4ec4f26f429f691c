"""The leaderboard as one HTML file: ``python -m experiments.leaderboard.build [-o FOLDER] [--submissions FOLDER…]``.

It is computed from the committed runs of the study on ten test kernels (experiments/claim_2), or the times to the
target that are kept of them, the runs of submissions (default: every folder in experiments/leaderboard/submissions) and
the contenders' table on development kernels.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
from jinja2 import ChoiceLoader, FileSystemLoader

from analysis.errors import AnalysisError
from analysis.report.page import environment
from analysis.runs.writing import write_text
from experiments.contenders.table import BY_PARAMETER, EASY, UNIFORM, speedups, summary, with_interval
from experiments.contenders.which_tuner import contenders
from experiments.leaderboard.submission import FILE, Submission, check_complete, read_submission
from harness.config.strategy_table import account
from harness.errors import UserError
from harness.system.resources import conf_directory
from harness.system.yaml_text import load_yaml

HERE = Path(__file__).resolve().parent
EXPERIMENTS = HERE.parent
TEST_RUNS = EXPERIMENTS / "claim_2/results"
TEST_TIMES = EXPERIMENTS / "claim_2/others.csv.gz"
DEVELOPMENT = EXPERIMENTS / "contenders/speedups.csv"
STRATA = EXPERIMENTS / "asynchronous/table.csv"
GROUPS = (UNIFORM, BY_PARAMETER, EASY)


@dataclass(frozen=True)
class Board:
    """One table of the page, with one row per strategy, best first."""

    title: str
    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Entry:
    """A strategy's library or authors (``by``), one sentence ``about`` it, and the patterns of the tasks on which its
    defaults were chosen."""

    by: str
    about: str
    chosen_on: tuple[str, ...] = ()

    def told(self, tasks: Iterable[str]) -> str:
        """The sentence, and on how many of ``tasks`` the defaults were chosen, if on any."""
        names = {task.partition("__")[0] for task in tasks}
        own = sum(any(fnmatch(name, pattern) for pattern in self.chosen_on) for name in names)
        return f"{self.about} (defaults chosen on {own} of these tasks)" if own else self.about


def entries(submissions: Sequence[Submission]) -> dict[str, Entry]:
    """NearOpt's own strategies and the submitted ones, by label.

    Raises:
        UserError: a submission has the label of another strategy.
    """
    found: dict[str, Entry] = {}
    for file in sorted((conf_directory() / "strategy").glob("*.yaml")):
        own = account(file, "NearOpt")
        chosen = load_yaml(file.read_text(encoding="utf-8")).get("chosen_on", ())
        found[file.stem] = Entry(own.library, own.line, tuple(chosen))
    for each in submissions:
        if each.strategy in found:
            raise UserError(f"{each.folder / FILE}: strategy={each.strategy}: taken: expected a label of its own")
        found[each.strategy] = Entry(each.authors, each.about, each.chosen_on)
    return found


def test_board(table: pd.DataFrame, known: Mapping[str, Entry]) -> Board:
    """The strategies on the test kernels.

    Args:
        table: as :func:`experiments.contenders.table.speedups` gives it; labels that are no strategy are left out.
    """
    found = summary(table[table["strategy"].isin(list(known))])
    rows: list[tuple[str, ...]] = []
    for of in found.to_dict("records"):
        name = str(of["strategy"])
        cells = [_cell(of, group) for group in GROUPS]
        hits = f"{of[f'{UNIFORM} hits']:.0f}/{of[f'{UNIFORM} runs']:.0f}"
        rows.append((str(len(rows) + 1), name, *cells, hits, known[name].by, known[name].told(table["task"])))
    return Board(
        "Test kernels",
        f"{table['task'].nunique()} tasks of ten kernels, recorded on an H100; 30 seeds (3000 to 3029), 120 "
        "evaluations, one worker, recorded noise. Hits: runs within 5%, of all runs on useful tasks.",
        ("", "strategy", *(f"over {group}" for group in GROUPS), "hits", "by", "what it is"),
        tuple(rows),
    )


def _cell(of: Mapping[object, object], group: str) -> str:
    value, low, high = (of.get(name) for name in (group, f"{group} low", f"{group} high"))
    if not isinstance(value, float) or pd.isna(value):
        return "–"
    return with_interval(value, float(str(low)), float(str(high)))


def development_board(table: pd.DataFrame, strata: pd.DataFrame, known: Mapping[str, Entry]) -> Board:
    """The contenders on development kernels, from their committed table."""
    rows = []
    for number, (name, *cells) in enumerate(contenders(table, strata), start=1):
        entry = known.get(name.removesuffix("_from_default"), Entry("", ""))
        default = "The kernel's default first. " if name.endswith("_from_default") and name not in known else ""
        rows.append((str(number), name, *cells, entry.by, f"{default}{entry.told(table['task'])}"))
    return Board(
        "Development kernels",
        "19 recordings of attention, layernorm, matmul and softmax on an H100; 20 seeds (200 to 219), 120 evaluations. "
        "Where defaults were chosen on these tasks, with other seeds, expect less on a new kernel.",
        ("", "strategy", *(f"over {group}" for group in GROUPS), "by", "what it is"),
        tuple(rows),
    )


def render(boards: Sequence[Board], command: str) -> str:
    """The page: one HTML file without any outside reference."""
    jinja = environment()
    assert jinja.loader is not None
    jinja.loader = ChoiceLoader([FileSystemLoader(HERE), jinja.loader])
    best = boards[0].rows[0]
    first = (
        f"On the test kernels {best[1]} is first: {best[2]} times as fast as uniform random search, {best[3]} times "
    )
    first += "as fast as random search by parameter where that needs 20 evaluations or more."
    return jinja.get_template("page.html.j2").render(first=first, boards=boards, command=command)


def main(given: Sequence[str] | None = None) -> int:
    """Write the page; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.leaderboard.build", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("leaderboard"), help="default: leaderboard")
    parser.add_argument("--submissions", type=Path, nargs="*", metavar="FOLDER", help="instead of the committed ones")
    arguments = parser.parse_args(given)
    committed = sorted(file.parent for file in HERE.glob(f"submissions/*/{FILE}"))
    folders = committed if arguments.submissions is None else arguments.submissions
    try:
        submissions = [read_submission(folder) for folder in folders]
        known = entries(submissions)
        for each in submissions:
            check_complete(each)
        table = speedups([TEST_RUNS, TEST_TIMES, *(each.results for each in submissions)])
    except (UserError, AnalysisError) as error:
        parser.error(str(error))
    boards = (
        test_board(table, known),
        development_board(pd.read_csv(DEVELOPMENT), pd.read_csv(STRATA), known),
    )
    words = ["python", "-m", "experiments.leaderboard.build", "-o", str(arguments.output)]
    if arguments.submissions:
        words += ["--submissions", *map(str, arguments.submissions)]
    page = arguments.output / "index.html"
    write_text(page, render(boards, shlex.join(words)))
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
