"""Tasks and labels in config.yaml that lead elsewhere are damage or refused; nothing is written there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from analysis.runs import contract
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.test_other_peoples_files import TASK, edit, one_line, rename, study

__all__ = ["nearopt", "study"]
ESCAPES = (
    "../../../../victim/x",
    "/tmp/x",
    "..",
    "a/b",
    "a\\b",
    "\x1b]0;pwned\x07",
    "x\n",
    ".x",
    "",
    "ALL",
    "kernel:a",
)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


SOME_FAST = [ESCAPES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in ESCAPES[1:])]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_task_that_leads_elsewhere_is_damage(nearopt: Nearopt, study: Path, tmp_path: Path, name: str) -> None:
    edit(study, lambda config: config.update(task=name))
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/x.csv").write_text("precious\n")
    before = snapshot(tmp_path)
    code, _, err = nearopt("report", study, "-o", tmp_path / "out/a/b", "--per-task")
    assert code == 2
    one_line(err, f"6 damaged (the first: {study / TASK}/random/seed-0: {contract.CONFIG} says task '", "expected")
    assert snapshot(tmp_path) == before


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", SOME_FAST)
def test_a_label_that_leads_elsewhere_is_damage(nearopt: Nearopt, study: Path, tmp_path: Path, name: str) -> None:
    edit(study, lambda config: config["strategy"].update(label=name), "s")  # type: ignore[attr-defined]
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/x.csv").write_text("precious\n")
    before = snapshot(tmp_path)
    code, out, err = nearopt("status", study)
    lines = [line for line in out.splitlines() if f"{contract.CONFIG} says label '" in line]
    assert code == 0 and len(lines) == 3 and all(f"{TASK}/s/seed-{n}" in line for n, line in enumerate(lines))
    code, out, err = nearopt("report", study, "-o", tmp_path / "out")
    assert code == 0 and f"s on {TASK}: 3 of 3 runs are damaged (seeds 0, 1, 2): " in out
    assert f"{contract.CONFIG} says label '" in out
    assert all(c.isprintable() or c == "\n" for c in out + err)
    after = snapshot(tmp_path)
    assert before.items() <= after.items()
    assert all(file in before or file.startswith("out/") for file in after)


@pytest.mark.parametrize("name", [name for name in ESCAPES if "/" not in name and name[:1] not in ("", ".")])
def test_a_task_of_which_the_folder_tells_the_same_is_refused(nearopt: Nearopt, study: Path, name: str) -> None:
    edit(study, lambda config: config.update(task=name))
    rename(study, name, 0)
    code, _, err = nearopt("report", study, "-o", study / "out")
    assert code == 2
    one_line(err, contract.CONFIG, "task=", "expected")
    assert not (study / "out").exists()


@pytest.mark.parametrize("name", ["a\\b", "\x1b]0;pwned\x07", "x\n", "exact_random"])
def test_a_label_of_which_the_folder_tells_the_same_is_refused(nearopt: Nearopt, study: Path, name: str) -> None:
    edit(study, lambda config: config["strategy"].update(label=name), "s")  # type: ignore[attr-defined]
    rename(study, name, 1)
    code, _, err = nearopt("report", study, "-o", study / "out")
    assert code == 2
    one_line(err, contract.CONFIG, "strategy.label=", "expected")
    assert not (study / "out").exists()


@pytest.mark.parametrize("name", ESCAPES)
def test_a_task_of_a_run_in_a_place_without_a_name_is_refused(nearopt: Nearopt, study: Path, name: str) -> None:
    (study / TASK / "s/seed-0").rename(study / "mine")
    config = yaml.safe_load((study / "mine" / contract.CONFIG).read_text())
    (study / "mine" / contract.CONFIG).write_text(yaml.safe_dump({**config, "task": name}))
    code, _, err = nearopt("report", study, "-o", study / "out", "--per-task")
    assert code == 2
    one_line(err, f"mine/{contract.CONFIG}: task=", "expected")
    assert not (study / "out").exists()
