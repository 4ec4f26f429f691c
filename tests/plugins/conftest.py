"""The example package's own tests run where it is installed, not here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("nearopt_example")
collect_ignore = ["nearopt_example"]

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example package with pip, as into an environment; return the folder."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(SOURCE, folder / "source")
    install = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps",
               "--no-build-isolation", "--target", str(folder / "site"), str(folder / "source")]  # fmt: skip
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def own_temporary_folder() -> Iterator[str]:
    """Use separate locks, so that concurrent tests do not lock each other out of the CPU.

    Short: the path of a socket has 107 bytes at most.
    """
    with tempfile.TemporaryDirectory(prefix="no", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture
def installed(site: Path, tmp_path: Path, own_temporary_folder: str) -> Command:
    """Run Python in ``tmp_path`` with the example package; return exit code, stdout and stderr."""
    environment = {
        "TMPDIR": own_temporary_folder,
        **{name: value for name, value in os.environ.items() if name not in ("TRITON_INTERPRET", "TMPDIR")},
        "PYTHONPATH": f"{ROOT}{os.pathsep}{site}",
        "PYTHONSAFEPATH": "1",  # as an installed script: the working directory is not on the path
    }

    def call(*words: object) -> tuple[int, str, str]:
        command = [sys.executable, *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def nearopt_command(installed: Command) -> Command:
    """Run ``nearopt`` in that environment."""
    return lambda *words: installed("-m", "harness.cli", *words)


@pytest.fixture
def example_path(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the example package importable in this process and in those that it starts."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{site}")
    yield site
