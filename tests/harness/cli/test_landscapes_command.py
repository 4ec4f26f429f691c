"""``nearopt landscapes`` and related commands: what they print, write and refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.reference import stratum
from harness.landscapes.write import write_landscape
from harness.system.resources import CHECKOUT
from search_spaces.parameter import Ordinal
from search_spaces.space import SearchSpace
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import METADATA, toy_columns, toy_space, write_toy

__all__ = ["nearopt"]


def write_small(path: Path, names: tuple[str, ...], latency_ms: list[float | None], n: int = 4) -> Path:
    """Write a landscape with parameters ``names``, of which only ``block`` varies."""
    space = SearchSpace([Ordinal(name, (1, 2, 4, 8), "linear") for name in names])
    configurations = [{name: 1 << i if name == "block" else 1 for name in names} for i in range(n)]
    ok = ["compile_error" if value is None else "ok" for value in latency_ms]
    columns = {"configurations": configurations, "status": ok, "latency_ms": latency_ms, "oracle_ms": latency_ms}
    write_landscape(path, space, columns, METADATA)
    return path


def test_a_bad_file_does_not_hide_the_others(nearopt: Nearopt, tmp_path: Path) -> None:
    good = write_toy(tmp_path)
    failed = write_small(tmp_path / "failed.parquet", ("block",), [None] * 4)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(good.read_bytes()[:-9])
    for options in ([], ["--markdown"]):
        code, out, err = nearopt("landscapes", *options, failed, good, damaged, tmp_path / "none.parquet")
        assert code == 2
        assert err.count("\n") == 1
        assert err.startswith("nearopt: 3 of 4 landscapes not listed: ")
        rows = [line.strip("| ") for line in out.splitlines()]
        assert sum(row.startswith("toy-8x8-bf16__toy") for row in rows) == 1 + len(options)
        for name, reason in (("failed", "status=ok"), ("damaged.parquet", "truncated"), ("none.parquet", "No such")):
            assert any(name in row and reason in row for row in rows), out
            assert reason in err


def test_a_single_bad_file_is_one_line(nearopt: Nearopt, tmp_path: Path) -> None:
    failed = write_small(tmp_path / "failed.parquet", ("block",), [None] * 4)
    code, out, err = nearopt("landscapes", failed, "--figure", "x.png")
    assert (code, out) == (2, "")
    assert err.startswith("nearopt: failed: no configuration has status=ok")
    assert not Path("x.png").exists()


def test_a_figure_of_what_can_be_listed(nearopt: Nearopt, tmp_path: Path) -> None:
    good, damaged = write_toy(tmp_path), tmp_path / "damaged.parquet"
    damaged.write_bytes(b"no")
    assert nearopt("landscapes", good, damaged, "--figure", "new/all.pdf")[0] == 2
    assert Path("new/all.pdf").read_bytes().startswith(b"%PDF")
    assert set(pd.read_csv("new/all.csv")["task"]) == {"toy-8x8-bf16__toy"}


@pytest.mark.parametrize(
    ("figure", "message"),
    [("x.svg", "expected a name that ends in .pdf or .png"), ("file/x.png", "cannot be written")],
)
def test_a_figure_that_cannot_be_is_refused(nearopt: Nearopt, tmp_path: Path, figure: str, message: str) -> None:
    (tmp_path / "file").write_text("mine")
    code, _, err = nearopt("landscapes", write_toy(tmp_path), "--figure", figure)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_two_files_of_one_name_share_no_figure(nearopt: Nearopt, tmp_path: Path) -> None:
    files = [write_toy(tmp_path / folder) for folder in "ab"]
    assert nearopt("landscapes", *files)[0] == 0
    code, _, err = nearopt("landscapes", *files, "--figure", "x.png")
    assert (code, "two files have this name" in err) == (2, True)


def test_compare_joins_on_configurations_not_on_rows(nearopt: Nearopt, tmp_path: Path) -> None:
    a, space = write_toy(tmp_path), toy_space()
    columns = toy_columns(space)
    turned = {name: list(values)[::-1] for name, values in columns.items()}
    b = tmp_path / "again.parquet"
    write_landscape(b, space, turned, METADATA)
    code, out, err = nearopt("landscapes", "compare", a, b)
    assert (code, err) == (0, "")
    n = len(columns["status"])
    assert f"configurations: {n} in common, 0 only in A, 0 only in B" in out
    assert "statuses: the same in both" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("latency_ms", "oracle_ms"))]
    assert [row[-4:] for row in rows] == [["1.0000", "0.00%", "0.00%", "1.0000"]] * 2
    assert "optimum of A on B: 1.0000× the optimum of B" in out


def test_compare_does_not_mind_the_order_of_parameters(nearopt: Nearopt, tmp_path: Path) -> None:
    a = write_small(tmp_path / "a.parquet", ("block", "warps"), [1.0, 2.0, 3.0, 4.0])
    b = write_small(tmp_path / "b.parquet", ("warps", "block"), [1.1, 2.2, 3.3, 4.4])
    code, out, _ = nearopt("landscapes", "compare", a, b)
    assert code == 0
    assert "4 in common" in out
    assert "1.1000" in out


def test_compare_refuses_what_cannot_be_joined(nearopt: Nearopt, tmp_path: Path) -> None:
    a = write_small(tmp_path / "a.parquet", ("block",), [1.0, 2.0, 3.0, 4.0])
    other = write_small(tmp_path / "b.parquet", ("block", "warps"), [1.0, 2.0, 3.0, 4.0])
    single = write_small(tmp_path / "c.parquet", ("block",), [1.0], n=1)
    cases = {
        (a, other): "'warps' is not in",
        (a, single): "one configuration in common",
        (a, tmp_path / "none.parquet"): "cannot be read",
        (a,): "required: B",
    }
    for files, message in cases.items():
        code, out, err = nearopt("landscapes", "compare", *files)
        assert (code, out, err.count("\n")) == (2, "", 1), files
        assert message in err


def test_every_form_has_its_own_help(nearopt: Nearopt) -> None:
    for words, usage in ((["compare"], "A B"), (["import"], "-o OUT.parquet"), ([], "--figure OUT")):
        code, out, _ = nearopt("landscapes", *words, "--help")
        assert code == 0
        assert usage in out.split("\n\n")[0]


def test_scripts_get_both_kinds_of_random_search(nearopt: Nearopt, tmp_path: Path) -> None:
    exhaustive, sample = write_toy(tmp_path), write_toy(tmp_path, "s__toy", coverage={"kind": "sample", "drawn": "so"})
    code, out, _ = nearopt("landscapes", exhaustive, sample, "--json")
    whole, part = json.loads(out)
    assert code == 0 and whole["landscape"] == "toy-8x8-bf16__toy" and whole["configurations"] == 234
    of = whole["targets"]["0.05"]
    assert set(whole["targets"]) == {"0.01", "0.05", "0.1"} and set(of) == {
        "hits",
        "uniform",
        "by_parameter",
        "stratum",
    }
    assert of["uniform"] == pytest.approx(235 / (of["hits"] + 1)) and of["by_parameter"] > 1
    assert {each["by_parameter"] for each in part["targets"].values()} == {None}
    assert whole["by_parameter_unknown"] is None
    assert whole["strata_by_parameter"] == {name: stratum(of["by_parameter"]) for name, of in whole["targets"].items()}
    assert set(part["strata_by_parameter"].values()) == {None}
    assert part["by_parameter_unknown"] == (
        "a sample was recorded, and the law is unknown because of the draws that its sampler rejected"
    )
    code, out, _ = nearopt("landscapes", exhaustive, sample)
    assert code == 0 and f"by parameter – on s__toy: {part['by_parameter_unknown']}" in out.splitlines()


def test_by_hand_prints_what_the_page_shows_and_what_the_law_is(nearopt: Nearopt, tmp_path: Path) -> None:
    page = (CHECKOUT / "analysis/README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"\$ nearopt landscapes --by-hand (\S+)\n(.*?)```", page, re.DOTALL)
    code, out, _ = nearopt("landscapes", "--by-hand", CHECKOUT / shown[0])
    assert code == 0 and out == shown[1]
    terms = [line.split() for line in out.splitlines() if re.match(r"\d\.\d+e-", line)]
    p_hits = sum(float(p) * int(hits) for p, _, hits, *_ in terms)
    by_hand = 1 + sum(int(misses) * float(p) / (float(p) + p_hits) for p, _, _, misses, *_ in terms)
    code, text, _ = nearopt("landscapes", CHECKOUT / shown[0], "--json")
    assert json.loads(text)[0]["targets"]["0.05"]["by_parameter"] == pytest.approx(by_hand, rel=1e-5)
    sample = write_toy(tmp_path, "s__toy", coverage={"kind": "sample", "drawn": "so"})
    code, out, _ = nearopt("landscapes", "--by-hand", sample)
    assert code == 0 and out.splitlines()[-1].startswith("by parameter: –, a sample was recorded")


STATED = "version: 1\nrelative_error: {error}\nsource: measured\n"


def test_the_error_of_the_recorded_latencies_is_what_the_file_beside_states_or_the_option(
    nearopt: Nearopt, tmp_path: Path
) -> None:
    file = write_toy(tmp_path)

    def told(*options: str) -> Any:
        code, out, _ = nearopt("landscapes", file, "--json", *options)
        (found,) = json.loads(out)
        assert code == 0 and found["targets"]["0.05"]["hits"] > 0
        return found["reference_error"]

    assert told() is None
    (tmp_path / "reference_error.yaml").write_text(STATED.format(error=0.02))
    stated = told()
    assert stated["relative_error"] == 0.02 and stated == told()  # the second time from the cache
    (tmp_path / "reference_error.yaml").write_text(STATED.format(error=0.03))
    assert told()["relative_error"] == 0.03 and told("--reference-error", "0.01")["relative_error"] == 0.01
    code, out, _ = nearopt("landscapes", file)
    assert code == 0 and "uncertain by 3%" in out


def test_an_error_that_is_none_is_one_line(nearopt: Nearopt, tmp_path: Path) -> None:
    file = write_toy(tmp_path)
    code, out, err = nearopt("landscapes", file, "--reference-error", "0.5")
    assert (code, out) == (2, "")
    assert err == "nearopt: --reference-error=0.5: expected a number above 0 and below 0.25\n"
    (tmp_path / "reference_error.yaml").write_text(STATED.format(error="much"))
    code, out, err = nearopt("landscapes", file)
    assert (code, out, err.count("\n")) == (2, "", 1) and "relative_error='much': expected a number" in err


@pytest.mark.slow  # summarises 53 landscapes
def test_the_page_of_the_recordings_has_the_tables_that_the_command_prints(nearopt: Nearopt) -> None:
    page = (CHECKOUT / "experiments/landscapes/README.md").read_text(encoding="utf-8")
    code, out, _ = nearopt("landscapes", "--markdown")
    summaries, *notes, recordings, commands = out.rstrip("\n").split("\n\n")
    assert code == 0 and page.endswith(f"{recordings}\n\n{commands}\n")
    assert "\n\n".join([summaries, *notes]) in page
    by_stratum = [row.split(" | ")[-3] for row in summaries.splitlines() if "__h100 |" in row and "sampled" not in row]
    useful, needles = (sum(row.startswith(name) for row in by_stratum) for name in ("useful", "needle"))
    assert (len(by_stratum), useful, needles) == (42, 34, 1)
    assert "Of the 42 exhaustive H100 landscapes 34 are useful, seven trivial and one a needle" in page
