"""With the same random numbers, our search and Kernel Tuner's simulation mode evaluate the same configurations."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.formats.export import export
from harness.formats.imports import import_file
from harness.landscapes.landscape import read_landscape
from tests.harness.formats.samples import EXTERNAL, NOT_HERE

pytest.importorskip("kernel_tuner", reason="kernel-tuner is not installed")

from experiments.kernel_tuner_crosscheck.exact import ours, seeded
from experiments.kernel_tuner_crosscheck.run import theirs
from harness.strategies.kernel_tuner.search import load


@pytest.mark.skipif(not EXTERNAL.is_dir(), reason=NOT_HERE)
def test_traces_are_identical(tmp_path: Path) -> None:
    out = tmp_path / "a100.parquet"
    source, space = EXTERNAL / "convolution_milo-A100.json.gz", EXTERNAL / "T1_convolution_milo.json"
    landscape = read_landscape(import_file(source, out, space).out)
    cache = export(landscape, "cache", tmp_path / "a100.json")
    for strategy in ("genetic_algorithm", "diff_evo", "adaptive_tabu_greywolf"):
        load(strategy)
        with seeded(3):
            found = ours(landscape, strategy)
        with seeded(3):
            expected = theirs(landscape, cache, strategy, 3).latencies_ms
        assert found == expected
        assert len(found) == 120
