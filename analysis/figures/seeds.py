"""The seeds per task needed to decide between a strategy and random search, or its neighbour in rank."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.letters import MOST as MOST_LETTERS
from analysis.figures.palette import GREY
from analysis.figures.scales import log_x
from analysis.figures.style import COLUMN_INCHES, Look, paper, text_colour
from analysis.study.seeds_to_decide import MOST

_ROW, _LONG_ROW = 0.17, 0.25


def draw(data: pd.DataFrame, styles: dict[str, Look]) -> Figure:
    """Draw a row per comparison: a dot at the seeds it needs, a bar at the seeds it had.

    Args:
        data: from :func:`analysis.study.seeds_to_decide.seeds_to_decide`, with at least one finite number.
    """
    rows = data[data["strategy"].isin(list(styles)) & data["seeds"].notna()].reset_index(drop=True)
    finite = rows.loc[np.isfinite(rows["seeds"]), "seeds"]
    end = 2.0 * max(float(finite.max()), float(rows["seeds_had"].max()))
    ratios = [f"{ratio:.2g}×" for ratio in rows["ratio"]]
    names = [f"{one} / {other}: {x}" for one, other, x in zip(rows["strategy"], rows["against"], ratios, strict=True)]
    long = max(map(len, names)) > MOST_LETTERS
    if long:
        names = [name.replace(" / ", "\n/ ", 1) for name in names]
    with paper():
        figure = Figure(figsize=(COLUMN_INCHES, 0.6 + (_LONG_ROW if long else _ROW) * len(rows)))
        axes = figure.subplots()
        for y, row in enumerate(rows.to_dict("records")):
            look = styles[str(row["strategy"])]
            axes.plot([row["seeds_had"]] * 2, [y - 0.32, y + 0.32], color=GREY, lw=1.6)
            if np.isfinite(row["seeds"]):
                axes.plot(row["seeds"], y, marker=look.marker, ls="", color=look.colour, ms=3.6)
            else:
                axes.text(end, y, f"> {MOST:,} ", ha="right", va="center", fontsize=6.5, color=text_colour(look))
        log_x(axes, 1.5, end)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), names, fontsize=6.5)
        axes.set_xlabel("seeds per task")
        axes.grid(True, axis="x")
    return figure
