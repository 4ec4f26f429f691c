"""The report as readers and scripts see it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.errors import AnalysisError
from analysis.figures import best_so_far
from analysis.figures.reference_lines import GID
from analysis.figures.style import looks
from analysis.report import explorer
from analysis.report.build import Report, build_report, format_speedups, redraw
from analysis.report.compare import compare_studies
from analysis.report.text import sentences
from analysis.runs.load import Study, load_study
from analysis.study.curves import random_curves, run_curves
from analysis.study.incumbents import optima
from analysis.study.results import analyse
from analysis.study.simulated_random import random_searches
from analysis.study.speedup import COLUMNS
from tests.analysis.fabricate import (
    evaluations,
    guided_order,
    landscape,
    random_order,
    write_run,
    write_study,
)
from tests.analysis.hypotheses import CLAIM, write_hypothesis
from tests.conftest import undrawn_figures


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = {f"{kernel}-64x64-bf16__h100": landscape(300, i) for i, kernel in enumerate(["matmul", "soft<b>"])}
    strategies = {"random": random_order, "conditional_gp": guided_order(2.0)}
    folder = write_study(tmp_path_factory.mktemp("results"), tables, strategies, 3, 60)
    write_hypothesis(folder / "hypothesis.yaml", CLAIM)
    return folder


@pytest.fixture(scope="module")
def report(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return build_report([results], tmp_path_factory.mktemp("out") / "report")


def test_tables_have_their_columns(report: Report) -> None:
    table = pd.read_csv(report.speedups_csv)
    assert list(table.columns) == COLUMNS
    assert set(table["axis"]) == {"evaluations", "seconds"}
    assert set(table["target"]) == {0.01, 0.05, 0.10}
    assert set(table["baseline"]) == {
        "exact_random", "random", "exact_random_16_workers", "exact_random_without_restarts"
    }  # fmt: skip
    table = table[table["baseline"] == "exact_random"]
    assert {"ALL", "kernel:matmul", "matmul-64x64-bf16__h100"} <= set(table["task"])
    assert set(table["bound"]) <= {"none", "upper"}
    assert not table.duplicated(["task", "strategy", "target", "axis", "baseline", "stratum"]).any()
    runs = pd.read_csv(report.runs_csv)
    assert len(runs) == 2 * 2 * 3 * 3 * 2
    recomputed = runs[(runs["strategy"] == "random") & (runs["target"] == 0.1) & (runs["axis"] == "evaluations")]
    recomputed = recomputed[recomputed["task"].str.startswith("matmul")]
    row = table.query("task == 'matmul-64x64-bf16__h100' and strategy == 'random' and target == 0.1").iloc[0]
    assert row["ert"] == pytest.approx(recomputed["cost"].sum() / recomputed["hit"].sum())


def test_page_is_one_file_and_escapes_names(report: Report) -> None:
    page = report.index.read_text()
    assert not re.search(r'src="(?!data:)', page)
    links = re.findall(r'href="(?!data:)([^"]*)"', page)
    assert not [link for link in links if not link.startswith("#") and not (report.index.parent / link).is_file()]
    assert {link[1:] for link in links if link.startswith("#")} <= set(re.findall(r'id="([^"]*)"', page))
    assert "url(" not in page
    assert page.count("<script") == page.count("<script>") + 1 == 3, "two scripts and the data of the curves"
    assert "soft<b>" not in page
    assert "soft&lt;b&gt;" in page
    assert page.count("data:image/png;base64,") == len(report.figures)
    assert "conditional_gp" in page and "coming within 5% of the optimum at least 5 times as fast" in page


def test_every_table_has_its_filter(report: Report) -> None:
    page = report.index.read_text()
    field = r'<input type="search" [^>]*hidden>\n<div class="scroll"><table>'
    assert page.count("<table") == len(re.findall(field, page)) > 8


def test_the_script_has_every_curve_as_the_runs_made_it(report: Report, results: Path) -> None:
    found = re.search(r'<script type="application/json" id="curves-data">(.*?)</script>', report.index.read_text())
    assert found is not None
    data = json.loads(found.group(1))
    study = load_study([results])
    curves = run_curves(study, optima(study))
    names = [strategy["name"] for strategy in data["strategies"]]
    assert names[1:] == ["conditional_gp", "random"] and all(strategy["on"] for strategy in data["strategies"])
    assert [panel["title"] for panel in data["panels"]] == sorted(set(study.runs["task"]))
    assert set(data["axes"]) == {"evaluations", "seconds"}
    for panel in data["panels"]:
        for axis in data["axes"]:
            assert set(panel["curves"][axis]) == {"0", "1", "2"}, "the law of random search and two strategies"
        for (name,), rows in curves[(curves["task"] == panel["title"]) & (curves["axis"] == "evaluations")].groupby(
            ["strategy"]
        ):
            x, *levels = panel["curves"]["evaluations"][str(names.index(name))]
            at = np.searchsorted(x, rows["x"], side="right") - 1
            for column, level in zip(("median", "q25", "q75"), levels, strict=True):
                np.testing.assert_array_equal(np.array(level)[at], np.rint(1000 * rows[column]))
            assert x[-1] == rows["x"].iloc[-1] and len(x) <= len(rows)


def test_a_study_of_many_tasks_has_a_panel_a_kernel(results: Path) -> None:
    strategies = looks(["conditional_gp", "random"])
    document = explorer.document(analyse(load_study([results]), ()), strategies, ["random"], {}, most=1)
    assert document is not None and document["of"] == "kernel"
    assert [panel["title"] for panel in document["panels"]] == ["matmul", "soft<b>"]
    assert [strategy["on"] for strategy in document["strategies"]] == [True, False, True]
    assert "<" not in explorer.embedded(document) and json.loads(explorer.embedded(document)) == document


def test_the_headline_comes_first_and_the_fastest_of_this_study_second(report: Report) -> None:
    page = html.unescape(report.index.read_text())
    headline, fastest, contents = (page.index(part) for part in (report.verdict.sentence, "told fastest", "<nav"))
    assert headline < fastest < contents < page.index('id="speedups"')
    assert "conditional_gp came within 5% of the optimum" in page[fastest:contents]


def test_figures_come_as_pdf_png_and_csv_with_type_42_fonts(report: Report) -> None:
    assert len(report.figures) >= 6
    for png in report.figures:
        assert png.read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(png.with_name(png.stem + ".csv")))
        pdf = png.with_name(png.stem + ".pdf").read_bytes()
        assert b"/Subtype /Type3" not in pdf
        assert b"/CIDFontType2" in pdf
        assert b"CreationDate" not in pdf


@pytest.mark.slow
def test_pdfs_are_the_same_bytes_again(results: Path, report: Report, tmp_path: Path) -> None:
    again = build_report([results], tmp_path)
    for first, second in zip(report.figures, again.figures, strict=True):
        for suffix in (".pdf", ".png", ".csv"):
            assert (
                first.with_name(first.stem + suffix).read_bytes() == second.with_name(second.stem + suffix).read_bytes()
            )


def test_printed_table(report: Report) -> None:
    text = format_speedups(report.speedups)
    lines = text.splitlines()
    assert lines[0].startswith("within 5% of the optimum")
    assert any(line.startswith("ALL") and "conditional_gp" in line for line in lines)
    assert "2 kernels" in lines[-1]


def test_without_any_baseline_the_page_says_so(tmp_path: Path) -> None:
    table = landscape(50)
    write_run(tmp_path / "r", "k-1__gpu", "s", 0, evaluations(table, np.arange(20)))
    with undrawn_figures():
        report = build_report([tmp_path / "r"], tmp_path / "out")
    assert len(report.speedups) == 0
    assert list(pd.read_csv(report.speedups_csv).columns) == COLUMNS
    assert "No speedup can be stated" in report.index.read_text()
    assert "no speedup" in format_speedups(report.speedups)


@pytest.mark.slow
def test_a_run_with_failures_only_is_drawn(tmp_path: Path) -> None:
    table = landscape(40).assign(status="compile_error", latency_ms=np.nan, oracle_ms=np.nan)
    write_study(tmp_path / "r", {"k-1__gpu": table}, {"s": random_order}, 2, 5)
    report = build_report([tmp_path / "r"], tmp_path / "out")
    assert set(report.speedups["task"]) == {"k-1__gpu"}  # no aggregate counts a task without an optimum
    assert set(report.speedups["bound"]) == {"unknown"}
    assert report.speedups["hits"].sum() == 0
    words = "no configuration of this task succeeded (in 10 evaluations; most often, 10 times: compile_error"
    assert f"k-1__gpu: {words}" in report.index.read_text()
    verdict = json.loads(report.verdict_json.read_text())
    assert f"k-1__gpu: {words}" in verdict["sentence"] and verdict["none_succeeded"]["k-1__gpu"].startswith(words)


def test_an_output_that_is_a_file_is_refused(results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(AnalysisError, match="cannot be written"):
        build_report([results], tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_sentences_go_from_known_to_bounded_and_random_comes_last() -> None:
    row = {"task": "ALL", "stratum": "all", "target": 0.05, "axis": "evaluations", "baseline": "exact_random"}
    row |= {"budget": 100, "hits": 5, "runs": 6, "ert": 1.0, "bound": "none", "refused": ""}

    def told(strategy: str, low: float, value: float, high: float, bound: str = "none") -> dict[str, object]:
        return row | {"strategy": strategy, "speedup": value, "speedup_low": low, "speedup_high": high, "bound": bound}

    table = pd.DataFrame(
        [
            told("random", 0.8, 1.0, 1.2),
            told("never", 0.0, 20.0, 60.0, "upper"),
            told("slow", 1.0, 2.0, 4.9),
            told("fast", 5.1, 7.0, 9.0),
            told("once", np.nan, 3.0, np.nan) | {"refused": "not enough runs: 1 seed: expected at least 3"},
        ]
    )
    found = sentences(table, set(table["task"]))
    assert [s.split()[0] for s in found] == ["fast", "once", "slow", "never", "As"]
    assert "not enough runs: 1 seed: expected at least 3, so no interval is given" in found[1]
    assert "only bounded: < 20× (up to 60)" in found[3]


def test_the_table_can_be_recomputed_from_its_file(report: Report) -> None:
    read = pd.read_csv(report.speedups_csv)
    read = read[read["baseline"] == "exact_random"].reset_index(drop=True)
    np.testing.assert_allclose(read["speedup"], report.speedups["speedup"], rtol=1e-8)
    np.testing.assert_allclose(read["ert"], report.speedups["ert"], rtol=1e-8)


def test_a_strategy_keeps_its_colour_when_others_are_absent() -> None:
    whole = looks(["random", "conditional_gp", "mine", "zebra"])
    assert len({look.colour for look in whole.values()}) == 4
    for absent in whole:
        rest = [name for name in whole if name != absent]
        assert looks(rest) == {name: whole[name] for name in rest}


def drawn(study: Study, facts: dict[str, object] | None = None) -> Figure:
    best = optima(study)
    task = next(iter(best.t_star_ms))
    law = random_curves(study, best, random_searches(study, best))
    lines = {task: best_so_far.lines(facts, 2.0)} if facts else None
    return best_so_far.draw(
        run_curves(study, best), law, looks(sorted(set(study.runs["strategy"]))), {task: task}, lines
    )


def test_curves_are_shown_from_zero_quality_on(results: Path) -> None:
    panels = drawn(load_study([results])).axes
    assert panels
    for axes in panels:
        assert len(axes.lines) > 1
        assert axes.get_ylim()[0] == 0.0
        assert {line.get_drawstyle() for line in axes.lines if line.get_gid() != GID} == {"steps-post"}


def test_default_and_vendor_are_horizontal_lines(results: Path) -> None:
    facts = {"default": {"latency_ms": 4.0}, "vendor": {"latency_ms": 1.6}}
    assert best_so_far.lines(facts, 2.0) == {"default configuration": 0.5, "vendor's library": 1.25}
    assert best_so_far.lines({"default": {"latency_ms": None}}, 2.0) == {}
    for axes in drawn(load_study([results]), facts).axes:
        flat = {line.get_label(): set(line.get_ydata()) for line in axes.lines}
        assert flat["default configuration"] == {0.5} and flat["vendor's library"] == {1.25}
        assert axes.get_ylim()[1] > 1.25


@pytest.mark.slow
def test_one_figure_again_by_name(results: Path, report: Report, tmp_path: Path) -> None:
    again = redraw([results], tmp_path, ["heatmap-evaluations", "best-so-far-matmul-64x64-bf16__h100"])
    first = report.index.parent / "figures" / "heatmap-evaluations.png"
    for suffix in (".pdf", ".png", ".csv"):
        assert again[0].png.with_suffix(suffix).read_bytes() == first.with_suffix(suffix).read_bytes()
    assert again[1].png.exists()
    with pytest.raises(AnalysisError, match="no such figure: expected one of speedup-evaluations"):
        redraw([results], tmp_path, ["pie"])


def test_every_figure_and_table_is_there_and_the_page_says_how_to_make_it_again(report: Report) -> None:
    names = {path.stem for path in report.figures}
    assert {"speedup-evaluations", "speedup-seconds", "best-so-far", "runtime-ecdf", "heatmap-evaluations"} <= names
    assert {"split-time-replay", "landscapes"} <= names
    page = report.index.read_text()
    for name in names:
        assert f"--figure {name}<" in page
    tables = {path.stem for path in report.tables}
    assert {"baselines", "leave-out", "cost-scaling", "random-suffices", "quality"} <= tables
    for csv in report.tables:
        assert csv.with_suffix(".tex").read_text().count("rule") == 3
        assert csv.with_suffix(".md").read_text().startswith("**")


def test_verdict_json_and_page_say_the_same(report: Report) -> None:
    document = json.loads(report.verdict_json.read_text())
    assert document["sentence"] == report.verdict.sentence
    assert document["sentence"] in html.unescape(report.index.read_text())
    assert {cell["strategy"] for cell in document["cells"]} == {"conditional_gp"}  # random is not judged
    assert {cell["verdict"] for cell in document["cells"]} <= {"supported", "refuted", "undecided"}


def test_two_studies_side_by_side(results: Path, tmp_path: Path) -> None:
    with undrawn_figures():
        page = compare_studies(results, results, tmp_path / "out")
    assert "Two studies side by side" in page.index.read_text()
    table = pd.read_csv(tmp_path / "out" / "comparison-evaluations.csv")
    known = table[table["ratio"].notna()]
    assert len(known) and known["ratio"].to_numpy() == pytest.approx(np.ones(len(known)))
    other = write_study(tmp_path / "b", {"else-1__h100": landscape(50)}, {"random": random_order}, 2, 10)
    with pytest.raises(AnalysisError, match="no task and strategy in common"):
        compare_studies(results, other, tmp_path / "none")
