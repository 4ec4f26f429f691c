"""Without a GPU, kernels run in Triton's interpreter; that has to be decided before anything imports Triton.

Nor does a test wait for the disk: fsync guards against a loss of power, which nothing here brings about, and a file is
read back the same without it. Processes that tests start keep theirs.

What all tests import is a million objects. To look through them again and again took a tenth of the processor time.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
os.fsync = lambda _: None
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
