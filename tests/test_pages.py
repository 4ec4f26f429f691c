"""Every command of the pages for newcomers, run as it stands, page by page, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gpu.devices import has_device

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "harness/README.md",
    "analysis/README.md",
    "harness/strategies/README.md",
    "kernels/README.md",
    "harness/formats/README.md",
)
EXAMPLE = ROOT / "tests/plugins/nearopt_example"
BLOCK = re.compile(r"(?:<!-- (?P<mark>\w+) -->\n)?```console\n(?P<text>.*?)```", re.DOTALL)
MARKS = (None, "gpu")
SHIMS = {
    "nearopt": '{python} -m harness.cli "$@"',
    "pytest": '{python} -m pytest -q -p no:cacheprovider "$@"',
    # As pip installs into an environment, but into a folder of the test's own and without a network.
    "pip": '{python} -m pip "$1" -q --disable-pip-version-check --no-index --no-deps --no-build-isolation '
    "--upgrade --target {site} ${{@:2}}",
}


@dataclass(frozen=True)
class Command:
    """One command of a page; ``mark`` says what it needs."""

    text: str
    mark: str | None


def commands(page: str) -> list[Command]:
    """In the order of the page, lines that go on joined."""
    found = []
    for block in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        lines = block["text"].replace("\\\n", " ").splitlines()
        assert all(line.startswith("$ ") for line in lines), f"{page}: a console block without a prompt: {lines}"
        found += [Command(line.removeprefix("$ "), block["mark"]) for line in lines]
    return found


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which the commands are found, and the package that the pages install."""
    (tmp_path / "bin").mkdir()
    site = tmp_path / "site"
    for name, body in SHIMS.items():
        file = tmp_path / "bin" / name
        file.write_text(f"#!/bin/bash\nexec {body.format(python=sys.executable, site=site)}\n")
        file.chmod(0o755)
    shutil.copytree(EXAMPLE, tmp_path / "work/nearopt_example")
    kept = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    return {
        **kept,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{site}",
        "PYTHONSAFEPATH": "1",
        "LANDSCAPES": str(ROOT / "experiments/landscapes"),
    }


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_works(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    for command in commands(page):
        if command.mark == "gpu":
            continue  # named by the next test
        done = subprocess.run(
            ["bash", "-euc", command.text],
            cwd=tmp_path / "work",
            env=shell,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{page}: {command.text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        assert "failed" not in done.stdout.replace("0 failed", "").replace("failed  ", ""), done.stdout


@pytest.mark.gpu
@pytest.mark.skipif(not has_device(), reason="these commands measure on a GPU, and there is none here")
@pytest.mark.parametrize("page", [page for page in PAGES if any(c.mark == "gpu" for c in commands(page))])
def test_every_command_for_a_gpu_works(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    if page == "kernels/README.md":
        subprocess.run(["bash", "-euc", "pip install ./nearopt_example"], cwd=tmp_path / "work", env=shell, check=True)
    for command in commands(page):
        if command.mark == "gpu":
            subprocess.run(["bash", "-euc", command.text], cwd=tmp_path / "work", env=shell, check=True, timeout=500)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_linked_marked_and_whole(page: str) -> None:
    assert {command.mark for command in commands(page)} <= set(MARKS)
    assert any(command.mark is None for command in commands(page))
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
    assert f"]({page})" in (ROOT / "README.md").read_text(encoding="utf-8")
