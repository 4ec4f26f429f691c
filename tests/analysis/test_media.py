"""Names from foreign files are plain text to terminals, spreadsheets, Markdown, LaTeX, XML, HTML and Matplotlib."""

from __future__ import annotations

import ast
import csv
import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import media
from analysis.figures.style import legend_label, paper, save
from analysis.report.page import environment
from analysis.runs import writing

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = ("=1+1", "+1", "-1+cmd", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "=cmd|' /C calc'!A0")
HARMLESS = ("random", "lfbo(gamma=-0.3)", "a=b", "–", "1", "", "'x", "x-1", "matmul@h100")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_a_spreadsheet_would_calculate_says_that_it_is_text(tmp_path: Path, text: str) -> None:
    frame = pd.DataFrame({"name": [text, "x"], "value": [-1.5, np.nan], text: [1, 2]})
    rows = list(csv.reader(writing.write_csv(frame, tmp_path / "x.csv", "%.6g").open(encoding="utf-8", newline="")))
    assert [rows[0][2], rows[1][0]] == [f"'{media.printable(text)}"] * 2
    assert (rows[1][1], rows[1][2], rows[2]) == ("-1.5", "1", ["x", "", "2"])


def test_numbers_and_other_text_are_written_as_ever(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "name": HARMLESS,
            "negative": np.linspace(-1, 1, len(HARMLESS)),
            "whole": np.arange(len(HARMLESS)) - 4,
            "mixed": [-1.0, "x", None, True, -3, np.nan, "y", -0.5, "z"],
            "kind": pd.Categorical(["a"] * len(HARMLESS)),
            "truth": [True, False, True] * 3,
        }
    )
    frame.to_csv(tmp_path / "plain.csv", index=False, float_format="%.6g")
    writing.write_csv(frame, tmp_path / "ours.csv", "%.6g")
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_text_of_every_type_is_made_safe(tmp_path: Path) -> None:
    frame = pd.DataFrame({"object": pd.Series(["=1"], dtype=object), "kind": pd.Categorical(["=1"])})
    frame["string"] = pd.Series(["=1"], dtype="string")
    assert writing.write_csv(frame, tmp_path / "x.csv", "%g").read_text() == "object,kind,string\n'=1,'=1,'=1\n"
    assert frame["object"].tolist() == ["=1"]  # the caller's own stays


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", "a\\|b"),
        ("a\\|b", "a\\\\\\|b"),
        ("`x`", "\\`x\\`"),
        ("[x](javascript:0)", "[x]\\(javascript:0)"),
        ("<script>", "\\<script>"),
        ("</td>", "\\</td>"),
        ("**x**", "\\*\\*x\\*\\*"),
        ("_x_", "\\_x\\_"),
        ("a\nb", "a b"),
        ("\x1b[2J", "\\\\x1b[2J"),
        ("$a$", "\\$a\\$"),
        ("__x__", "\\_\\_x\\_\\_"),
        ("conditional_gp", "conditional_gp"),
        ("a-1__h100", "a-1__h100"),
        ("a__", "a\\_\\_"),
        ("< 0.8× (up to 3.1)", "< 0.8× (up to 3.1)"),
        ("1.12 [0.98, 1.28]", "1.12 [0.98, 1.28]"),
        ("final t*/t", "final t*/t"),
        ("t* (ms)", "t* (ms)"),
    ],
)
def test_markdown(text: str, written: str) -> None:
    assert media.markdown(text) == written


def test_a_cell_never_ends_its_table() -> None:
    table = media.markdown_table(["a|b", "c"], [["x\n| y", "|"], ["`|`", "\\|"]])
    lines = table.split("\n")
    assert len(lines) == 4
    for line in lines:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


@pytest.mark.parametrize("text", ["x", "a`b", "``", "a\nb", "`"])
def test_code_does_not_end_early(text: str) -> None:
    code = media.markdown_code(text)
    fence = code[: len(code) - len(code.lstrip("`"))]
    assert fence not in code.removeprefix(fence).removesuffix(fence) and "\n" not in code


