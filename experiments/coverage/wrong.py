"""How often intervals and verdicts of the whole pipeline are wrong: ``python -m experiments.coverage.wrong --jobs N``.

A study depends only on its kind and its number, not on the number of processes or on earlier studies. Studies are saved
in blocks as they finish; the same command resumes after an interruption. At the end a summary is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from analysis.media import markdown_table
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.verdict.hypothesis_file import read_hypothesis
from experiments.coverage.parallel import done
from experiments.coverage.pipeline import SCENARIOS, batch, kernel_truths, stream

CLAIM = Path(__file__).parents[1] / "claim_5_10x" / "hypothesis.yaml"
TABLE = Path("results/coverage-wrong.csv")
SUMMARY = Path(__file__).parent / "wrong.csv"
BLOCK, STUDIES = 20, 2000
INTERVALS = (THESE_TASKS, NEW_KERNELS, "a kernel", "a task")
WORDS = ["claim supported", "claim refuted", "strategy supported", "strategy refuted"]
COUNTS = WORDS + [f"{what} {count}" for what in INTERVALS for count in ("given", "held", "refused")]
KEY = ["scenario", "study"]
CAN = {"supported": "true speedup up to the threshold", "refuted": "true speedup from the threshold on"}
"""The studies in which each verdict would be wrong. At the threshold any decision is an error."""
ERRORS = [f"{who} wrongly {word}" for word in CAN for who in ("claim", "strategy")]
LEAST, MOST = 0.92, 0.98
"""The range in which an interval's coverage should lie, as in README.md."""

Block = tuple[str, tuple[int, ...]]
"""A kind, and the numbers of some studies."""


def studies_of(block: Block) -> list[dict[str, object]]:
    """Compute a row for each study."""
    name, numbers = block
    (scenario,) = (of for of in SCENARIOS if of.name == name)
    found = batch(scenario, read_hypothesis(CLAIM).hypothesis, numbers)
    return [
        {"scenario": name, "study": number, **{count: of[count] for count in COUNTS}}
        for number, of in zip(numbers, found, strict=True)
    ]


def blocks(names: Sequence[str], studies: int, known: pd.DataFrame) -> list[Block]:
    """List the blocks that are still to be done; kinds alternate, so that a stopped run has studies of each."""
    there = set(zip(known["scenario"], known["study"], strict=True))
    parts = []
    for start in range(0, studies, BLOCK):
        for name in names:
            numbers = tuple(n for n in range(start, min(start + BLOCK, studies)) if (name, n) not in there)
            if numbers:
                parts.append((name, numbers))
    return parts


def with_errors(found: pd.DataFrame) -> pd.DataFrame:
    """Add columns of 0 and 1: whether each verdict would be wrong (``CAN``), and whether it was (``ERRORS``).

    Verdicts are about the mean over a study's own kernels. That mean is drawn again, since the kind and the number
    determine a study.
    """
    threshold = np.log(read_hypothesis(CLAIM).hypothesis.threshold)
    kinds = {scenario.name: scenario for scenario in SCENARIOS}
    of = [(kinds[name], int(number)) for name, number in zip(found["scenario"], found["study"], strict=True)]
    above = np.array([kernel_truths(kind, stream(kind, number)).mean() for kind, number in of]) - threshold
    wrong = {"supported": above < 1e-9, "refuted": above > -1e-9}
    found = found.assign(**{CAN[word]: wrong[word].astype(int) for word in CAN})
    return found.assign(
        **{
            f"{who} wrongly {word}": found[f"{who} {word}"].astype(int) * wrong[word]
            for word in CAN
            for who in ("claim", "strategy")
        }
    )


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Summarise each kind in a row: the number of studies, and the sums of all counts and errors."""
    order = [scenario.name for scenario in SCENARIOS]
    sums = with_errors(found).groupby("scenario")[[*COUNTS, *CAN.values(), *ERRORS]].sum()
    sums = sums.reindex([name for name in order if name in set(found["scenario"])])
    sums.insert(0, "studies", found.groupby("scenario").size().reindex(sums.index))
    return sums.reset_index()


def markdown(table: pd.DataFrame) -> str:
    """Format one row per kind for README.md, in % of its studies or of the intervals that were given."""
    head = ["scenario", "studies", *WORDS, *(f"{what}: held (refused)" for what in INTERVALS)]
    rows = []
    for of in table.to_dict("records"):
        cells = [f"{100 * of[word] / of['studies']:.1f}" for word in WORDS]
        for what in INTERVALS:
            given, refused = of[f"{what} given"], of[f"{what} refused"]
            share = of[f"{what} held"] / given if given else float("nan")
            held = f"{100 * share:.1f}" if given else "–"
            held = f"~~{held}~~" if given and not LEAST <= share <= MOST else held
            cells.append(f"{held} ({100 * refused / max(1, given + refused):.0f})")
        rows.append([of["scenario"], str(of["studies"]), *cells])
    return markdown_table(head, rows)


def markdown_errors(table: pd.DataFrame) -> str:
    """Format one row per kind: the share of studies with a wrong verdict among those in which it could be wrong."""
    head = ["scenario"]
    for word in CAN:
        head += [f"could be wrongly {word}", f"claim wrongly {word}, %", f"strategy wrongly {word}, %"]
    rows = []
    for of in table.to_dict("records"):
        row = [of["scenario"]]
        for word, can in CAN.items():
            of_these = int(of[can])
            row += [str(of_these)]
            row += [_share(int(of[f"{who} wrongly {word}"]), of_these) for who in ("claim", "strategy")]
        rows.append(row)
    return markdown_table(head, rows)


def _share(errors: int, studies: int) -> str:
    """Format a share in %, with its exact binomial interval (Clopper and Pearson)."""
    if not studies:
        return "–"
    ends = binomtest(errors, studies).proportion_ci(0.95, "exact")
    return f"{100 * errors / studies:.1f} ({100 * ends.low:.1f} to {100 * ends.high:.1f})"


def kept(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[*KEY, *COUNTS])


def keep(found: pd.DataFrame, path: Path) -> None:
    """Write the studies in the order of kinds and numbers, atomically."""
    part = path.with_suffix(".part")
    found.sort_values(KEY, kind="stable").to_csv(part, index=False)
    part.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=STUDIES, help="studies of each kind; default: %(default)s")
    parser.add_argument("--scenario", action="append", choices=[s.name for s in SCENARIOS], help="only this one")
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    parser.add_argument("-o", "--output", type=Path, default=TABLE, help="table of all studies; default: %(default)s")
    parser.add_argument("--summary", type=Path, default=SUMMARY, help="one row per kind; default: %(default)s")
    given = parser.parse_args(arguments)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    found = kept(given.output)
    todo = blocks(given.scenario or [s.name for s in SCENARIOS], given.studies, found)
    for _, rows in done(studies_of, todo, given.jobs, f"blocks of {BLOCK} studies"):
        found = pd.concat([found, pd.DataFrame(rows)], ignore_index=True) if len(found) else pd.DataFrame(rows)
        keep(found, given.output)
    table = summary(found)
    table.to_csv(given.summary, index=False)
    print(markdown(table), markdown_errors(table), sep="\n")


if __name__ == "__main__":
    main()
