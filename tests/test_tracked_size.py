"""The whole tree is copied to a lent GPU machine for every call, so tracked files have to stay small.

A call copies 64 MiB at most, of which the wheels that the machine lacks take 16.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
MOST_MIB = 40


def test_tracked_files_stay_small() -> None:
    """Sizes are those of the contents, which is what is copied."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no checkout")
    sizes = {Path(name): (CHECKOUT / name).lstat().st_size for name in listed.decode().split("\0") if name}
    taken = sum(sizes.values()) / 2**20
    largest = sorted(sizes, key=lambda path: -sizes[path])[:5]
    assert len(sizes) > 1000 and taken < MOST_MIB, f"{taken:.1f} MiB; the largest: {', '.join(map(str, largest))}"