@pytest.mark.parametrize("text", [r"\input{/etc/passwd}", "$x$", "a_b^c~d#e%f&g{h}", "\x1b]0;x\x07", r"\end{table}"])
def test_latex_has_no_command_of_a_name(text: str) -> None:
    written = media.latex(text)
    rest = written
    for known in (*media._TEX.values(), r"\_", r"\$"):
        rest = rest.replace(known, "")
    assert not set(rest) & set("\\$_^~#%&{}") and written.isprintable()


def test_json_says_the_same_and_can_be_seen() -> None:
    document = {"a": "×\x1b\x9b2J\u202e\x7f\udcff", "b": [1.5, None], "c": "plain 🚀"}
    text = media.json_text(document)
    assert json.loads(text) == document
    assert all(c.isprintable() or c == "\n" for c in text) and "×" in text and "🚀" in text


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", "x" * 300, "é" * 200, "plain"])
def test_a_figure_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    stem = media.file_stem(f"best-so-far-{name}")
    assert (tmp_path / f"{stem}.png").parent == tmp_path and len(stem.encode()) < 200
    (tmp_path / f"{stem}.png").write_text("")


def test_long_names_keep_files_of_their_own() -> None:
    assert media.file_stem("x" * 300 + "a") != media.file_stem("x" * 300 + "b")


MORE_NAMES = ("a$b$c", "$", r"\$x$", "a^b_c", "<b>", "100%")


@pytest.mark.parametrize(
    "name", [r"$\frac{1}{$", "_x", *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_NAMES)]
)
def test_matplotlib_draws_a_name_as_it_is(tmp_path: Path, name: str) -> None:
    with paper():
        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], [1, 2], label=legend_label(name))
        axes.set_title(name)
        axes.set_xticks([1.0], [name])
        figure.legend(*axes.get_legend_handles_labels())
    save(figure, tmp_path / "x", pd.DataFrame({"name": [name]}))
    assert [label.get_text().strip() for label in figure.legends[0].get_texts()] == [name]
    assert not axes.title.get_parse_math()


def test_html_is_escaped_and_printable() -> None:
    page = environment().from_string("<p>{{ name }}</p>{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}{{ m(name) }}")
    assert page.render(name="<i>\x1b[2J&") == "<p>&lt;i&gt;\\x1b[2J&amp;</p><b>&lt;i&gt;\\x1b[2J&amp;</b>"
    for template in (ROOT / "analysis/report/templates").glob("*.j2"):
        assert "safe" not in template.read_text(encoding="utf-8")


def calls(folder: str, name: str) -> set[str]:
    """List the files below a folder that call ``name(…)`` or ``….name(…)``."""
    return all_calls(folder).get(name, set())


@cache
def all_calls(folder: str) -> dict[str, set[str]]:
    """Map each name that is called below a folder to the files that call it."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found[getattr(node.func, "id", getattr(node.func, "attr", ""))].add(file.relative_to(ROOT).as_posix())
    return found


def test_each_medium_has_one_way() -> None:
    assert calls("analysis", "to_csv") == {"analysis/runs/writing.py"}
    assert calls("harness", "to_csv") == set()
    assert calls("analysis", "to_markdown") | calls("analysis", "to_latex") | calls("analysis", "to_html") == set()
    assert calls("analysis", "print") == {"analysis/progress.py"}
    own = {file for file in calls("harness", "print") if not file.startswith("harness/measure/")}  # into a worker's log
    assert own == {"harness/system/terminal.py"}


def test_json_has_a_line_for_what_holds_no_more_and_says_the_same() -> None:
    document = {
        "cells": [{"a": 1.5, "b": "x{ }, [y]"}, {"a": None, "b": "two,   spaces"}],
        "of": {"c": {"d": 1}, "e": []},
    }
    text = media.json_text(document)
    assert json.loads(text) == document
    assert '\n  {"a": null, "b": "two,   spaces"}\n' in text and '"c": {"d": 1}' in text
    assert json.loads(media.json_text({})) == {} and json.loads(media.json_text({"a": [{}]})) == {"a": [{}]}
