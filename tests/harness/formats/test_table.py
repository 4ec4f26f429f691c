"""Tables: the meaning of columns has to be stated, and a wrong unit is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.cells import status_of, typed_column
from harness.formats.flatten import flattened, identifier
from harness.formats.imports import import_file
from harness.formats.options import ReadOptions
from harness.formats.units import unit_in_name
from harness.landscapes.landscape import Landscape, read_landscape
from tests.harness.toy import write_toy


def options(columns: str = "a", time: str | None = "time_us", **more: Any) -> ReadOptions:
    return ReadOptions(config_columns=tuple(columns.split(",")) if columns else (), time_column=time, **more)


def imported(tmp_path: Path, text: str, given: ReadOptions) -> tuple[Landscape, str]:
    """Import a CSV; return the landscape and the printed line."""
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    done = import_file(tmp_path / "mine.csv", tmp_path / "k__g.parquet", None, given)
    return read_landscape(done.out), done.line()


@pytest.mark.parametrize(
    ("column", "seconds"),
    [
        ("time_us", 1e-6), ("Latency (ms)", 1e-3), ("perf_ms", 1e-3), ("ms_median", 1e-3), ("duration[ns]", 1e-9),
        ("seconds", 1.0), ("wall_s", 1.0), ("time", None), ("time_min", None), ("s_per_run", None), ("", None),
        ("ms_or_us", None), ("t_µs", 1e-6), ("timings", None), ("items", None),
    ],
)  # fmt: skip
def test_the_unit_in_a_columns_name(column: str, seconds: float | None) -> None:
    assert unit_in_name(column) == seconds


@pytest.mark.parametrize(
    ("header", "unit", "words"),
    [
        ("time_us", None, "latency 0.012 ms to 3.4 ms, read as us, as column 'time_us' says"),
        ("time", "us", "latency 0.012 ms to 3.4 ms, read as us, as --unit says"),
        ("time", "microseconds", "latency 0.012 ms to 3.4 ms, read as us, as --unit says"),
        ("time", "ms", "latency 12 ms to 3400 ms, read as ms, as --unit says"),
    ],
)
def test_the_unit_is_printed_with_the_range(tmp_path: Path, header: str, unit: str | None, words: str) -> None:
    landscape, line = imported(tmp_path, f"a,{header}\n1,12\n2,3400\n", options(time=header, unit=unit))
    assert line.endswith(words)
    assert landscape.metadata["timing"]["unit"] == words.partition("read as ")[2]


REFUSED = {
    "a,time\n1,12\n2,13\n": (options(time="time"), "column 'time' has no unit in its name: expected --unit"),
    "a,time_us\n1,12\n2,14\n": (options(unit="ms"), "--unit ms: column 'time_us' of .*mine.csv is in us by its name"),
    "a,time\n1,0.012\n2,0.3\n": (options(time="time", unit="ns"), "read as ns, as --unit says: 3e-07 ms is not"),
    "a,time\n1,12000\n2,3e6\n": (options(time="time", unit="s"), "3e.09 ms is not a plausible kernel time"),
    "a,time_us\n1,1.5ms\n2,3\n": (options(), "line 2: time_us='1.5ms': expected a number alone"),
    "a,time_us\n1,-3\n2,3\n": (options(), r"line 2: time_us: expected positive numbers of ms, found -3.0"),
    "a,time_us\n1,3\n1,4\n": (options(), "line 2 and line 3 are one configuration by --config-columns: expected a fur"),
    "a,b,time_us\n1,2,3\n1,3,4\n": (options(), r"one configuration by --config-columns \(they differ in 'b'\)"),
    "a,time_us\n1,3\n2\n": (options(), "line 3: 1 cells: expected 2, as in the header"),
    "a,a,time_us\n1,3,3\n": (options(), "column 'a' occurs twice"),
    "a,time_us\n": (options(), "no row below the header"),
    "": (options(), "no row below the header"),
    'a,time_us\n1,"3\n': (options(), "unexpected end of data: expected CSV"),
    "alpha,time_us\n1,3\n": (options("alhpa"), "--config-columns alhpa: .* has no such column: expected alpha"),
    "a,t_us\n1,3\n": (options(time="t_ms"), "--time-column t_ms: .* has no such column: expected t_us"),
    "a,time_us\n2,3\n": (options("a,time_us"), "--time-column time_us: --config-columns already names it"),
    "a,time_us\n3,3\n": (options("", None), "a table: expected --config-columns with some of its columns: a, time_us"),
    "a,time_us\n4,3\n": (options("a", None), "a table: expected --time-column with one of its columns: a, time_us"),
    "a,time_us\n5,3\n": (options(), "mine.csv: only one configuration, the winner"),
    "a b,a_b,time_us\n5,3,1\n": (options("a b,a_b"), "parameters 'a b' and 'a_b': both are a_b: expected two names"),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str) -> None:
    given, words = REFUSED[text]
    with pytest.raises(UserError, match=words) as caught:
        imported(tmp_path, text, given)
    assert "\n" not in str(caught.value) and not (tmp_path / "k__g.parquet").exists()


def test_bytes_that_are_no_text_and_landscapes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,time_us\n\xff,3\n")
    with pytest.raises(UserError, match="byte 10 is not UTF-8: expected text"):
        import_file(tmp_path / "x.csv", tmp_path / "k__g.parquet", None, options())
    with pytest.raises(UserError, match=r"is already a landscape: use it as backend\.landscape="):
        import_file(write_toy(tmp_path), tmp_path / "k__g.parquet", None, options())
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        import_file(tmp_path / "x.parquet", tmp_path / "k__g.parquet", None, options())


def test_failures_are_kept_with_their_kind_and_counted(tmp_path: Path) -> None:
    text = "a;status;time_us\n1;ok;12\n2;compile error;\n3;timeout;9\n4;OOM;nan\n5;ok;\n6;Success;13\n7;what?;1\n"
    landscape, line = imported(tmp_path, text, options(status_column="status"))
    assert "7 configurations, 5 failed" in line
    assert [str(status) for status in landscape.status] == [
        "ok", "compile_error", "run_timeout", "out_of_resources", "runtime_error", "ok", "runtime_error",
    ]  # fmt: skip
    assert landscape.message[4] == "no time, though it is called ok" and landscape.message[2] == "timeout"


def test_without_a_status_the_time_says_it(tmp_path: Path) -> None:
    landscape, _ = imported(tmp_path, "a\ttime_us\n1\t12\n2\tinf\n3\tOut of resource: shared memory\n4\t\n", options())
    assert [str(status) for status in landscape.status] == ["ok", "runtime_error", "out_of_resources", "runtime_error"]


def test_repeats_are_samples_or_the_first(tmp_path: Path) -> None:
    text = "a,time_us\n1,10\n2,20\n1,14\n1,12\n2,\n"
    landscape, _ = imported(tmp_path, text, options(repeats="samples"))
    assert [len(samples) for samples in landscape.samples_ms] == [3, 1]
    assert landscape.latency_ms[0] == pytest.approx(0.012)
    landscape, line = imported(tmp_path, text, options(repeats="first"))
    assert landscape.latency_ms[0] == pytest.approx(0.010) and "3 repeats left out" in line


def test_kinds_of_parameters(tmp_path: Path) -> None:
    text = "block size,order,fast,mode,opt,1st,time_us\n"
    text += '16,"(0, 1)",True,x,1.5,1,1\n32.0,"(1, 0)",false,y,2.5,1,2\n64,"(0, 1)",True,z,,2,3\n'
    landscape, _ = imported(tmp_path, text, options("block size,order,fast,mode,opt,1st"))
    assert {p.name: p.kind for p in landscape.space.parameters} == {
        "block_size": "ordinal", "order": "permutation", "fast": "boolean", "mode": "categorical",
        "opt": "categorical", "p_1st": "ordinal",
    }  # fmt: skip
    assert landscape.space.decode(landscape.codes[0])["block_size"] == 16


def test_lists_of_a_parquet_table_are_parameters_of_their_own(tmp_path: Path) -> None:
    rows = {"sizes": [[16, 32], [16, 64], [32, 64]], "loop": [[0, 1], [1, 0], [0, 1]], "time_us": [3.0, None, 5.0]}
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    done = import_file(tmp_path / "t.parquet", tmp_path / "k__g.parquet", None, options("sizes,loop"))
    landscape = read_landscape(done.out)
    assert [(p.name, p.kind) for p in landscape.space.parameters] == [
        ("sizes_0", "ordinal"), ("sizes_1", "ordinal"), ("loop", "permutation"),
    ]  # fmt: skip
    assert done.failed == 1


def test_absent_values_and_lists_of_two_lengths_are_null(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"a": [1, 2], "b": 3}, {"a": [1]}, {"a": 7, "c": [[4]]}]
    assert flattened(tmp_path, ["x", "y", "z"], rows) == [
        {"a_0": 1, "a_1": 2, "b": 3, "c_0_0": None},
        {"a_0": 1, "a_1": None, "b": None, "c_0_0": None},
        {"a_0": 7, "a_1": 7, "b": None, "c_0_0": 4},
    ]
    with pytest.raises(UserError, match=r"x: a=\{'b': 1\}: expected a finite number"):
        flattened(tmp_path, ["x"], [{"a": {"b": 1}}])


def test_words_numbers_and_names() -> None:
    assert typed_column(["1", "2", ""]) == [1, 2, None] and typed_column(["1.0", "2.5"]) == [1.0, 2.5]
    assert typed_column([32.0, float("nan"), 64.0]) == [32, None, 64] and typed_column(["1", "x"]) == ["1", "x"]
    assert (status_of("CORRECT"), status_of("wrong_result")) == (Status.OK, Status.WRONG_RESULT)
    assert (status_of("incorrect"), status_of("nvcc died")) == (Status.WRONG_RESULT, Status.COMPILE_ERROR)
    assert [identifier(x) for x in ("a-b (c)", "4x", "if", "µ", "!!")] == ["a_b_c", "p_4x", "p_if", "μ", ""]
