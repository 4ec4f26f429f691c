"""How often intervals and verdicts of the whole pipeline are wrong: ``python -m experiments.coverage.wrong``.

Blocks of studies are appended to a CSV as they are done; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.progress import tracked
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.verdict.hypothesis_file import read_hypothesis
from experiments.coverage.pipeline import SCENARIOS, batch, blocks_of

CLAIM = Path(__file__).parents[1] / "claim_5_10x" / "hypothesis.yaml"
TABLE = Path("results/coverage-wrong.csv")
BLOCK, STUDIES = 20, 2000
COUNTS = ["studies", "claim supported", "claim refuted", "strategy supported", "strategy refuted"] + [
    f"{question} {what}" for question in (THESE_TASKS, NEW_KERNELS) for what in ("given", "held", "refused")
]


def markdown(found: pd.DataFrame) -> str:
    """A row a scenario, in % of its studies, or of the intervals that were given."""
    head = ["scenario", "studies", *COUNTS[1:5], *(f"{q}: held (refused)" for q in (THESE_TASKS, NEW_KERNELS))]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for name, rows in found.groupby("scenario", sort=False):
        of = rows[COUNTS].sum()
        cells = [f"{100 * of[word] / of['studies']:.1f}" for word in COUNTS[1:5]]
        for question in (THESE_TASKS, NEW_KERNELS):
            given, refused = int(of[f"{question} given"]), int(of[f"{question} refused"])
            held = f"{100 * of[f'{question} held'] / given:.1f}" if given else "–"
            cells.append(f"{held} ({100 * refused / max(1, given + refused):.0f})")
        lines.append(f"| {name} | {int(of['studies'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES, help="of each scenario")
    parser.add_argument("--scenario", action="append", choices=[s.name for s in SCENARIOS], help="this alone")
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    known = pd.read_csv(arguments.output) if arguments.output.exists() else pd.DataFrame(columns=["scenario", "block"])
    done = set(zip(known["scenario"], known["block"], strict=True))
    hypothesis = read_hypothesis(CLAIM).hypothesis
    todo = [
        (scenario, block, size)
        for scenario in SCENARIOS
        if not arguments.scenario or scenario.name in arguments.scenario
        for block, size in blocks_of(arguments.studies, BLOCK)
        if (scenario.name, block) not in done
    ]
    for scenario, block, size in tracked(todo, f"blocks of {BLOCK} studies"):
        rng = np.random.default_rng([zlib.crc32(scenario.name.encode()), block])
        found: Counter[str] = batch(scenario, hypothesis, size, rng)
        row = pd.DataFrame([{"scenario": scenario.name, "block": block, **{name: found[name] for name in COUNTS}}])
        row.to_csv(arguments.output, mode="a", index=False, header=not arguments.output.exists())
    print(markdown(pd.read_csv(arguments.output)))


if __name__ == "__main__":
    main()
