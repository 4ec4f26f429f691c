"""README.md is short, and every command of it works from top to bottom in a clone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.page_commands import README, ROOT, check, environment, marked, write_shims

# What it would install is in the environment; whether it would is the question.
WITHOUT_INSTALLING = "-q --disable-pip-version-check --dry-run --no-build-isolation"
Clone = tuple[Path, dict[str, str]]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Copy this checkout with this environment as its ``.venv``, so that ``make`` has nothing to install."""
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


def test_it_is_short_and_says_the_answer_first() -> None:
    text = (ROOT / README).read_text(encoding="utf-8")
    assert len(text.split()) <= 900
    assert text.count("![") == 1
    assert text.index("<!-- claim: written by make claim -->") < text.index("## Two commands")
    order = ["## Compare tuners", "## Tune my kernel", "## Gate my optimiser in CI", "## Pages"]
    assert [line for line in text.splitlines() if line in order] == order
