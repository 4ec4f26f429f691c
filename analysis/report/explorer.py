"""The data of the page's interactive curves, as one JSON document that its script draws."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from analysis.figures import best_so_far
from analysis.figures.palette import Dash
from analysis.figures.reference_lines import DASHES, SHORT, TARGET_DASH
from analysis.figures.style import Look
from analysis.reference import HEADLINE_TARGET
from analysis.study import curves
from analysis.study.results import StudyResults
from analysis.study.simulated_random import RandomSearches
from analysis.study.time_to_target import AXES
from analysis.study.workers import SECONDS, curves_clock

MOST_PANELS = 48
"""The most tasks for which each has its own panel; with more tasks, each kernel has a panel."""
LAW = "random search, exact"
_DASH_SCALE = 1.6
_STEPS = 1000
"""Qualities are stored as whole numbers, in units of 1/1000."""


def document(
    results: StudyResults,
    looks: Mapping[str, Look],
    shown: Iterable[str],
    simulated: Mapping[str, RandomSearches],
    most: int = MOST_PANELS,
) -> dict[str, Any] | None:
    """Collect every curve of the study with its quartiles, by task, or by kernel if there are more than ``most`` tasks.

    Args:
        looks: how each strategy is drawn, in order.
        shown: the strategies that are visible at first.

    Returns:
        ``None`` where there is no curve, else:

        - ``of``: what a panel shows, ``task`` or ``kernel``;
        - ``strategies``: each with ``name``, ``colour``, ``dash`` in px, ``on`` and ``law``; the law of random search,
          if it is known, comes first;
        - ``axes``: the label of each axis;
        - ``panels``: each with ``title``, ``lines`` and ``curves``. ``lines`` are levels that are not strategies, the
          lowest first, with ``name``, ``at`` (a quality) and ``dash``. ``curves`` has for each axis and index of a
          strategy the rows ``[x, median, q25, q75]``, with qualities in 1/1000. A row holds from its x to the next x;
          the curve ends at the last x.
    """
    study, best = results.study, results.best
    by = "task" if len(best.t_star_ms) <= most else "kernel"
    runs, law = curves.run_curves(study, best, by), curves.random_curves(study, best, simulated, by)
    names = [name for name in looks if name in set(runs["strategy"])]
    known = [curves.EXACT_RANDOM] if len(law) else []
    place = {name: i for i, name in enumerate([*known, *names])}
    drawn = pd.concat([part for part in (law, runs) if len(part)])
    drawn = drawn[drawn["strategy"].isin(list(place)) & drawn["median"].notna()]
    if drawn.empty:
        return None
    spent = [axis for axis in AXES if (runs.loc[runs["axis"] == axis, "x"] > 0).any()]
    grey = {"name": LAW, "colour": "#737373", "dash": "", "on": True, "law": True}
    first = set(shown)
    return {
        "of": by,
        "strategies": [*([grey] if known else []), *(_strategy(name, looks[name], name in first) for name in names)],
        "axes": {axis: curves_clock(drawn).replace("\n", " ") if axis == SECONDS else axis for axis in spent},
        "panels": [
            {
                "title": str(group),
                "lines": _lines(study.facts.get(str(group), {}), best.t_star_ms.get(str(group), np.nan)),
                "curves": {axis: _of_axis(part[part["axis"] == axis], place) for axis in spent},
            }
            for group, part in drawn.groupby(by, sort=True)
        ],
    }


def embedded(document: Mapping[str, Any]) -> Markup:
    """Return JSON that is safe inside an HTML ``script`` element, whatever names it contains."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _strategy(name: str, look: Look, on: bool) -> dict[str, Any]:
    dash = _in_px(look.dash, _DASH_SCALE)
    return {"name": name, "colour": to_hex(look.colour), "dash": dash, "on": on, "law": False}


def _lines(facts: Mapping[str, Any], t_star_ms: float) -> list[dict[str, Any]]:
    levels = {f"within {HEADLINE_TARGET:.0%}": 1 / (1 + HEADLINE_TARGET), **best_so_far.lines(facts, t_star_ms)}
    return [
        {"name": SHORT.get(name, name), "at": round(levels[name], 4), "dash": _in_px(DASHES.get(name, TARGET_DASH), 1)}
        for name in sorted(levels, key=lambda name: levels[name])
    ]


def _in_px(dash: Dash, width: float) -> str:
    """Convert to SVG's ``stroke-dasharray`` for a line ``width`` px wide; Matplotlib counts in line widths."""
    return "" if isinstance(dash, str) else " ".join(f"{width * length:.3g}" for length in dash[1])


def _of_axis(rows: pd.DataFrame, place: Mapping[str, int]) -> dict[str, list[list[float]]]:
    return {str(place[str(name)]): _steps(curve) for name, curve in rows.groupby("strategy", sort=False)}


def _steps(curve: pd.DataFrame) -> list[list[float]]:
    """Keep the rows at which a rounded level changes, and the last row."""
    x = curve["x"].to_numpy(np.float64)
    levels = np.rint(_STEPS * curve[["median", "q25", "q75"]].to_numpy(np.float64)).astype(np.int64)
    keep = np.ones(len(x), dtype=bool)
    keep[1:-1] = (np.diff(levels, axis=0) != 0).any(axis=1)[:-1]
    return [_digits(x[keep]), *(column.tolist() for column in levels[keep].T)]


def _digits(x: NDArray[np.float64]) -> list[float]:
    """Round fractions to four significant digits, and turn whole numbers into integers."""
    rounded = [float(f"{value:.4g}") if value != int(value) else value for value in x.tolist()]
    return [int(value) if value == int(value) else value for value in rounded]
