"""Environment variables that processes about to be started inherit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

ONE_THREAD: Mapping[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Runs at once have a core each: more threads would only get in each other's way."""

SAFELY: Mapping[str, str] = {"PYTHONSAFEPATH": "1"}
"""Python would look for its own modules in the working directory first: somebody's ``signal.py`` there is no code of
ours. What runs name there is found all the same, after everything that is installed."""


@contextmanager
def safely() -> Iterator[None]:
    """Inside the block new processes of Python do not take the working directory for code of their own."""
    with _changed({**os.environ, **SAFELY}):
        yield


@contextmanager
def inherited(more: Mapping[str, str]) -> Iterator[None]:
    """New processes of the block start with ``more``, safely, and with one thread unless the user said otherwise."""
    with _changed({**ONE_THREAD, **os.environ, **SAFELY, **more}):
        yield


@contextmanager
def _changed(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
