"""The contenders' tables in their formats, all studies in one, and the heat map of such a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.errors import AnalysisError
from analysis.media import csv_safe
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM
from experiments.contenders import combine, figure, table

HERE = Path(table.__file__).parent
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
TASKS = ("k-8x8__h100", "k-9x9__h100", "l-8x8__h100")
NEEDED = {EXACT_RANDOM: (100.0, 200.0, 10.0), EXACT_BY_PARAMETER: (50.0, 30.0, 5.0)}
"""Evaluations that random search needs on each task."""


def rows_of(strategy: str, speedups: tuple[float, ...], runs: int = 20, never: int | None = None) -> pd.DataFrame:
    """A strategy's rows; the task number ``never`` was never solved, and without a speedup a task has no row."""
    rows = []
    for baseline, needed in NEEDED.items():
        for i, (task, speedup) in enumerate(zip(TASKS, speedups, strict=True)):
            hits, ends = (0, (0.0, 4 * speedup)) if i == never else (runs, (speedup / 2, 2 * speedup))
            rows.append([task, strategy, baseline, hits, runs, needed[i] / speedup, speedup, *ends])
    return pd.DataFrame(rows, columns=table.COLUMNS).dropna()


@pytest.fixture
def small() -> pd.DataFrame:
    """Three strategies on three tasks: one whole, one that never solved a task, one that lacks a task."""
    whole = rows_of("whole", (4.0, 9.0, 1.0))
    return pd.concat(
        [rows_of("bound", (0.25, 4.0, 0.5), never=0), whole, rows_of("part", (float("nan"), 16.0, 2.0))],
        ignore_index=True,
    )


