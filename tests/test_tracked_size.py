"""The whole tree is copied to a lent GPU machine for every call, so tracked files have to stay small.

A call copies 64 MiB at most, of which the wheels that the machine lacks take 16.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
MOST_MIB = 40
BLOCK = 4096


def test_tracked_files_stay_small() -> None:
    """Sizes are those that the files take on a disk with blocks of 4 KiB."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no checkout")
    names = (Path(name) for name in listed.decode().split("\0") if name)
    sizes = {name: -(-(CHECKOUT / name).lstat().st_size // BLOCK) * BLOCK for name in names}
    taken = sum(sizes.values()) / 2**20
    largest = sorted(sizes, key=lambda path: -sizes[path])[:5]
    assert len(sizes) > 1000 and taken < MOST_MIB, f"{taken:.1f} MiB; the largest: {', '.join(map(str, largest))}"
