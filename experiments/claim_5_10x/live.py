"""Does replay predict live runs? ``python -m experiments.claim_5_10x.live LIVE_RESULTS REPLAY_RESULTS``.

It compares live runs and replays in pairs of equal seeds, by two one-sided tests of equivalence, and also by the ranks
that README.md registers. It prints the tables and the sentence, and writes live-agreement.json, .csv, .md and .tex,
live-pairs.csv, .md and .tex and live-agreement-ranks.pdf, .png and .csv beside the report.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.figures.live_agreement import draw, places
from analysis.figures.style import save
from analysis.runs.load import load_study
from analysis.study.live_agreement import agreement
from analysis.tables.live_agreement import NAME, agreement_table, document
from analysis.tables.live_pairs import pairs_table
from analysis.tables.table import write

HERE = Path(__file__).parent / "report"


def compare(live: Path, replays: Path, output: Path, partners: Path | None = None) -> str:
    """Write the files to ``output``; return the text to print.

    Args:
        partners: replays of the live runs' seeds, for the pairs; ``None``: among ``replays``.

    Raises:
        AnalysisError: as :func:`analysis.study.live_agreement.agreement`, damaged files, or a folder that cannot be
            written.
    """
    found = agreement(load_study([live]), load_study([replays]), None if partners is None else load_study([partners]))
    table, by_pairs, told = agreement_table(found), pairs_table(found.paired), document(found)
    try:
        write(table, output)
        write(by_pairs, output)
        (output / f"{NAME}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        save(draw(found), output / f"{NAME}-ranks", places(found))
    except OSError as error:
        raise AnalysisError(f"{output}: cannot be written: {error.strerror or error}") from error
    return f"{by_pairs.markdown()}\n{table.markdown()}\n{told['sentence']}\n{output / f'{NAME}.json'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("live", type=Path, help="folder of live runs")
    parser.add_argument("replays", type=Path, help="folder of the replay study, or of its consolidated results")
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="replays of the live runs' seeds")
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    arguments = parser.parse_args()
    try:
        print(compare(arguments.live, arguments.replays, arguments.output, arguments.pairs))
    except AnalysisError as error:
        print(f"live: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
