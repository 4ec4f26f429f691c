"""A user's kernel, live on this CPU: searched, the fastest re-timed with the default and the library, resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.run import contract
from tests.harness.tuning.own_kernels import cpu_kernel
from tests.plugins.conftest import Command, installed, nearopt_command, own_temporary_folder, site
from tests.run_directory import faults, folder

__all__ = ["installed", "nearopt_command", "own_temporary_folder", "site"]
FAST = ("backend.timing.samples=3", "backend.timing.max_samples=3")


@pytest.mark.slow
def test_an_own_kernel_is_tuned_and_confirmed_and_reported(nearopt_command: Command, tmp_path: Path) -> None:
    cpu_kernel(tmp_path / "mine", "rowsum_live")
    tune = ("tune", "mine/rowsum_live.py:RowSum", "rows=96", *FAST, "--evaluations", "9", "-o", "out")
    code, out, err = nearopt_command(*tune)
    assert code == 0, err
    document = json.loads((tmp_path / "out/best.json").read_text())
    assert document["known_by"] == "retimed" and document["confirmed"] and document["complete"]
    assert document["latency_ms"] <= document["default_ms"]  # it was in the same batch
    assert document["vendor"] == "torch.sum" and document["vendor_ms"] > 0
    assert set(document["configuration"]) == {"block", "flip"} and document["evaluations"] == 9
    assert "torch.sum" in out and "re-timing" in err
    (task,) = (name for name in folder(tmp_path / "out") if name.startswith("rowsum_live-96x32-fp32__"))
    assert faults(folder(tmp_path / "out")) == []
    retimed = (tmp_path / "out" / task / contract.RETIMED).read_bytes()
    code, again, err = nearopt_command(*tune)
    assert (code, again) == (0, out) and "re-timing" not in err
    assert (tmp_path / "out" / task / contract.RETIMED).read_bytes() == retimed
    code, _, err = nearopt_command("report", "out", "-o", "report")
    assert code == 0 and (tmp_path / "report/index.html").is_file(), err


@pytest.mark.slow
def test_a_kernel_that_is_wrong_throughout_fails_with_its_message(nearopt_command: Command, tmp_path: Path) -> None:
    cpu_kernel(tmp_path, "rowsum_wrong", wrong=True)
    code, out, err = nearopt_command("tune", "rowsum_wrong.py", *FAST, "--evaluations", "4", "-o", "out")
    assert code == 1, err
    assert "none of 4 evaluations succeeded" in out and "  wrong_result: 4; most often, " in out
