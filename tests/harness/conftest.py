"""Tests that run at once must not lock each other out of the one fake device."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.measure import folders


@pytest.fixture(autouse=True)
def own_lock_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setattr(folders, "lock_folder", lambda: tmp_path)
