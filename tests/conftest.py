"""Without a GPU, kernels run in Triton's interpreter; that has to be decided before anything imports Triton.

Nor does a test wait for the disk: fsync guards against a loss of power, which nothing here brings about, and a file is
read back the same without it. Processes that tests start keep theirs.

What all tests import is a million objects. To look through them again and again took a tenth of the processor time.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("NEAROPT_CACHE", "")  # a test starts from nothing, and leaves nothing in the user's folders
os.fsync = lambda _: None
gc.disable()
settings.register_profile("nearopt", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # by the clock
settings.load_profile("nearopt")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@contextmanager
def undrawn_figures() -> Iterator[None]:
    """Figures are built and not drawn: for tests of what a report says, where drawing is most of the work."""
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
    """Tests that run at once, of this suite or another beside it, must not lock each other out.

    The folder is made by the first lock: most tests take none, and to make and remove a folder is half of a small test.
    """
    from harness.measure import folders

    with pytest.MonkeyPatch.context() as patch:  # of its own: a test may undo its own patches
        if request.node.get_closest_marker("gpu") is None:
            patch.setattr(folders, "lock_folder", lambda: request.getfixturevalue("tmp_path"))
        yield


@pytest.fixture(autouse=True)
def own_import_path() -> Iterator[None]:
    """A test's folders of configuration leave the import path with it: else each later process looks through them."""
    from harness.config import plugins

    path, folders = list(sys.path), dict(plugins._importable)
    yield
    sys.path[:] = path
    plugins._importable.clear()
    plugins._importable.update(folders)
