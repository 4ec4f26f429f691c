"""Every command of README.md, from top to bottom in a clone, and what those for a GPU say where there is none."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.measure.devices import has_device
from tests.page_commands import README, ROOT, check, environment, execute, marked, write_shims

GPU = pytest.mark.skipif(not has_device(), reason="these commands measure on a GPU, and there is none here")
# What it would install is in the environment; whether it would is the question.
WITHOUT_INSTALLING = "-q --disable-pip-version-check --dry-run --no-build-isolation"
Clone = tuple[Path, dict[str, str]]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A copy of this checkout with this environment as its ``.venv``, so that ``make`` has nothing to install."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split("\0"):
        if (ROOT / name).is_file():
            (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / "clone" / name)
    programs = tmp_path / "clone/.venv/bin"
    write_shims(programs, tmp_path / "clone", None, WITHOUT_INSTALLING)
    (programs.parent / ".installed").touch()
    return tmp_path / "clone", environment(programs)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_every_command_works(clone: Clone, request: pytest.FixtureRequest) -> None:
    folder, shell = clone
    tell: Callable[[str], None] = request.config.get_terminal_writer().line
    for command in marked(README, None):
        tell(f"$ {command.text}")
        check(command, folder, shell)
    assert (folder / "quickstart/report/index.html").exists() and (folder / "study-report/verdict.json").exists()


@pytest.mark.gpu
@GPU
def test_every_command_for_a_gpu_works(clone: Clone) -> None:
    for command in marked(README, "gpu"):
        check(command, *clone)


@pytest.mark.gpu
@pytest.mark.slow
@GPU
@pytest.mark.timeout(7200)
def test_every_long_command_for_a_gpu_works(clone: Clone) -> None:
    for command in marked(README, "gpu-long"):
        if not command.text.startswith("pytest"):
            check(command, *clone, limit_s=3600)


@pytest.mark.slow
@pytest.mark.skipif(has_device(), reason="there is a GPU")
def test_without_a_gpu_a_command_for_one_says_so(clone: Clone) -> None:
    for command in marked(README, "gpu", "gpu-long"):
        if command.text.startswith("nearopt"):
            done = execute(command, *clone, limit_s=120)
            assert done.returncode == 2, f"{command.text}: {done.stderr}"
            assert done.stderr.count("\n") == 1, done.stderr
