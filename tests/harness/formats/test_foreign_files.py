"""A file of each format becomes a landscape with the known optimum, and random search replays it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.import_export import FORMAT_NAMES
from harness.evaluation import Status
from harness.formats.file import ForeignFile
from harness.formats.options import ReadOptions
from harness.formats.registry import BY_NAME, recordings
from harness.landscapes.landscape import read_landscape
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.formats.foreign_files import BEST, BEST_MS, FAILS, FILES, GRID, latency_us

pytestmark = pytest.mark.usefixtures("undrawn")
__all__ = ["nearopt"]
FAILED_AS = {"triton": Status.OUT_OF_RESOURCES, "ktt": Status.OUT_OF_RESOURCES}


SLOW = [pytest.param(name, marks=pytest.mark.slow) if name == "optuna-sqlite" else name for name in FILES]
"""Optuna makes a database in a second; test_optuna_source.py reads one in the fast tier."""


@pytest.mark.parametrize("name", SLOW)
def test_the_optimum_that_is_known_comes_back(nearopt: Nearopt, tmp_path: Path, name: str) -> None:
    write, options, read_as = FILES[name]
    (tmp_path / "in").mkdir()
    out = tmp_path / "softmax__h100.parquet"
    code, said, err = nearopt("landscapes", "import", write(tmp_path / "in"), "-o", out, *options)
    assert (code, err) == (0, ""), err
    rows = len(GRID) - (name == "clblast")
    assert f"{rows} configurations, {int(name != 'clblast')} failed" in said
    assert said.endswith(f"latency 0.01 ms to 0.016 ms, read as {read_as}\n")
    assert ("1 waiting trials left out" in said) == name.startswith("optuna")
    landscape = read_landscape(out)
    configurations = [landscape.space.decode(codes) for codes in landscape.codes]
    best = min((ms, i) for i, ms in enumerate(landscape.oracle_ms) if ms == ms)[1]
    assert configurations[best] == BEST and landscape.oracle_ms[best] == pytest.approx(BEST_MS)
    for configuration, ms, status in zip(configurations, landscape.latency_ms, landscape.status, strict=True):
        block, warps = int(configuration["block"]), int(configuration["num_warps"])
        if (block, warps) == FAILS:
            assert status is FAILED_AS.get(name, Status.RUNTIME_ERROR)
        else:
            assert ms == pytest.approx(latency_us(block, warps) / 1e3)
    assert landscape.metadata["coverage"]["kind"] == "exhaustive"


def test_random_search_replays_what_was_imported(nearopt: Nearopt, tmp_path: Path) -> None:
    write, options, _ = FILES["ktt"]
    out = tmp_path / "softmax__h100.parquet"
    assert nearopt("landscapes", "import", write(tmp_path), "-o", out, *options)[0] == 0
    code, _, err = nearopt("run", f"backend.landscape={out}", "strategy=random", "budget.evaluations=9")
    assert (code, err) == (0, ""), err
    found = trace(tmp_path / "results/softmax__h100/random/seed-0")
    seen = [ms for ms in found["oracle_ms"] if ms is not None]
    assert len(seen) == 8 and min(seen) == pytest.approx(BEST_MS)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_random_search_replays_every_format(nearopt: Nearopt, tmp_path: Path, name: str) -> None:
    write, options, _ = FILES[name]
    out = tmp_path / "softmax__h100.parquet"
    assert nearopt("landscapes", "import", write(tmp_path), "-o", out, *options)[0] == 0
    code, said, err = nearopt("run", f"backend.landscape={out}", "strategy=random", "budget.evaluations=4")
    assert (code, err) == (0, "") and "4 evaluations" in said, err


def test_the_help_lists_every_format() -> None:
    assert tuple(BY_NAME) == FORMAT_NAMES
    assert {name.partition("-")[0] for name in FILES} | {"cache", "t4"} == set(BY_NAME)


@pytest.mark.parametrize("name", SLOW)
def test_cut_files_are_one_line_or_fewer_rows(tmp_path: Path, name: str) -> None:
    """A truncated file leads to a UserError or to fewer rows, never to another latency."""
    from harness.errors import UserError

    write, words, _ = FILES[name]
    path = write(tmp_path)
    data = path.read_bytes()
    options = ReadOptions(
        config_columns=("block", "num_warps") if "table" in name else (),
        time_column="latency" if "table" in name else None,
        unit=words[-1] if words else None,
    )
    known = {round(latency_us(*one) / 1e3, 6) for one in GRID}
    for share in (0.0, 0.3, 0.6, 0.9, 0.99):
        path.write_bytes(data[: int(len(data) * share)])
        try:
            found = recordings(ForeignFile(path), options)
        except UserError as error:
            assert "\n" not in str(error) and path.name in str(error)
            continue
        seen = {round(row.latency_ms, 6) for one in found for row in one.rows if row.latency_ms is not None}
        assert name not in ("triton", "ktt", "clblast", "table-parquet") and seen <= known


def test_a_format_may_be_named(nearopt: Nearopt, tmp_path: Path) -> None:
    path = FILES["ktt"][0](tmp_path)
    for words, message in (
        (("--format", "kt"), "--format kt: there is no such format: expected ktt"),
        (("--format", "t4"), "results: expected a list"),
        (("--unit", "ms"), "--unit: "),
        (("--config-columns", "block"), "softmax.ktt.json is read as results of KTT: expected no --config-columns"),
    ):
        code, said, err = nearopt("landscapes", "import", path, "-o", "x__y.parquet", *words)
        assert (code, said, err.count("\n")) == (2, "", 1) and message in err, err
    assert nearopt("landscapes", "import", path, "-o", "x__y.parquet", "--format", "ktt")[0] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"64": {"BLOCK_SIZE_M": 64, "num_warps": 4}, "128": {"BLOCK_SIZE_M": 128, "num_warps": 8}},
         "2 keys with one configuration each, the winners"),
        ({"XBLOCK": 512, "num_warps": 8, "num_stages": 1, "time_taken_ms": 1.5},
         "only one configuration, the winner"),
        ({"kernel_family": "xgemm", "best_time": "0.1", "best_parameters": "A=1"},
         "results: only the winner is in the file"),
        ({"sections": [{"results": [["1,2", 0.1]]}]}, "sections: CLBlast's database of many devices"),
        ({"key": [1], "configs_timings": [[{"kwargs": {"b": 1}, "num_warps": 4}, [1.0, 1.0, 1.0]]]},
         "1: only one configuration, the winner"),
        ({"anything": 1}, "unknown format: expected one of optuna, autotvm"),
    ],
)  # fmt: skip
def test_winners_alone_are_no_landscape(nearopt: Nearopt, tmp_path: Path, content: object, words: str) -> None:
    (tmp_path / "w.json").write_text(json.dumps(content))
    code, said, err = nearopt("landscapes", "import", "w.json", "-o", "x__y.parquet")
    assert (code, said, err.count("\n")) == (2, "", 1) and f"w.json: {words}" in err, err
    assert not (tmp_path / "x__y.parquet").exists()
