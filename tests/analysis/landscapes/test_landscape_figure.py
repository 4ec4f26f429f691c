"""Every landscape's distribution in one figure, and the numbers behind it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.figures.landscapes import COLUMNS, draw, is_wide, shares
from analysis.figures.style import COLUMN_INCHES, PAGE_INCHES, save_as


def table(latency_ms: list[float], failed: int = 0, searched: int | None = None) -> pd.DataFrame:
    """Return a table with failures last; a search added the first ``searched`` rows, the rest are a uniform sample."""
    status = ["ok"] * len(latency_ms) + ["compile_error"] * failed
    frame = pd.DataFrame({"status": status, "latency_ms": latency_ms + [np.nan] * failed})
    if searched is None:
        return frame
    return frame.assign(origin=["search"] * searched + ["uniform"] * (len(frame) - searched))


def test_shares_count_failures_and_leave_search_rows_out() -> None:
    tables = {"a-1__g": table([4.0, 2.0, 3.0], failed=1), "b-1__g": table([1.0, 2.0, 4.0], failed=2, searched=1)}
    data = shares(tables, {"a-1__g": 2.0, "b-1__g": 1.0})
    assert list(data.columns) == COLUMNS
    a, b = (data[data["task"] == name] for name in tables)
    assert dict(zip(a["x"], a["share"], strict=True)) == {1.0: 0.25, 1.5: 0.5, 2.0: 0.75}
    assert dict(zip(b["x"], b["share"], strict=True)) == {2.0: 0.25, 4.0: 0.5}
    assert (list(a["sampled"].unique()), list(b["sampled"].unique())) == ([False], [True])


def test_nothing_to_draw_is_an_empty_table() -> None:
    nothing = shares({"a-1__g": table([], failed=3), "b": table([1.0])}, {"a-1__g": np.inf, "b": np.nan})
    assert (len(nothing), list(nothing.columns)) == (0, COLUMNS)


def legend(figure_axes: object) -> dict[str, tuple[str, str]]:
    found = figure_axes.get_legend()  # type: ignore[attr-defined]
    lines = zip(found.get_texts(), found.get_lines(), strict=True)
    return {text.get_text(): (line.get_color(), line.get_linestyle()) for text, line in lines}


def test_a_panel_per_kernel_a_colour_per_task_a_dash_per_device() -> None:
    names = ["mm-2048-bf16__h100", "mm-512-bf16__h100", "mm-2048-bf16__h200", "sm-64-bf16__h100", "zz-1__h100"]
    tables = {name: table([1.0, 1.02, 2.0, 9.0], searched=0 if name[0] == "z" else None) for name in names}
    data = shares(tables, dict.fromkeys(names, 1.0))
    figure = draw(data)
    assert is_wide(data)
    assert figure.get_size_inches()[0] == PAGE_INCHES
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["mm", "sm", "zz"]
    looks = legend(figure.axes[0])
    assert list(looks) == ["512-bf16", "2048-bf16", "2048-bf16, h200"]  # by size; the usual device goes without saying
    assert looks["2048-bf16"][0] == looks["2048-bf16, h200"][0] != looks["512-bf16"][0]
    assert looks["2048-bf16"][1] == looks["512-bf16"][1] != looks["2048-bf16, h200"][1]
    assert list(legend(figure.axes[2])) == ["1, sample"]
    assert len({axes.get_xlim() for axes in figure.axes}) == len({axes.get_ylim() for axes in figure.axes}) == 1


@pytest.mark.parametrize(("kernels", "in_a_row"), [pytest.param(8, 2, marks=pytest.mark.slow), (9, 3)])
def test_many_kernels_have_three_panels_in_a_row_whose_labels_do_not_overlap(kernels: int, in_a_row: int) -> None:
    names = [f"{letter}-2x64x64x320-320x3x3-s1p1-fp16__h100" for letter in "abcdefghi"[:kernels]]
    figure = draw(shares({name: table([1.0, 1.02, 2.0, 40.0]) for name in names}, dict.fromkeys(names, 1.0)))
    assert figure.get_size_inches()[0] == PAGE_INCHES
    figure.draw_without_rendering()
    tops = [round(axes.get_window_extent().y1) for axes in figure.axes]
    assert tops.count(tops[0]) == in_a_row
    for axes in figure.axes:
        ticks = [label for label in axes.get_xticklabels() if label.get_text()]
        for row in (ticks, axes.texts):
            boxes = sorted((label.get_window_extent() for label in row), key=lambda box: box.x0)
            assert len(boxes) >= 3 and all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_one_kernel_takes_a_column_and_no_text_leaves_the_figure() -> None:
    names = [f"matmul-{size}x4096x4096-a-rather-long-name-bf16__h100" for size in (512, 1024, 2048)]
    figure = draw(shares({name: table([1.0, 1.5, 2.0]) for name in names}, dict.fromkeys(names, 1.0)))
    assert figure.get_size_inches()[0] == COLUMN_INCHES
    figure.draw_without_rendering()
    inside = figure.bbox.padded(1)
    for text in [*figure.axes[0].get_legend().get_texts(), *figure.texts, figure.axes[0].title]:
        box = text.get_window_extent()
        assert inside.x0 <= box.x0 <= box.x1 <= inside.x1, text
        assert inside.y0 <= box.y0 <= box.y1 <= inside.y1, text


@pytest.mark.parametrize("suffix", [".pdf", ".png"])
def test_the_format_is_that_of_the_name_and_the_data_lies_beside(tmp_path: Path, suffix: str) -> None:
    data = shares({"a-1__g": table([1.0, 2.0])}, {"a-1__g": 1.0})
    written = save_as(draw(data), tmp_path / "new" / f"all{suffix}", data)
    assert sorted(path.name for path in written.parent.iterdir()) == ["all.csv", f"all{suffix}"]
    pd.testing.assert_frame_equal(pd.read_csv(written), data, check_dtype=False)
    assert b"/Subtype /Type3" not in written.with_suffix(suffix).read_bytes()


def test_an_unknown_format_or_no_place_is_one_line(tmp_path: Path) -> None:
    data = shares({"a-1__g": table([1.0, 2.0])}, {"a-1__g": 1.0})
    with pytest.raises(AnalysisError, match=r"x\.svg: .*\.pdf or \.png"):
        save_as(draw(data), tmp_path / "x.svg", data)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(AnalysisError, match="cannot be written"):
        save_as(draw(data), tmp_path / "file" / "x.pdf", data)
