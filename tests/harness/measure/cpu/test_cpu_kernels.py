"""Python callables measured on the CPU: correct latencies, a status for every fault, and the device's facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.live import LiveBackend
from harness.backends.task import device_of
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.landscape import read_landscape
from harness.measure.cpu.device import cpu_device, cpu_slug
from harness.measure.timing import Timing
from harness.measure.work import SessionOptions
from harness.record.facts import Recording, RecordOptions
from harness.record.recorder import record
from harness.record.retime import Retiming
from tests.harness.measure.cpu.kernels_for_faults import EXPECTED, Sleeper

KERNEL = Sleeper()
TIMING = Timing(samples=5, max_samples=5, budget_s=600.0)
"""Five samples, however late a busy machine wakes a sleeper."""


def options(**fields: object) -> SessionOptions:
    given = {"compile_workers": 1, "compile_timeout_s": 5.0, "run_timeout_s": 5.0, "timing": TIMING, **fields}
    return SessionOptions(**given)  # type: ignore[arg-type]


def backend(**fields: object) -> LiveBackend:
    device = cpu_device()
    return LiveBackend(KERNEL.name, KERNEL, KERNEL.search_space(device.limits()), device, options(**fields))


@pytest.mark.slow
def test_every_fault_is_a_status_and_what_follows_is_right(capfd: pytest.CaptureFixture[str]) -> None:
    live = backend()
    batch = []
    for sleep, fault in enumerate(EXPECTED, start=1):
        batch += [{"sleep": sleep % 8 + 1, "fault": fault}, {"sleep": sleep % 8 + 1, "fault": "none"}]
    try:
        measurements = live.measure(batch)
    finally:
        live.close()
    for configuration, measured in zip(batch, measurements, strict=True):
        if configuration["fault"] == "none":
            assert measured.status is Status.OK, measured
            # A sleep never ends early; how late it ends is the machine's business.
            assert measured.latency_ms is not None and measured.latency_ms >= configuration["sleep"]
            assert len(measured.samples_ms) == 5
            assert measured.benchmark_s >= sum(measured.samples_ms) / 1e3
        else:
            assert measured.status is EXPECTED[str(configuration["fault"])], measured
            assert measured.latency_ms is None and measured.message and "\n" not in measured.message
            assert "GPU" not in measured.message
    assert "chatter" not in "".join(capfd.readouterr())


@pytest.mark.slow
def test_a_recording_says_where_it_was_made(tmp_path: Path) -> None:
    device = cpu_device()
    space = KERNEL.search_space(device.limits())
    space = space.restricted(space.encode_many([{"sleep": s, "fault": f} for s in (1, 4) for f in ("none", "wrong")]))
    out = tmp_path / f"{KERNEL.name}__{device.slug}.parquet"
    how = RecordOptions(options(), Retiming(rounds=2, samples=2))
    progress = record(Recording(task=KERNEL.name, kernel=KERNEL, space=space, out=out, device=device, options=how))
    assert progress.landscape == out and "CPU process busy" in progress.report()
    landscape = read_landscape(out)
    assert landscape.metadata["device"]["name"] == device.name
    assert landscape.metadata["versions"]["numpy"]
    assert [str(status) for status in landscape.status].count("wrong_result") == 2


def test_cuda_graphs_are_refused() -> None:
    live = backend(timing=Timing(launch="graph"))
    with pytest.raises(UserError, match="launch=graph: sleeper-100-fp32 runs on the CPU: expected direct"):
        live.start()
    live.close()


def test_a_task_of_such_a_kernel_needs_no_gpu() -> None:
    target = {"_target_": "tests.harness.measure.cpu.kernels_for_faults.Sleeper", "n": 7}
    space = {"_target_": "harness.config.own_space.own_space", "kernel_target": target["_target_"]}
    device = device_of(TaskSpec("sleeper-7-fp32", target, space))
    assert device.kind == "CPU" and device.sm_count >= 1 and device.memory_bytes > 2**20
    assert device == cpu_device()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "xeon-platinum-8481c"),
        ("AMD EPYC 7B13 64-Core Processor", "epyc-7b13"),
        ("AMD Ryzen 9 7950X 16-Core Processor", "ryzen-9-7950x"),
        ("Neoverse-N1", "neoverse-n1"),
        ("Processor", "cpu"),
    ],
)
def test_cpus_have_short_names(name: str, slug: str) -> None:
    assert cpu_slug(name) == slug
