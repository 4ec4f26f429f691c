"""Run `nearopt gate` in a folder with its own suite and strategies."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import main
from tests.harness.gate.gate_fixtures import LUCKY, Gate, write_suite


@pytest.fixture
def gate(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("analysis.gate.power.GATES", 60)
    write_suite(tmp_path)
    conf = tmp_path / "conf/strategy"
    conf.mkdir(parents=True)
    for name, chance in (("quick", 0.2), ("slow", 0.07), ("same", 0.201)):
        (conf / f"{name}.yaml").write_text(f"_target_: {LUCKY}\nlabel: {name}\nchance: {chance}\n")
    (conf / "hostile.yaml").write_text(
        "_target_: tests.harness.gate.gate_fixtures.Hostile\nlabel: hostile\nchance: 0.2\n"
    )
    options = ("--suite", "suite.yaml", "--config-dir", "conf", "--jobs", "1", "--baselines", ".")

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["gate", *options, *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call
