"""The page's script: how cells are sorted and rows are filtered; and what the page prints."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import analysis.report

TEMPLATES = Path(analysis.report.__file__).parent / "templates"
NODE = shutil.which("node") or ""


def evaluated(expression: str) -> Any:
    script = f"const s = require({json.dumps(str(TEMPLATES / 'page.js'))}); console.log(JSON.stringify({expression}))"
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


def test_what_is_folded_or_filtered_away_is_printed() -> None:
    script, style = (TEMPLATES / "page.js").read_text(), (TEMPLATES / "style.css").read_text()
    printed = style.split("@media print")[1]
    assert "details::details-content" in printed and "tr[hidden] { display: table-row" in printed
    assert "beforeprint" in script and "afterprint" in script
