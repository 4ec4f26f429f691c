"""The text of a gate's verdict: for the terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.gate.compare import SideErt, TaskComparison
from analysis.gate.exact import ExactErts
from analysis.gate.judge import Judgement, Look, Verdict
from analysis.gate.power import Power
from analysis.gate.side_times import SideTimes
from analysis.media import aligned, markdown_code, markdown_table, printable
from analysis.media import markdown as escaped
from analysis.statistics.ert import LogEstimate

MARKS = {Verdict.PASS: "✅", Verdict.IMPROVEMENT: "🚀", Verdict.REGRESSION: "❌", Verdict.UNDECIDED: "❔"}


def sentence(judgement: Judgement) -> str:
    """The verdict, the ratio with its interval and, if undecided, what would decide it."""
    last, plan = judgement.last, judgement.plan
    of = baseline_words(judgement)
    names = f"{judgement.candidate.label} needs {ratio_cell(last.comparison.ratio)} times the evaluations of {of}"
    verdict = judgement.verdict
    if not last.comparison.compared:
        spent = max(float(task.spent.max()) for task in judgement.candidate.tasks.values())
        return (
            f"undecided: no run of either side came within {plan.target:.0%} of the optimum, so nothing was compared: "
            f"the suite's budget of {spent:.0f} evaluations is too small"
        )
    if verdict is Verdict.UNDECIDED:
        return f"undecided: {names}; {_what_it_needs(judgement)}"
    if last.comparison.same:
        return f"pass: every run of {judgement.candidate.label} took as long as the baseline's{_but(judgement)}"
    if verdict is Verdict.PASS:
        return f"pass: {names}; a slowdown of {plan.slowdown:g} is excluded{_but(judgement)}"
    return f"{verdict}: {names}{_but(judgement)}"


def baseline_words(judgement: Judgement) -> str:
    """The name of the other side in the sentence; a law is called by its label."""
    return judgement.baseline.label if isinstance(judgement.baseline, ExactErts) else "the baseline"


def _but(judgement: Judgement) -> str:
    """The tasks that the verdict does not cover."""
    unsolved = judgement.last.comparison.unsolved
    return f"; not compared, as no run of either side solved it: {', '.join(unsolved)}" if unsolved else ""


def _what_it_needs(judgement: Judgement) -> str:
    seeds = judgement.last.seeds + judgement.more_seeds
    needs = f"it needs about {judgement.more_seeds} more seeds per task (--seeds {seeds})"
    if judgement.baseline_seeds and not isinstance(judgement.baseline, ExactErts):
        fewest = judgement.baseline.fewest
        needs += f", and {judgement.baseline_seeds} of the baseline, which has {fewest}"
    return needs


def look_line(look: Look, total: int, number: int) -> str:
    """The line about a look while the gate runs."""
    return f"look {number} of {total}, {look.seeds} seeds per task: {ratio_cell(look.comparison.ratio)}"


def ratio_cell(ratio: LogEstimate) -> str:
    """A ratio as ``1.12 [0.98, 1.28]``; the 95% interval is not widened for earlier looks."""
    if np.isnan(ratio.log):
        return "–"
    low, high = ratio.interval()
    return f"{ratio.value:.2f}" + ("" if np.isnan(low) else f" [{low:.2f}, {high:.2f}]")


def _ert_cell(side: SideErt) -> str:
    hits = "" if side.runs is None else f" ({side.hits}/{side.runs})"
    return f"{'> ' if side.bounded else ''}{side.ert:.0f}{hits}"


def _row(task: TaskComparison) -> list[str]:
    return [
        task.task,
        _ert_cell(task.candidate),
        _ert_cell(task.baseline),
        ratio_cell(task.ratio) if task.solved else "–",
    ]


def _rows(judgement: Judgement) -> list[list[str]]:
    candidate, baseline = judgement.candidate.label, judgement.baseline.label
    heads = ["task", f"ERT {candidate} (hits)", f"ERT {baseline} (hits)", "ratio [95%]"]
    if candidate == baseline:
        heads[1:3] = ["ERT candidate (hits)", "ERT baseline (hits)"]
    if isinstance(judgement.baseline, ExactErts):
        heads[2] = f"ERT {baseline}"
    comparison = judgement.last.comparison
    return [heads, *map(_row, comparison.tasks), ["geometric mean", "", "", ratio_cell(comparison.ratio)]]


def terminal(judgement: Judgement, found: Power | None = None) -> str:
    """A row per task, what was compared, and the verdict."""
    told = [*_notes(judgement, found), sentence(judgement)]
    return "\n".join([*aligned(_rows(judgement)), *map(printable, told)])


def _notes(judgement: Judgement, found: Power | None) -> list[str]:
    last, plan = judgement.last, judgement.plan
    kind = "seed by seed (they share their initial design)" if last.comparison.pairs else "independent seeds"
    if any(task.shared is not None for task in last.comparison.compared):
        kind += ", as clusters over tasks (random streams of version 1)"
    looks = f"look {len(judgement.looks)} of {len(plan.looks)}"
    sides = dict.fromkeys(
        f"{side.label}: {note}"
        for side in (judgement.candidate, judgement.baseline)
        if isinstance(side, SideTimes)
        for note in side.notes
    )
    return [
        *sides,
        *_streams(judgement),
        f"baseline: {judgement.baseline.source}, {_known_from(judgement.baseline)}",
        f"evaluations to within {plan.target:.0%} (ERT; > without a hit); {kind}; {looks}; false alarms "
        f"{plan.alpha:.0%}{_power(judgement, found)}",
    ]


def _power(judgement: Judgement, found: Power | None) -> str:
    """The power of the plan's looks with these runs; empty if nothing was compared."""
    if found is None:
        return ""
    plan = judgement.plan
    seeds = f"up to {plan.looks[-1]} seeds per task"
    looks = f"{seeds} detect a slowdown of {plan.slowdown:g} in {found.chance:.0%} of gates"
    return f"; {looks} ({found.gates} simulated from these runs)"


def _known_from(baseline: SideTimes | ExactErts) -> str:
    if isinstance(baseline, SideTimes):
        return f"{baseline.runs} runs"
    return f"simulated, standard error at most {baseline.error:.2%}" if baseline.error else "in closed form"


def _streams(judgement: Judgement) -> Iterator[str]:
    """Why equal seeds do not pair here, if so."""
    if isinstance(judgement.baseline, ExactErts):
        return
    own, theirs = judgement.candidate.streams, judgement.baseline.streams
    if own != theirs:
        yield (
            f"{judgement.baseline.source}: its runs have random streams of version {theirs}, the candidate's of "
            f"{own}: they do not pair; --update-baseline makes a new baseline"
        )


def markdown(judgement: Judgement, suite: str, found: Power | None = None) -> str:
    """The verdict as Markdown for a comment on a pull request."""
    heads, *body = _rows(judgement)
    table = markdown_table(heads, body, ["---", "---:", "---:", "---:"])
    verdict = f"### {MARKS[judgement.verdict]} `nearopt gate`: {judgement.verdict}"
    notes = "<br>".join([f"suite {markdown_code(suite)}", *map(escaped, _notes(judgement, found))])
    return "\n\n".join([verdict, escaped(sentence(judgement)) + ".", table, f"<sub>{notes}</sub>"]) + "\n"
