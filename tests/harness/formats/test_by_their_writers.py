"""Files written by Triton and Helion themselves, without a GPU, agree with our samples of their formats."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.formats.file import ForeignFile
from harness.formats.helion_log import read_helion
from harness.formats.options import ReadOptions
from harness.formats.triton_autotune import read_triton
from tests.harness.formats.foreign_files import FAILS, GRID, helion, kernel_config, latency_us, triton, triton_timings


def test_tritons_autotuner_writes_our_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    autotuner = pytest.importorskip("triton.runtime.autotuner")
    from triton.backends.compiler import GPUTarget
    from triton.runtime.jit import JITFunction

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    active = SimpleNamespace(get_current_target=lambda: GPUTarget("cuda", 90, 32))
    monkeypatch.setattr(autotuner, "driver", SimpleNamespace(active=active))
    configs = [autotuner.Config({"block": block}, num_warps=warps) for block, warps in GRID]
    tuner = autotuner.Autotuner(JITFunction(softmax), ["x", "n", "block"], configs, ["n"], None, None)

    def bench() -> None:
        tuner.configs_timings = {config: triton_timings(*one) for config, one in zip(configs, GRID, strict=True)}

    assert tuner.check_disk_cache((4096, "torch.bfloat16"), configs, bench) is False
    (written,) = (tmp_path / "cache").rglob("*.autotune.json")
    assert written.name == "softmax.autotune.json"
    assert json.loads(written.read_text()) == json.loads(triton(tmp_path).read_text())
    assert written.read_text().count("Infinity") == 3 and json.loads(written.read_text())["configs_timings"][0][0] == (
        kernel_config(*GRID[0])
    )
    (ours,), (theirs,) = (read_triton(ForeignFile(path), ReadOptions()) for path in (tmp_path / written.name, written))
    assert ours.fingerprint() == theirs.fingerprint() and ours.kernel == theirs.kernel == "softmax"


def softmax(x: Any, n: Any, block: Any) -> None:
    """A kernel of which only the name and the source matter here."""


@pytest.mark.slow
def test_helions_sink_writes_our_sample(tmp_path: Path) -> None:
    logger = pytest.importorskip("helion.autotuner.logger")
    from helion.autotuner.metrics import KernelMetadata
    from helion.runtime.config import Config

    metadata = KernelMetadata(kernel_name="softmax", input_shapes="[(4096, 2560)]", hardware="NVIDIA H100")
    sink = logger.AutotuneLogSink(str(tmp_path / "theirs"), metadata, collect_dataset=True)
    sink.open()
    sink.start_run()
    for block, warps in GRID:
        config = Config(num_warps=warps, num_stages=1, pid_type="flat", block=block)
        failed = (block, warps) == FAILS
        for status in ("started", "error" if failed else "ok"):
            perf = latency_us(block, warps) / 1e3 if status == "ok" else None
            sink.record(logger.AutotuneLogEntry(0, status, perf, 1.5, sink.register_config(config), config))
    (tmp_path / "theirs.meta.jsonl").write_text(json.dumps({**vars(metadata), "run_id": metadata.run_id}, default=str))
    sink.close()
    (ours,) = read_helion(ForeignFile(helion(tmp_path)), ReadOptions())
    (theirs,) = read_helion(ForeignFile(tmp_path / "theirs.csv"), ReadOptions())
    assert ours.fingerprint() == theirs.fingerprint() and len(theirs.rows) == len(GRID)
    assert (theirs.device, theirs.kernel, theirs.problem_size) == ("NVIDIA H100", "softmax", "[(4096, 2560)]")
    header = [(tmp_path / name).read_text().splitlines()[0] for name in ("theirs.csv", "softmax.csv")]
    assert header[0] == header[1]
