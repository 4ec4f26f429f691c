"""Replay: recorded noise keyed by seed and configuration, no noise on request, recorded costs."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.backends.replay import ReplayBackend
from harness.landscapes.landscape import Landscape, read_landscape
from tests.harness.toy import write_toy


@pytest.fixture
def landscape(tmp_path: Path) -> Landscape:
    return read_landscape(write_toy(tmp_path))


def seeded(seed: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed)


def test_without_noise_it_is_the_oracle(landscape: Landscape) -> None:
    backend = ReplayBackend(landscape, seeded(0), noise="none")
    measured = backend.measure(list(landscape.space.enumerate()))
    for row, measurement in enumerate(measured):
        assert measurement.status is landscape.status[row]
        if measurement.latency_ms is not None:
            assert measurement.latency_ms == measurement.oracle_ms == landscape.oracle_ms[row]
        assert measurement.compile_s == landscape.costs_s[row, 0]


def test_a_reading_depends_on_seed_and_configuration_alone(landscape: Landscape, tmp_path: Path) -> None:
    configurations = list(landscape.space.enumerate())
    first = ReplayBackend(landscape, seeded(3)).measure(configurations)
    backwards = ReplayBackend(landscape, seeded(3)).measure(configurations[::-1])[::-1]
    assert first == backwards
    assert first != ReplayBackend(landscape, seeded(4)).measure(configurations)
    fewer = tmp_path / "fewer.parquet"
    table = pq.read_table(landscape.path)
    pq.write_table(table.slice(table.num_rows // 2), fewer)
    part = read_landscape(fewer)
    kept = list(part.space.enumerate())
    expected = [first[configurations.index(configuration)] for configuration in kept]
    assert ReplayBackend(part, seeded(3)).measure(kept) == expected


def test_noise_is_a_bootstrap_of_the_samples(landscape: Landscape) -> None:
    row = next(i for i, samples in enumerate(landscape.samples_ms) if samples)
    configuration = landscape.space.decode(landscape.space.codes()[row])
    samples = landscape.samples_ms[row]
    readings = []
    counts = dict.fromkeys(samples, 0)
    for seed in range(3000):
        measurement = ReplayBackend(landscape, seeded(seed)).measure([configuration])[0]
        assert len(measurement.samples_ms) == len(samples)
        assert measurement.latency_ms == statistics.median(measurement.samples_ms)
        readings.append(measurement.latency_ms)
        for sample in measurement.samples_ms:
            counts[sample] += 1
    expected = 3000
    assert all(abs(count - expected) < 6 * expected**0.5 for count in counts.values())
    rng = np.random.default_rng(0)
    simulated = np.median(rng.choice(samples, (20_000, len(samples))), axis=1)
    assert np.std(readings) == pytest.approx(np.std(simulated), rel=0.1)
