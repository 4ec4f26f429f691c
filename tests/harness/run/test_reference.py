"""reference.parquet contains the probability of each row; an older file is rewritten if that is possible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.config.compose import Composer
from harness.landscapes.landscape import read_landscape
from harness.run import contract, reference
from harness.run.execute import execute
from tests.harness.toy import write_toy

TASK = "toy-8x8-bf16__toy"


def run(tmp_path: Path, file: Path, seed: int = 0) -> str:
    words = [f"backend.landscape={file}", f"results={tmp_path / 'results'}", "budget.evaluations=5", f"seed={seed}"]
    one = Composer().single(words)
    return execute(one.runs[0], one.options).ended


def older(tmp_path: Path, *, sealed: bool) -> Path:
    """Rewrite the reference of a run as it was before the column existed."""
    file, note = (tmp_path / "results" / TASK / name for name in (contract.REFERENCE, contract.REFERENCE_NOTE))
    pq.write_table(pq.read_table(file).drop_columns([contract.DRAW_PROBABILITY]), file)
    lines = [line for line in note.read_text().splitlines(True) if not line.startswith("reference_sha256")]
    if sealed:
        lines.append(f"reference_sha256: {reference._sha256(file, *reference._print(file))}\n")
    note.write_text("".join(lines))
    return file


def test_it_is_the_landscapes(tmp_path: Path) -> None:
    file = write_toy(tmp_path)
    run(tmp_path, file)
    table = pq.read_table(tmp_path / "results" / TASK / contract.REFERENCE)
    found = table.column(contract.DRAW_PROBABILITY).to_numpy()
    np.testing.assert_array_equal(found, read_landscape(file).draw_probability)
    assert len(set(found.round(12))) > 1 and (found > 0).all()


def test_in_a_sample_it_is_null(tmp_path: Path) -> None:
    run(tmp_path, write_toy(tmp_path, coverage={"kind": "sample", "drawn": "so"}))
    table = pq.read_table(tmp_path / "results" / TASK / contract.REFERENCE)
    assert table.column(contract.DRAW_PROBABILITY).null_count == table.num_rows


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(("seed", "ended"), [(0, "skipped"), (1, "budget")])
def test_an_older_one_is_written_again(tmp_path: Path, sealed: bool, seed: int, ended: str) -> None:
    landscape = write_toy(tmp_path)
    run(tmp_path, landscape)
    file = older(tmp_path, sealed=sealed)
    assert run(tmp_path, landscape, seed) == ended
    assert contract.DRAW_PROBABILITY in pq.read_schema(file).names
    assert reference._whole(file.parent, read_landscape(landscape))


def test_an_older_one_that_cannot_be_written_again_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished study may be read-only, and its table is not wrong."""
    landscape = write_toy(tmp_path)
    run(tmp_path, landscape)
    file = older(tmp_path, sealed=True)
    before = file.read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr("harness.run.reference.replacing", refuse)
    assert run(tmp_path, landscape) == "skipped"
    assert file.read_bytes() == before
