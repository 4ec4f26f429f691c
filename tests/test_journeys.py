"""The two journeys of a user, run by their scripts; each prints the time that it took."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.page_commands import ROOT, environment, write_shims


def walked(script: str, folder: Path) -> str:
    """Run a script in ``folder`` with the code of this checkout; return its output."""
    write_shims(folder / "programs", ROOT, None, "-q")
    done = subprocess.run(
        [ROOT / "experiments/journeys" / script, "mine"],
        cwd=folder, env=environment(folder / "programs"), capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_kernel_engineer_gets_a_best_configuration(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    said = walked("engineer.sh", tmp_path)
    best = json.loads((tmp_path / "mine/tuned/best.json").read_text())
    assert set(best["configuration"]) == {"block", "transposed"} and best["evaluations"] == 8
    assert best["known_by"] == "retimed" and best["latency_ms"] > 0
    assert re.search(r"^engineer: from new-kernel to best.json in \d+ s$", said, re.MULTILINE)
    request.config.get_terminal_writer().line(said.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_developer_gets_an_answer_from_the_gate(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    said = walked("developer.sh", tmp_path)
    judged = json.loads((tmp_path / "mine/gate.json").read_text())
    code = {"pass": 0, "improvement": 0, "regression": 4, "undecided": 3}[judged["verdict"]]
    assert judged["verdict"] != "undecided"
    last = said.splitlines()[-1]
    assert re.fullmatch(rf"developer: from new-strategy to the gate's answer \(exit code {code}\) in \d+ s", last)
    request.config.get_terminal_writer().line(last)