@pytest.mark.parametrize("suffix", table.SUFFIXES)
def test_a_table_is_read_as_it_was_written(small: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    small["ert"] = small["ert"] / 3
    table.write_table(small, tmp_path / f"new/t{suffix}")
    again = table.read_table(tmp_path / f"new/t{suffix}")
    assert list(again) == table.COLUMNS and again["hits"].dtype == again["runs"].dtype == np.int64
    pd.testing.assert_frame_equal(again, small, rtol=5e-4, check_dtype=False)
    assert (again["ert"].map("{:.4g}".format).astype(float) == again["ert"]).all()  # four digits in either format


def test_another_format_or_file_is_refused_in_a_line(
    small: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for call in (table.write_table, lambda _, path: table.read_table(path)):
        with pytest.raises(AnalysisError, match=r"t\.tsv: unknown table format: .* ends in \.csv or \.parquet"):
            call(small, tmp_path / "t.tsv")
    for main in (table.main, combine.main):
        with pytest.raises(SystemExit):  # before anything is read
            main([*([str(tmp_path)] if main is table.main else []), "-o", str(tmp_path / "t.tsv")])
        assert "unknown table format" in capsys.readouterr().err.splitlines()[-1]
    csv_safe(small.drop(columns="ert")).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(AnalysisError, match=r"t\.csv: no column ert: expected a file of"):
        table.read_table(tmp_path / "t.csv")
    (tmp_path / "t.parquet").write_text("task,strategy\n")
    for name in ("t.parquet", "nowhere.parquet", "nowhere.csv"):
        with pytest.raises(AnalysisError, match=rf"{name}: cannot be read: ") as found:
            table.read_table(tmp_path / name)
        assert "\n" not in str(found.value)


def test_tables_are_combined_with_the_source_of_each_row(small: pd.DataFrame) -> None:
    known = small.assign(expected=np.arange(len(small), dtype=float), strategy=small["strategy"] + "_1")
    known = known.drop_duplicates(["task", "baseline"])
    found = combine.combined({"later": small, "earlier": known})
    assert list(found) == [*table.COLUMNS, "expected", "source"]
    assert list(found["source"]) == ["later"] * len(small) + ["earlier"] * len(known)
    laws = known.set_index(["task", "baseline"])["expected"]
    assert all(row["expected"] == laws[row["task"], row["baseline"]] for row in found.to_dict("records"))


def test_the_combined_table_holds_what_the_studies_say() -> None:
    csv, parquet = (table.read_table(HERE / f"all{suffix}") for suffix in table.SUFFIXES)
    pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    own = csv[csv["source"] == "contenders"]
    order = ["task", "baseline", "strategy"]
    first, again = (
        each[table.COLUMNS].sort_values(order, ignore_index=True) for each in (table.read_table(combine.SPEEDUPS), own)
    )
    pd.testing.assert_frame_equal(again, first)
    assert csv["expected"].notna().all() and not csv.duplicated([*order, "source"]).any()
    study = csv[csv["source"] == "study"]
    assert {"conditional_gp_1", "conditional_gp_1_16"} <= set(study["strategy"])
    test = set(csv.loc[csv["source"] == "claim_2", "strategy"])
    assert {"conditional_gp_1", "conditional_gp_2", "conditional_gp_2_16", "conditional_gp_2_from_default"} <= test
    assert not {"conditional_gp", "conditional_gp_16"} & (test | set(study["strategy"]))
    assert {name: int(of["runs"].max()) for name, of in csv.groupby("source")} == {
        "claim_2": 30, "claim_2_later": 30, "contenders": 30, "first_hit": 30, "study": 30,
    }  # fmt: skip


@pytest.mark.slow  # reads three studies
def test_the_combined_table_is_that_of_the_committed_results(tmp_path: Path) -> None:
    assert combine.main(["-o", str(tmp_path / "all.csv")]) == 0
    made, committed = (table.read_table(folder / "all.csv") for folder in (tmp_path, HERE))
    pd.testing.assert_frame_equal(made, committed, rtol=1e-3)


def test_cells_say_bounds_gaps_and_means(small: pd.DataFrame, tmp_path: Path) -> None:
    table.write_table(small, tmp_path / "t.csv")
    rows = figure.read([tmp_path / "t.csv"])
    uniform = {key: cell.text for key, cell in figure.cells(rows, EXACT_RANDOM).items()}
    written = {name: [uniform.get((name, column)) for column in (*TASKS, figure.MEAN)] for name, _ in uniform}
    assert written == {
        "whole": ["4.0", "9.0", "1.0", "6.0"],
        "bound": ["≤0.25", "4.0", "0.50", "≤1.0"],
        "part": [None, "16", "2.0", "(16)"],
    }
    assert figure.order(rows) == (["part", "whole", "bound"], list(TASKS))


def test_of_several_rows_the_one_with_the_most_runs_counts(small: pd.DataFrame, tmp_path: Path) -> None:
    for name, part in (("few", rows_of("whole", (7.0, 7.0, 7.0), runs=5)), ("small", small)):
        table.write_table(part.assign(source=name), tmp_path / f"{name}.parquet")
    paths = [tmp_path / "few.parquet", tmp_path / "small.parquet"]
    assert figure.cells(figure.read(paths), EXACT_RANDOM)["whole", TASKS[0]].text == "4.0"
    assert figure.cells(figure.read(paths, ["few"]), EXACT_RANDOM)["whole", TASKS[0]].text == "7.0"
    with pytest.raises(AnalysisError, match="--sources many: not in these tables: expected some of few, small"):
        figure.read(paths, ["many"])


def test_the_figure_has_a_panel_a_baseline_and_a_label_a_cell(small: pd.DataFrame, tmp_path: Path) -> None:
    table.write_table(small, tmp_path / "t.csv")
    drawn = figure.draw(figure.read([tmp_path / "t.csv"]))
    panels = [axes for axes in drawn.axes if axes.images]
    assert len(panels) == 2
    for axes in panels:
        assert axes.images[0].get_array().shape == (3, len(TASKS) + 1)
        texts = [text.get_text() for text in axes.texts]
        assert len(texts) == 3 * (len(TASKS) + 1) + 2 and texts[-2:] == ["k", "l"]  # kernels stand above
        assert sum(text == "–" for text in texts) == 1 and sum("≤" in text for text in texts) == 2
        assert [label.get_text() for label in axes.get_yticklabels()] == ["part", "whole", "bound"]
    below = [label.get_text() for label in panels[1].get_xticklabels()]
    assert below == ["8x8 h100", "9x9 h100", "8x8 h100", figure.MEAN]


@pytest.mark.parametrize("suffix", figure.METADATA)
def test_the_figure_is_written_in_the_format_of_its_name(small: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    table.write_table(small, tmp_path / "t.parquet")
    path = tmp_path / f"f{suffix}"
    assert figure.main([str(tmp_path / "t.parquet"), "-o", str(path)]) == 0
    begins = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    first = path.read_bytes()
    assert first.startswith(begins[suffix])
    if suffix == ".png":
        assert Image.open(path).width == 1120
    else:
        assert figure.main([str(tmp_path / "t.parquet"), "-o", str(path)]) == 0
        assert path.read_bytes() == first


def test_what_cannot_be_drawn_is_refused_in_a_line(
    small: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_table(small, tmp_path / "t.csv")
    table.write_table(small.assign(baseline="random"), tmp_path / "other.csv")
    for name, more, words in (
        ("t", ["-o", "f.jpg"], "unknown figure format: expected a name that ends in one of .png, .svg, .pdf"),
        ("t", ["-o", "f.png", "--sources", "a"], "--sources: expected a table of experiments.contenders.combine"),
        ("other", ["-o", "f.png"], "no speedups over exact random search in these tables"),
    ):
        with pytest.raises(SystemExit):
            figure.main([str(tmp_path / f"{name}.csv"), *more])
        assert capsys.readouterr().err.splitlines()[-1].endswith(words)


def test_the_means_of_the_figure_are_those_of_the_pages() -> None:
    study, _, later = (HERE.parent / "claim_2/README.md").read_text(encoding="utf-8").partition("## Later defaults")
    pages = {"claim_2": study, "claim_2_later": later, "contenders": PAGE}
    for source, page in pages.items():
        rows = figure.read([HERE / "all.csv"], [source])
        for baseline, column in ((EXACT_RANDOM, 1), (EXACT_BY_PARAMETER, 2)):
            means = {key[0]: cell for key, cell in figure.cells(rows, baseline).items() if key[1] == figure.MEAN}
            assert len(means) >= 5
            for strategy, cell in means.items():
                # On the page of claim_2 the strategies have the names that they had then.
                name = strategy.replace("conditional_gp_2", "conditional_gp") if source == "claim_2" else strategy
                line = next(line for line in page.splitlines() if line.startswith(f"| {name} | "))
                assert line.split(" | ")[column].startswith((f"{cell.speedup:.2g} (", f"≤ {cell.speedup:.2g} ("))


def test_the_page_counts_the_cells_above_one() -> None:
    rows = figure.read([combine.HERE / "all.csv"], ["contenders", "study", "first_hit"])
    rows = rows[~rows["strategy"].str.startswith("random")]
    uniform, by_parameter = (rows[rows["baseline"] == name] for name in figure.PANELS)
    hard = by_parameter["task"].str.match("attention|matmul")
    said = [
        f"{int((own['speedup'] > 1).sum())} of {len(own)}" for own in (uniform, by_parameter[hard], by_parameter[~hard])
    ]
    page = (combine.HERE / "README.md").read_text(encoding="utf-8")
    assert f"faster than uniform random search in {said[0]} cells" in page
    assert f"by parameter in {said[1]} on attention and matmul, but in {said[2]} on layernorm and softmax" in page
