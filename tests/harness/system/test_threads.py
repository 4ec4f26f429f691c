"""Variables inherited by started processes: only these are changed, and they are restored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.system.resources import CHECKOUT
from harness.system.threads import SAFELY, inherited, safely


def test_what_another_thread_changes_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile workers start in several threads, each of which removes another variable for a moment."""
    monkeypatch.delenv("NEAROPT_TEST_OTHERS", raising=False)
    with safely():
        monkeypatch.setenv("NEAROPT_TEST_OTHERS", "1")
    assert os.environ["NEAROPT_TEST_OTHERS"] == "1"


def test_what_was_there_is_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.delenv(next(iter(SAFELY)), raising=False)
    before = dict(os.environ)
    with inherited({"NEAROPT_TEST_MORE": "x"}):
        assert os.environ["OMP_NUM_THREADS"] == "3" and os.environ["MKL_NUM_THREADS"] == "1"
        assert os.environ["NEAROPT_TEST_MORE"] == "x" and SAFELY.items() <= os.environ.items()
    assert dict(os.environ) == before


def test_a_checkout_that_is_not_installed_is_found_by_new_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork server that cannot import its preloads is silent, and every worker then imports torch again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for start in (safely, lambda: inherited({})):
        with start():
            assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), str(CHECKOUT)]
            code = "import harness; print(harness.__file__)"
            told = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout
        assert told.strip() == str(CHECKOUT / "harness/__init__.py")
    assert os.environ["PYTHONPATH"] == str(tmp_path)
