"""The page's scripts: sorting of cells, filtering of rows, drawing of curves, and printing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import analysis.report

TEMPLATES = Path(analysis.report.__file__).parent / "templates"
NODE = shutil.which("node") or ""


def evaluated(expression: str, file: str = "page.js") -> Any:
    script = f"const s = require({json.dumps(str(TEMPLATES / file))}); console.log(JSON.stringify({expression}))"
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(not NODE, reason="no Node here")
def test_cells_are_sorted_by_their_first_number_else_by_words_and_empty_ones_last() -> None:
    cells = ["12× (9–15)", "–", "2.5× (1–4)", "< 0.8×", "?"]
    names = ["softmax-16384", "softmax-512", "attention-2", ""]
    up, down, by_name, shown, hidden = evaluated(
        f"[...[false, true].map(d => {json.dumps(cells)}.sort((a, b) => s.compare(a, b, d))),"
        f"{json.dumps(names)}.sort((a, b) => s.compare(a, b, false)),"
        "s.matches('matmul lfbo 3.1x', 'LFBO mat'), s.matches('matmul lfbo', 'genetic')]"
    )
    assert up == ["< 0.8×", "2.5× (1–4)", "12× (9–15)", "–", "?"]
    assert down == ["12× (9–15)", "2.5× (1–4)", "< 0.8×", "–", "?"]
    assert by_name == ["attention-2", "softmax-512", "softmax-16384", ""]
    assert (shown, hidden) == (True, False)


@pytest.mark.skipif(not NODE, reason="no Node here")
def test_curves_are_steps_that_hold_from_their_row_to_the_next() -> None:
    rows, path, area, few, many = evaluated(
        "[[0, 1, 2.9, 3, 9, 10].map(x => s.rowAt([1, 3, 9], x)), s.steps([1, 3, 9], [5, 6, 8], x => x, y => -y),"
        "s.band([1, 3, 9], [1, 2, 4], [5, 6, 8], x => x, y => y), s.ticks(0.9, 60), s.ticks(0.02, 6000)]",
        "curves.js",
    )
    assert rows == [-1, 0, 0, 1, 2, -1]
    assert path == "M1 -5H3V-6H9V-8"
    assert area == "M1 5H3V6H9V8" + "V4H9V2H3V1H1" + "Z"
    assert few == [1, 2, 5, 10, 20, 50]
    assert many == [0.1, 1, 10, 100, 1000]


def test_what_is_folded_or_filtered_away_is_printed() -> None:
    script, style = (TEMPLATES / "page.js").read_text(), (TEMPLATES / "style.css").read_text()
    printed = style.split("@media print")[1]
    assert "details::details-content" in printed and "tr[hidden] { display: table-row" in printed
    assert "beforeprint" in script and "afterprint" in script


@pytest.mark.parametrize("name", ["page.js", "curves.js", "style.css"])
def test_neither_scripts_nor_style_ask_anybody(name: str) -> None:
    text = (TEMPLATES / name).read_text().replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.search(r"fetch|XMLHttpRequest|\bimport\b|https?:|url\(|WebSocket|sendBeacon|innerHTML|eval\(", text)
