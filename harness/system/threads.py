"""Set environment variables for processes that are about to start."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.system.resources import CHECKOUT

ONE_THREAD: Mapping[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Concurrent runs have one core each, so that more threads would only compete."""

SAFELY: Mapping[str, str] = {"PYTHONSAFEPATH": "1"}
"""Otherwise Python would import its own modules from the working directory first, such as a user's ``signal.py``.
Modules there that runs name are still found, after all installed ones."""


@contextmanager
def safely() -> Iterator[None]:
    """Inside the block, new Python processes do not import their own modules from the working directory."""
    with _changed({**SAFELY, **_our_place()}):
        yield


@contextmanager
def inherited(more: Mapping[str, str]) -> Iterator[None]:
    """New processes inside the block start with ``more``, safely, and with one thread unless the user set otherwise."""
    one_thread = {name: value for name, value in ONE_THREAD.items() if name not in os.environ}
    with _changed({**one_thread, **SAFELY, **_our_place(), **more}):
        yield


def _our_place() -> dict[str, str]:
    """The path on which new processes find a checkout that is not installed, if only the working directory had it.

    Otherwise a fork server silently preloads nothing, and each of its workers imports torch anew.
    """
    if not (CHECKOUT / "pyproject.toml").is_file():
        return {}  # installed: every process finds NearOpt on its path
    path = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    return {"PYTHONPATH": os.pathsep.join([*path, *([] if str(CHECKOUT) in path else [str(CHECKOUT)])])}


@contextmanager
def _changed(environment: Mapping[str, str]) -> Iterator[None]:
    """Changes only these variables, since other threads may have changed others temporarily."""
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
