"""Environment variables that processes about to be started inherit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.system.resources import CHECKOUT

ONE_THREAD: Mapping[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Runs at once have a core each: more threads would only get in each other's way."""

SAFELY: Mapping[str, str] = {"PYTHONSAFEPATH": "1"}
"""Python would look for its own modules in the working directory first: somebody's ``signal.py`` there is no code of
ours. What runs name there is found all the same, after everything that is installed."""


@contextmanager
def safely() -> Iterator[None]:
    """Inside the block new processes of Python do not take the working directory for code of their own."""
    with _changed({**SAFELY, **_our_place()}):
        yield


@contextmanager
def inherited(more: Mapping[str, str]) -> Iterator[None]:
    """New processes of the block start with ``more``, safely, and with one thread unless the user said otherwise."""
    one_thread = {name: value for name, value in ONE_THREAD.items() if name not in os.environ}
    with _changed({**one_thread, **SAFELY, **_our_place(), **more}):
        yield


def _our_place() -> dict[str, str]:
    """Where a new process finds us in a checkout that is not installed, if only the working directory said it before.

    Otherwise a fork server preloads nothing, says nothing about it, and each of its workers imports torch anew.
    """
    if not (CHECKOUT / "pyproject.toml").is_file():
        return {}  # installed: every process has us on its path
    path = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    return {"PYTHONPATH": os.pathsep.join([*path, *([] if str(CHECKOUT) in path else [str(CHECKOUT)])])}


@contextmanager
def _changed(environment: Mapping[str, str]) -> Iterator[None]:
    """Touches these variables alone: other threads may have others of theirs changed for a while."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
