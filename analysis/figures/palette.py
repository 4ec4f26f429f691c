"""Colours, dashes and markers: sixteen distinguishable ones of each, so that strategies differ in all three.

The first eight colours are those of Okabe & Ito (2008), which are distinguishable with any kind of colour vision; the
others differ from them in lightness or hue.
"""

from __future__ import annotations

Marker = str | tuple[int, int, float]  # as matplotlib takes it: (points, 1, angle) is a star
Dash = str | tuple[int, tuple[float, ...]]  # as matplotlib takes it

GREY = "0.45"
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
WINE, INDIGO, OLIVE, BROWN, FOREST, AQUA, PINK, STEEL = (
    "#882255",
    "#3B1F9E",
    "#8F8B1A",
    "#6B3E12",
    "#14521C",
    "#2FE0C0",
    "#FF3D9A",
    "#7C8FA3",
)
COLOURS = (
    *(SKY, ORANGE, PURPLE, GREEN, BLUE, VERMILLION, WINE, INDIGO),
    *(OLIVE, BROWN, FOREST, PINK, STEEL, AQUA, YELLOW, BLACK),
)
"""In the order in which strategies without a fixed colour take them."""

DASHES: tuple[Dash, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (3, 2)),
    (0, (9, 1.5)),
    (0, (2, 1)),
    (0, (8, 1.5, 3, 1.5)),
    (0, (1, 2.2)),
    (0, (5, 1, 1, 1, 1, 1, 1, 1)),
    (0, (4, 1, 4, 3)),
    (0, (10, 1, 1, 1)),
    (0, (1, 1, 3, 3)),
    (0, (6, 3)),
    (0, (2, 1, 2, 3)),
)
MARKERS: tuple[Marker, ...] = (
    *("o", "s", "D", "^", "v", "P", "X", "*"),
    *("<", ">", "p", "h", "d", (4, 1, 0), (6, 1, 0), "H"),
)
