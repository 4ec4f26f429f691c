"""Environment variables that processes about to be started inherit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

ONE_THREAD: Mapping[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Runs at once have a core each: more threads would only get in each other's way."""


@contextmanager
def inherited(more: Mapping[str, str]) -> Iterator[None]:
    """Inside the block new processes start with ``more``, and with one thread unless the user said otherwise."""
    before = dict(os.environ)
    os.environ.update({**ONE_THREAD, **before, **more})
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
