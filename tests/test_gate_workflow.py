"""The workflow and the script of experiments/gate/README.md, except for the steps that only GitHub can run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from harness.cli import main
from harness.cli.parser import parse
from tests.page_commands import ROOT, environment, write_shims

PAGE = ROOT / "experiments/gate/README.md"


def block(language: str) -> str:
    """Return the only block of the page in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load(block("yaml"))
    assert workflow[True] == "pull_request"  # YAML 1.1 reads the key "on" as true
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == "ubuntu-latest" and job["timeout-minutes"] > 3
    return list(job["steps"])


def test_the_workflow_is_well_formed() -> None:
    for step in steps():
        assert len({"run", "uses"} & set(step)) == 1 and set(step) <= {"run", "uses", "with", "if"}
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    gates = [step["run"] for step in steps() if step.get("run", "").startswith("nearopt gate")]
    assert len(gates) == 1
    command, arguments = parse(gates[0].split()[1:])
    assert command.name == "gate" and arguments.suite == "ci" and arguments.junit == Path("gate.xml")
    assert (ROOT / "constraints.txt").exists()


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    shell = {**environment(folder / "programs"), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=shell, capture_output=True, text=True, timeout=600
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_workflow_and_the_script_say_what_the_gate_says(tmp_path: Path) -> None:
    write_shims(tmp_path / "programs", ROOT, None, "-q")
    assert main(["new-strategy", "near_and_far", "-o", str(tmp_path / "mine")]) == 0
    failed = False
    for step in steps():
        if "run" in step and not step["run"].startswith("pip install") and (not failed or step.get("if") == "always()"):
            done = run(step["run"], tmp_path)
            failed = failed or done.returncode != 0
            assert done.returncode in (0, 4), done.stderr
    verdict = ElementTree.parse(tmp_path / "gate.xml").getroot()
    assert failed == (verdict.get("failures") != "0" or verdict.get("errors") != "0")
    assert (tmp_path / "summary.md").read_text().startswith("### ")
    done = run(block("bash"), tmp_path)  # the runs exist
    assert (done.returncode, done.stdout.splitlines()[-1]) == ((4, "slower") if failed else (0, "not slower"))


def test_a_gate_that_fails_fails_the_script(tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/nearopt").write_text("#!/bin/bash\nexit ${CODE:-2}\n")
    (tmp_path / "programs/nearopt").chmod(0o755)
    for code, said in ((0, "not slower"), (2, "the gate itself failed"), (3, "undecided: gate.md"), (4, "slower")):
        done = run(f"export CODE={code}\n" + block("bash"), tmp_path)
        assert done.returncode == code and done.stdout.startswith(said)
