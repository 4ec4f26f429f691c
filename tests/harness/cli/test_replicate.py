"""``nearopt replicate`` without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.measure.device import NoDevice
from tests.harness.cli.test_cli import Nearopt, nearopt

__all__ = ["nearopt"]


@pytest.fixture(autouse=True)
def _without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise NoDevice("the driver shows no GPU")

    for module in ("harness.backends.task.probe_device", "harness.study.estimate.probe_device"):
        monkeypatch.setattr(module, none)


@pytest.mark.slow
def test_a_dry_run_says_how_long_it_takes_and_starts_nothing(nearopt: Nearopt, tmp_path: Path) -> None:
    code, out, err = nearopt("replicate", "--dry-run", "--jobs", "4")
    assert code == 0 and err == ""
    assert "recorded on h100 (no GPU here)" in out
    (line,) = [line for line in out.splitlines() if line.startswith("expected: about ")]
    assert 8 <= int(line.split()[2]) <= 15
    assert "after 40 replays of h100 recordings, which need no GPU" in line
    assert not (tmp_path / "replication").exists()


def test_without_a_gpu_one_line_says_so(nearopt: Nearopt, tmp_path: Path) -> None:
    code, out, err = nearopt("replicate")
    assert (code, out) == (2, "")
    assert err == "nearopt: backend=live: no usable GPU: the driver shows no GPU\n"
    assert not (tmp_path / "replication").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--seeds", "1"), "--seeds 1: expected 2 or more"),
        (("--evaluations", "0"), "--evaluations 0: expected 1 or more"),
        (("--jobs", "0"), "--jobs 0: expected 1 or more"),
        (("--strategies", "random"), "--strategies random: expected two different strategies, A,B"),
        (("--strategies", "lfbo,lfbo"), "--strategies lfbo,lfbo: expected two different strategies, A,B"),
        (("--task", "nonesuch"), "nonesuch"),
        (("--device", "a100"), "backend.device=a100: "),
    ],
)
def test_bad_options_are_told_in_one_line(nearopt: Nearopt, options: tuple[str, ...], expected: str) -> None:
    code, out, err = nearopt("replicate", "--dry-run", *options)
    assert (code, out) == (2, "") and expected in err and err.count("\n") == 1
