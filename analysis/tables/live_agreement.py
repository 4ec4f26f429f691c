"""The comparison of live runs and replays as a table, a document and a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.study.live_agreement import (
    ALPHA,
    CLOCK,
    COMPARED,
    EVALUATIONS,
    QUALITY,
    SECONDS,
    SHARE,
    Agreement,
    Axis,
    Cell,
)
from analysis.tables.live_pairs import paired_numbers, paired_sentence, plain, tests_of
from analysis.tables.table import Table, text_rows, times_cell

NAME = "live-agreement"
_NEAR = f"{HEADLINE_TARGET:.0%}"
_WORDS = {
    EVALUATIONS: f"in evaluations to {_NEAR}",
    QUALITY: "in final quality",
    SECONDS: f"in {CLOCK} to {_NEAR}",
}
DIFFERENT, NOT_SHOWN = "different", "no difference shown"


def agreement_table(agreement: Agreement) -> Table:
    """One row per cell and one for all cells; in the CSV one row per cell and axis."""
    by_cell = list(zip(*(axis.cells for axis in agreement.axes), strict=True))
    rows = [_row({cell.axis: cell for cell in cells}) for cells in by_cell]
    return Table(
        name=NAME,
        title="Live runs ranked among their replays",
        caption=(
            f"Ratio: ERT to {_NEAR}, live over replay, 95% interval where it is supported; in ALL over the cells in "
            "which both hit. Seconds are those of compiling, verifying and benchmarking "
            "alone. Worse: share of pairs of a live run and a replay in which the live run is worse (ties count half); "
            "50% means no difference. p: exact two-sided permutation test of the rank sum, for each cell before Holm's "
            f"correction over {len(by_cell)} (*: rejected after it); for all cells together stratified, with van "
            f"Elteren's weights. Error rate: {SHARE:.1%} for the cells and {SHARE:.1%} for the whole."
        ),
        headers=(
            "task", "strategy", "hits live", "replay", "ratio, evaluations", "worse", "p",
            "t*/t live", "replay", "worse", "p", f"ratio, {CLOCK}", "worse", "p",
        ),
        rows=text_rows([*rows, _whole({axis.name: axis for axis in agreement.axes})]),
        data=pd.DataFrame([_numbers(cell) for axis in agreement.axes for cell in axis.cells]),
    )  # fmt: skip


def _row(cells: dict[str, Cell]) -> list[str]:
    one, final, seconds = (cells[name] for name in COMPARED)
    return [
        one.task,
        one.strategy,
        *(f"{hits}/{runs}" for hits, runs in (one.live, one.replay)),
        _ratio(one),
        *_tested(one),
        f"{final.live_median:.3f}",
        f"{final.replay_median:.3f}",
        *_tested(final),
        _ratio(seconds),
        *_tested(seconds),
    ]


def _ratio(cell: Cell) -> str:
    ratio = cell.ratio
    return times_cell(ratio["speedup"], ratio["speedup_low"], ratio["speedup_high"], ratio["bound"])


def _tested(cell: Cell) -> list[str]:
    return [f"{cell.test.larger:.0%}", p_text(cell.test.p) + "*" * cell.rejected]


def _whole(axes: dict[str, Axis]) -> list[str]:
    cells = axes[EVALUATIONS].cells
    hits = [f"{sum(side[0] for side in sides)}/{sum(side[1] for side in sides)}" for sides in _sides(cells)]
    tested = {
        name: [f"{axis.whole.larger:.0%}", p_text(axis.whole.p) + "*" * (axis.whole.p <= SHARE)]
        for name, axis in axes.items()
    }
    ratios = {name: times_cell(axis.ratio.value, *axis.ratio.interval()) for name, axis in axes.items()}
    return [
        "ALL", "", *hits, ratios[EVALUATIONS], *tested[EVALUATIONS], "", "", *tested[QUALITY],
        ratios[SECONDS], *tested[SECONDS],
    ]  # fmt: skip


def _sides(cells: tuple[Cell, ...]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return [cell.live for cell in cells], [cell.replay for cell in cells]


def p_text(p: float) -> str:
    """A p value with two significant figures; ``<0.0001`` below that."""
    return f"{p:.2f}" if p >= 0.095 else f"{p:.2g}" if p >= 1e-4 else "<0.0001"


def _numbers(cell: Cell) -> dict[str, Any]:
    known = {} if cell.axis == QUALITY else cell.ratio
    return {
        "task": cell.task,
        "strategy": cell.strategy,
        "axis": cell.axis,
        "live_hits": cell.live[0],
        "live_runs": cell.live[1],
        "replay_hits": cell.replay[0],
        "replay_runs": cell.replay[1],
        "live_median": cell.live_median,
        "replay_median": cell.replay_median,
        "ratio": known.get("speedup", np.nan),
        "ratio_low": known.get("speedup_low", np.nan),
        "ratio_high": known.get("speedup_high", np.nan),
        "bound": known.get("bound", ""),
        "ranks": " ".join(f"{rank:g}" for rank in sorted(cell.test.ranks)),
        "worse": cell.test.larger,
        "p": cell.test.p,
        "p_holm": cell.p_holm,
        "rejected": cell.rejected,
    }


def sentence(agreement: Agreement) -> str:
    """Sentences on the pairs, with numbers, then on the ranks and on what was left out."""
    cells = agreement.axes[0].cells
    runs = sum(cell.live[1] for cell in cells)
    different = [_axis_text(axis) for axis in agreement.axes if axis.differs]
    others = [_axis_text(axis) for axis in agreement.axes if not axis.differs]
    said = [f"live runs differ from replays {_joined(different)}"] if different else []
    said += [f"no difference is shown {_joined(others)}"] if others else []
    devices = sorted({cell.task.partition("__")[2] for cell in cells} - {""})
    on = f" on {_joined([device.upper() for device in devices])}" if devices else ""
    told = (
        f"{paired_sentence(agreement.paired)} By ranks {'; '.join(said)}: "
        f"{runs} live runs{on} in {len(cells)} cells of task and strategy."
    )
    if agreement.missing:
        names = ", ".join(f"{task} with {strategy}" for task, strategy in agreement.missing)
        told += f" Not compared, for lack of replays: {names}."
    if agreement.beaten:
        told += f" {agreement.beaten} live runs ended below the recorded optimum; they are still judged against it."
    if agreement.unjudged:
        told += f" {agreement.unjudged} of them were judged by their own readings instead of the recording."
    return told


def _axis_text(axis: Axis) -> str:
    numbers = [f"p {p_text(axis.p)}"]
    if axis.name != QUALITY and axis.known:
        low, high = axis.ratio.interval()
        numbers.append(
            f"ERT live over replay {times_cell(axis.ratio.value, low, high)} over the {axis.known} cells where both hit"
        )
    worse = [f"{cell.task} with {cell.strategy}" for cell in axis.cells if cell.rejected]
    if worse:
        numbers.append(f"rejected in {_joined(worse)}")
    if axis.whole.p <= SHARE:
        numbers.append(f"live runs worse in {axis.whole.larger:.0%} of pairs")
    return f"{_WORDS[axis.name]} ({'; '.join(numbers)})"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def document(agreement: Agreement) -> dict[str, Any]:
    """The content of live-agreement.json."""
    return {
        "question": "do live runs cost what replays predict, and do they need as many evaluations?",
        "sentence": sentence(agreement),
        "alpha": ALPHA,
        "alpha_cells": SHARE,
        "alpha_whole": SHARE,
        "target": HEADLINE_TARGET,
        "live_runs": sum(cell.live[1] for cell in agreement.axes[0].cells),
        "replays": sum(cell.replay[1] for cell in agreement.axes[0].cells),
        "not_compared": [list(cell) for cell in agreement.missing],
        "below_recorded_optimum": agreement.beaten,
        "judged_by_own_readings": agreement.unjudged,
        "verdict": {name: test.verdict for name, test in tests_of(agreement.paired).items()},
        "pairs": paired_numbers(agreement.paired),
        "ranks": {axis.name: DIFFERENT if axis.differs else NOT_SHOWN for axis in agreement.axes},
        "axes": {axis.name: _axis_numbers(axis) for axis in agreement.axes},
    }


def _axis_numbers(axis: Axis) -> dict[str, Any]:
    low, high = axis.ratio.interval()
    return {
        "p": plain(axis.p),
        "p_whole": plain(axis.whole.p),
        "smallest_p_holm": plain(min(cell.p_holm for cell in axis.cells)),
        "rejected_cells": [[cell.task, cell.strategy] for cell in axis.cells if cell.rejected],
        "worse": plain(axis.whole.larger),
        "ratio": plain(axis.ratio.value),
        "ratio_low": plain(low),
        "ratio_high": plain(high),
        "cells": len(axis.cells),
        "cells_with_ratio": axis.known if axis.name != QUALITY else 0,
    }
