"""Every command of the pages for newcomers runs as written, page by page, in an empty folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.harness.formats.foreign_files import FILES
from tests.harness.measure.devices import has_device
from tests.page_commands import (
    MARKS,
    PAGES,
    README,
    ROOT,
    Command,
    check,
    commands,
    environment,
    execute,
    marked,
    write_shims,
)

GPU = pytest.mark.skipif(not has_device(), reason="these commands measure on a GPU, and there is none here")
EXAMPLE = ROOT / "tests/plugins/nearopt_example"
# As pip installs into an environment, but into a folder of the test's own and without a network.
INTO_SITE = "-q --disable-pip-version-check --no-index --no-deps --no-build-isolation --upgrade --target {site}"


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Return an environment with the commands and the package that the pages install."""
    write_shims(tmp_path / "bin", ROOT, tmp_path / "site", INTO_SITE)
    shutil.copytree(EXAMPLE, tmp_path / "work/nearopt_example")
    return {**environment(tmp_path / "bin"), "LANDSCAPES": str(ROOT / "experiments/landscapes")}


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_works(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    wanted = marked(page, None, "samples")
    if any(command.mark == "samples" for command in wanted):
        for write, _, _ in FILES.values():
            write(tmp_path / "work")
    for command in wanted:
        check(command, tmp_path / "work", shell)


@pytest.mark.gpu
@GPU
@pytest.mark.parametrize("page", [page for page in PAGES if marked(page, "gpu")])
def test_every_command_for_a_gpu_works(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    installs = [command for command in marked(page, None) if command.text.startswith("pip install")]
    for command in [*installs, *marked(page, "gpu")]:
        check(command, tmp_path / "work", shell)


@pytest.mark.gpu
@pytest.mark.slow
@GPU
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("page", [page for page in PAGES if marked(page, "gpu-long")])
def test_every_long_command_for_a_gpu_works(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    for command in marked(page, "gpu-long"):
        check(command, tmp_path / "work", shell, limit_s=3600)


@pytest.mark.slow
@pytest.mark.skipif(has_device(), reason="there is a GPU")
@pytest.mark.parametrize("page", [page for page in PAGES if marked(page, "gpu", "gpu-long")])
def test_without_a_gpu_a_command_for_one_says_so(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    for command in marked(page, "gpu", "gpu-long"):
        done = execute(command, tmp_path / "work", shell, limit_s=120)
        assert done.returncode == 2, f"{command.text}: {done.stderr}"
        assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("page", [README, *PAGES])
def test_pages_are_linked_marked_and_whole(page: str) -> None:
    assert {command.mark for command in commands(page)} <= set(MARKS)
    assert any(command.mark is None for command in commands(page))
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
    assert page == README or f"]({page})" in (ROOT / README).read_text(encoding="utf-8")


def test_what_no_test_runs_is_run_by_ci() -> None:
    assert [command.text.split("#")[0].strip() for command in marked(README, "ci")] == ["make test"]
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "make test"


@pytest.mark.slow
def test_a_command_that_fails_is_seen(shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "work").mkdir(exist_ok=True)
    check(Command("nearopt new-strategy some_name -o mine", None), tmp_path / "work", shell)
    with pytest.raises(AssertionError, match="nosuch"):
        check(Command("nearopt run task=nosuch", None), tmp_path / "work", shell)
    with pytest.raises(AssertionError, match="nosuch"):
        check(Command("nearopt gate nosuch --against lfbo", None), tmp_path / "work", shell)
