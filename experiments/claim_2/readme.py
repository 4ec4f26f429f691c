"""Put the study's verdict and its law into README.md, as computed: ``python -m experiments.claim_2.readme``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.reference import kernel_of
from analysis.study.workers import SECONDS, usual_and_others

REPORT = Path(__file__).parent / "report"
README = Path(__file__).parents[2] / "README.md"
OF = ("these tasks", "useful", 0.05)
BASELINES = {"exact_random": "uniform random search", "exact_random_by_parameter": "random search by parameter"}
BEGIN, END = "<!-- claim: written by make claim -->\n", "<!-- end of claim -->\n"


def block(report: Path = REPORT) -> str:
    """What a report folder says: the verdict and what it hangs on, what defaults were chosen on, the speedups, and how
    they grow with difficulty."""
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    told = (
        verdict["sentence"],
        *verdict["notes"][:1],
        *leakage(verdict),
        *(speedups(verdict["cells"], kind) for kind in BASELINES),
        law(report),
    )
    return "\n>\n".join(f"> {sentence}" for sentence in told) + "\n"


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


def speedups(cells: Sequence[Mapping[str, Any]], baseline: str = "exact_random") -> str:
    """Every strategy over exact random search of one kind, fastest first."""
    found: dict[str, dict[str, float]] = {}
    sides: dict[str, tuple[float, float]] = {}
    for cell in cells:
        asked = (cell["question"], cell["stratum"], cell["target"]) == OF and cell["baseline"] == baseline
        if asked and cell["bound"] == "none":
            found.setdefault(cell["strategy"], {})[cell["axis"]] = cell["speedup"]
            if cell["axis"] == SECONDS:
                sides[cell["strategy"]] = _number(cell, "workers"), _number(cell, "baseline_workers")
    order = sorted(found, key=lambda name: -found[name]["evaluations"])
    usual, others = usual_and_others(sides)
    told = {name: f"; {others[name]}" if name in others else "" for name in sides}
    listed = ", ".join(
        f"{name} {found[name]['evaluations']:.2g} ({found[name][SECONDS]:.2g}{told[name]})" for name in order
    )
    return (
        f"Times as fast as exact {BASELINES[baseline]} on the useful tasks, in evaluations "
        f"(in {usual.replace(' (', ', ').rstrip(')')}): {listed}."
    )


def law(report: Path = REPORT) -> str:
    """How the speedup grows with what random search needs, from ``law-fit.csv`` and ``law.csv`` of a report folder."""
    fit = pd.read_csv(report / "law-fit.csv")
    powers = fit[fit["coefficient"] == "difficulty"].set_index(["model", "baseline"])[["estimate", "low", "high"]]
    kernels = pd.read_csv(report / "law.csv")["kernel"].nunique()

    def told(model: str, kind: str, more: str = "") -> str:
        estimate, low, high = powers.loc[(model, kind)]
        return f"{estimate:.2f}th power ({more}{low:.2f} to {high:.2f})"

    first = f"95% over {kernels} kernels: "
    return (
        f"The speedup of conditional_gp grows as the {told('alone', 'uniform', first)} of the evaluations that uniform "
        f"random search needs, and as the {told('alone', 'by parameter')} of those that random search by parameter "
        f"needs; on the kernels of this study alone as the {told('alone, first table', 'uniform')} and the "
        f"{told('alone, first table', 'by parameter')}."
    )


def _number(cell: Mapping[str, Any], name: str) -> float:
    value = cell.get(name)
    return float("nan") if value is None else float(value)


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
