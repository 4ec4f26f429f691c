"""Near-optima are timed again on every card, each session in its own processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments.oracle_error.measure import timings, write
from harness.evaluation import Status
from harness.landscapes.landscape import Landscape
from harness.measure.work import SessionOptions
from harness.record.retime import Retiming
from tests.harness.measure.fakes import FAKE, SECOND, SLOWER, FakeKernel, fake_work, space


def recorded(folder: Path) -> Landscape:
    """Return a landscape with the latencies of the fakes: a hundredth of the size, in ms."""
    own = space(12)
    codes = own.codes()
    sizes = np.array([own.decode(row)["size"] for row in codes], dtype=np.float64)
    n = len(sizes)
    return Landscape(
        name="fake-1-fp32__f100", path=folder / "fake.parquet", space=own, codes=codes, status=(Status.OK,) * n,
        latency_ms=sizes / 100, oracle_ms=sizes / 100, samples_ms=tuple((size / 100,) for size in sizes),
        costs_s=np.zeros((n, 3)), message=("",) * n, origin=("uniform",) * n, metadata={}, sha256="",
    )  # fmt: skip


@pytest.mark.slow
def test_each_session_times_all_on_every_card(tmp_path: Path) -> None:
    options = SessionOptions(compile_workers=2, compile_timeout_s=5, run_timeout_s=5)
    retiming = Retiming(factor=4.0, anchors=2, rounds=3, samples=2)
    landscape, rows = recorded(tmp_path), []
    parts = timings(landscape, FakeKernel(str(tmp_path)), [FAKE, SECOND], options, retiming, 2, fake_work(tmp_path))
    for number, part in enumerate(parts):
        rows += part
        write(rows, tmp_path / "out.parquet")
        assert {row["session"] for row in part} == {number}
    table = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert len(table) == 2 * 2 * (4 + 2) and set(table["device"]) == {FAKE.uuid, SECOND.uuid}
    assert (table["samples_ms"].map(len) == 3 * 2).all()
    ratio = table["samples_ms"].map(np.median) / table["oracle_ms"]
    expected = table["device"].map({FAKE.uuid: 0.9, SECOND.uuid: 0.9 * SLOWER})
    assert ratio.to_numpy() == pytest.approx(expected.to_numpy())
