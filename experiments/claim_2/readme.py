"""Put the study's answer into README.md, as computed: ``python -m experiments.claim_2.readme``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.reference import kernel_of
from analysis.study.workers import SECONDS

REPORT = Path(__file__).parent / "report"
README = Path(__file__).parents[2] / "README.md"
STRATEGY = "conditional_gp"
QUESTION, STRATUM, TARGET = "these tasks", "useful", 0.05
UNIFORM, BY_PARAMETER = "exact_random", "exact_random_by_parameter"
NEVER_RESTARTING = f"{BY_PARAMETER}_without_restarts"
BEGIN, END = "<!-- claim: written by make claim -->\n", "<!-- end of claim -->\n"


def block(report: Path = REPORT) -> str:
    """Two sentences of a report folder: the verdict with its numbers, and how speedups grow with difficulty. A third
    one where defaults were chosen on tasks of the study."""
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    told = (answer(verdict, pd.read_csv(report / "law.csv")), law(report), *leakage(verdict))
    return "\n>\n".join(f"> {sentence}" for sentence in told) + "\n"


def answer(verdict: Mapping[str, Any], tasks: pd.DataFrame) -> str:
    """The verdict by the registered rule and what it hangs on.

    Args:
        verdict: the document ``verdict.json``.
        tasks: the table ``law.csv``, whose column ``first`` marks the study's own tasks.
    """
    kernels = tasks.loc[tasks["first"], "kernel"].nunique()
    uniform, by_parameter = (
        [cell(verdict["cells"], kind, axis)["speedup"] for axis in ("evaluations", SECONDS)]
        for kind in (UNIFORM, BY_PARAMETER)
    )
    least = cell(verdict["without_restarts"], NEVER_RESTARTING, SECONDS)
    word = verdict["verdict"][QUESTION][STRATUM]
    return (
        f"**{word.capitalize()}.** On {kernels} H100 kernels that were not used to choose any default, `{STRATEGY}` (a "
        f"Bayesian optimiser for GPU-kernel spaces) comes within {TARGET:.0%} of the optimum {uniform[0]:.1f} times as "
        f"fast as random search over configurations and {by_parameter[0]:.1f} times as fast as random search by "
        f"parameter, counted in evaluations ({uniform[1]:.1f} and {by_parameter[1]:.1f} times in seconds of tuning). "
        f"The claim needs at least {verdict['claimed'][0]:.0f} over every kind of random search; over the strictest, "
        f"by parameter without restarts, the speedup in seconds is {least['speedup']:.1f} with a lower bound of "
        f"{least['lower']:.1f}."
    )


def cell(cells: Sequence[Mapping[str, Any]], baseline: str, axis: str) -> Mapping[str, Any]:
    """The test of the headline: the strategy on the useful tasks against one kind of random search, on one axis."""
    asked = (QUESTION, STRATUM, TARGET, STRATEGY, baseline, axis)
    names = ("question", "stratum", "target", "strategy", "baseline", "axis")
    (found,) = [each for each in cells if tuple(each[name] for name in names) == asked]
    return found


def leakage(verdict: Mapping[str, Any]) -> list[str]:
    """Which of the hypothesis's strategies have defaults that were chosen on the study's own tasks, a sentence each."""
    return [
        f"The defaults of {name} were chosen on {len(tasks)} tasks of this study ({', '.join(kernels_of(tasks))}), "
        "recordings on other devices included: its numbers there are no test on new tasks."
        for name, tasks in verdict["chosen_on"].items()
        if name in verdict["registered"]
    ]


def kernels_of(tasks: Sequence[str]) -> list[str]:
    """``6 of attention``, for each kernel."""
    kernels = [kernel_of(task) for task in tasks]
    return [f"{kernels.count(name)} of {name}" for name in dict.fromkeys(kernels)]


def law(report: Path = REPORT) -> str:
    """How the speedup grows with what uniform random search needs, from ``law-fit.csv`` and ``law.csv`` of a report
    folder: on the study's own kernels, and over all kernels beside them."""
    fit = pd.read_csv(report / "law-fit.csv").set_index(["model", "baseline", "coefficient"])
    kernels = pd.read_csv(report / "law.csv")["kernel"].nunique()

    def power(model: str) -> str:
        estimate, low, high = fit.loc[(model, "uniform", "difficulty"), ["estimate", "low", "high"]]
        return f"{estimate:.2f}th power ({low:.2f} to {high:.2f})"

    own, pooled = "alone, first table", "alone"
    at_100 = float(fit["estimate"].loc[(own, "uniform", "at 100")])
    return (
        f"The harder a task is for random search, the larger the speedup: where random search over configurations "
        f"needs 100 evaluations, expect {at_100:.1f} times; it grows as the {power(own)} of that number, or with the "
        f"development kernels, {kernels} in all, as the {power(pooled)}."
    )


def with_block(readme: str, text: str) -> str:
    """The README with the text between its two marks.

    Raises:
        ValueError: the marks are not there once each, in order.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"README.md: expected {BEGIN.strip()} and {END.strip()}, once each")
    return before + BEGIN + text + END + after


def main() -> int:
    try:
        README.write_text(with_block(README.read_text(encoding="utf-8"), block()), encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        print(f"readme: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
