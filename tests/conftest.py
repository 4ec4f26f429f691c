"""Settings for all tests.

Without a GPU, kernels run in Triton's interpreter, which has to be decided before anything imports Triton.

Tests do not wait for the disk: fsync guards against a loss of power, which no test causes, and files are read back the
same without it. Processes that tests start still call fsync.

Their files are in memory, if there is room: a disk makes and removes thousands of small files slowly.

Garbage is not collected while the tests are imported, nor what was imported, because scanning these million objects
took a tenth of the time; and it is collected seldom afterwards.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("NEAROPT_CACHE", "")  # a test starts from nothing, and leaves nothing in the user's folders
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 * 2**30
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
os.fsync = lambda _: None
gc.disable()
settings.register_profile("nearopt", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # by the clock
settings.load_profile("nearopt")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@contextmanager
def undrawn_figures() -> Iterator[None]:
    """Build figures without drawing them, for tests of a report's content; drawing is most of the work."""
    from analysis.figures import style
    from analysis.runs.writing import write_bytes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "_write", lambda _figure, paths, _font=None: [write_bytes(path, b"") for path in paths])
        yield


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """See :func:`undrawn_figures`."""
    with undrawn_figures():
        yield


@pytest.fixture(autouse=True)
def own_lock_folder(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give each test locks of its own, so that concurrent tests do not lock each other out.

    The first lock makes the folder: most tests take none, and to make and remove a folder is half of a small test.
    """
    from harness.measure import folders

    with pytest.MonkeyPatch.context() as patch:  # of its own: a test may undo its own patches
        if request.node.get_closest_marker("gpu") is None:
            patch.setattr(folders, "lock_folder", lambda: request.getfixturevalue("tmp_path"))
        yield


@pytest.fixture(autouse=True)
def own_import_path() -> Iterator[None]:
    """Remove a test's configuration folders from the import path; otherwise each later process searches them."""
    from harness.config import plugins

    path, folders = list(sys.path), dict(plugins._importable)
    yield
    sys.path[:] = path
    plugins._importable.clear()
    plugins._importable.update(folders)
