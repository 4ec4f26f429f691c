"""The sampling rule, messages and device facts, each on its own."""

from __future__ import annotations

import shutil
import subprocess
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from harness.measure.device import NoDevice, device_slug, probe_device, probe_devices
from harness.measure.messages import describe, last_words
from harness.measure.process import WorkerProcess
from harness.measure.timing import Timing, relative_error_of_median
from harness.system.text import describe_exit, one_line


class Clock:
    """A timer that takes samples around ``mean`` ms; the first look is slower, as first launches are."""

    def __init__(self, mean: float, noise: float = 0.0) -> None:
        self.taken: list[int] = []
        self._mean, self._noise = mean, noise
        self._rng = np.random.default_rng(0)

    def __call__(self, n: int) -> list[float]:
        self.taken.append(n)
        return [float(self._mean * (1 + self._noise * self._rng.standard_normal())) for _ in range(n)]


@pytest.mark.parametrize(
    ("mean", "incumbent", "noise", "taken"),
    [
        (0.1, None, 0.0, [1, 20]),
        (0.1, 0.1, 0.001, [1, 20]),
        (0.5, 0.1, 0.0, [1, 5]),  # hopeless: a few
        (0.49, 0.1, 0.0, [1, 20]),
        (0.1, 0.1, 0.2, [1, 20, 20, 20]),  # noisy: until the cap
        (40.0, 1.0, 0.0, [1, 3]),  # the budget, 150 ms, is spent
        (10.0, 10.0, 0.0, [1, 14]),
        (200.0, 1.0, 0.0, [1]),
    ],
)
def test_number_of_samples(mean: float, incumbent: float | None, noise: float, taken: list[int]) -> None:
    clock = Clock(mean, noise)
    samples = Timing().collect(clock, incumbent, overhead_ms=0.05)
    assert clock.taken == taken
    assert len(samples) == (sum(taken[1:]) or 1)


def test_relative_error_of_the_median_is_its_spread() -> None:
    rng = np.random.default_rng(1)
    draws = [list(1.0 + 0.01 * rng.standard_normal(20)) for _ in range(2000)]
    spread = np.std([np.median(draw) for draw in draws])
    assert np.median([relative_error_of_median(draw) for draw in draws]) == pytest.approx(spread, rel=0.15)
    assert relative_error_of_median([1.0, 1.0]) == float("inf")


def test_messages_are_one_telling_line() -> None:
    ptx = "\n".join(f"mov.u32 %r{i}, %r{i};" for i in range(5000))
    error = RuntimeError(
        f"`ptxas` failed\n`ptxas` stderr:\nptxas /tmp/tmpab.ptx, line 54; error : bad\n{ptx}\nRepro command: ptxas"
    )
    assert describe(error) == "RuntimeError: `ptxas` failed | ptxas error : bad"
    assert describe(ValueError()) == "ValueError"
    assert describe(KeyError("x\ny")).startswith("KeyError: ")
    assert len(one_line("word " * 1000)) == 500
    assert last_words("loading\nAssertion `x' failed.\n\nstack\n") == "Assertion `x' failed."
    assert last_words("") == ""
    assert (describe_exit(-11), describe_exit(3), describe_exit(-64)) == (
        "killed by SIGSEGV", "exited with code 3", "killed by SIGRTMAX")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-40GB", "a100"),
        ("NVIDIA GeForce RTX 4090", "geforce-rtx-4090"),
        ("Tesla V100-SXM2-16GB", "v100"),
        ("", "gpu"),
    ],
)
def test_slug(name: str, slug: str) -> None:
    assert device_slug(name) == slug


DRIVER = r"""
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *n) { *n = 2; return 0; }
int cuDeviceGet(int *device, int i) { *device = i; return 0; }
int cuDeviceGetName(char *text, int n, int device) { strncpy(text, "NVIDIA H100 80GB HBM3", n); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 85029158912UL; return 0; }
int cuDeviceGetUuid(unsigned char *uuid, int device) {
    for (int i = 0; i < 16; i++) uuid[i] = i + 16 * device;
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
        case 1: *value = 1024; return 0;    case 10: *value = 32; return 0;
        case 16: *value = 132; return 0;    case 38: *value = 52428800; return 0;
        case 75: *value = 9; return 0;      case 76: *value = 0; return 0;
        case 82: *value = 65536; return 0;  case 97: *value = 232448; return 0;
    }
    return 1;
}
"""


def driver(folder: Path, init: int) -> str:
    source, library = folder / "driver.c", folder / f"libcuda{init}.so"
    source.write_text(DRIVER.replace("INIT", str(init)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
    return str(library)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler to build a stand-in for the driver")
def test_device_comes_from_the_driver(tmp_path: Path) -> None:
    device = probe_device(driver(tmp_path, 0))
    assert (device.name, device.slug, device.capability) == ("NVIDIA H100 80GB HBM3", "h100", 90)
    assert device.uuid == "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert device.memory_bytes == 85029158912 and device.l2_bytes == 52428800
    assert (device.peak_flops, device.peak_bytes_per_s) == (989e12, 3.35e12)
    assert [d.uuid[4:12] for d in probe_devices(driver(tmp_path, 0))] == ["00010203", "10111213"]
    limits = device.limits()
    assert (limits.sm_count, limits.shared_memory_bytes) == (132, 232448)
    with pytest.raises(NoDevice, match="cuInit failed with CUDA error 100"):
        probe_device(driver(tmp_path, 100))


def test_no_driver_is_one_line() -> None:
    with pytest.raises(NoDevice, match=r"libnothing\.so cannot be loaded"):
        probe_device("libnothing.so")


def test_a_worker_whose_session_is_closed_before_it_begins_ends_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    worker = WorkerProcess(_unreached, None, tmp_path / "gone" / "worker.log", {})
    with pytest.raises(EOFError):
        worker.connection.recv()
    worker.kill()
    assert capfd.readouterr() == ("", "")


def _unreached(connection: Connection, setup: None) -> None:
    raise AssertionError(f"nobody is served: {connection}, {setup}")
