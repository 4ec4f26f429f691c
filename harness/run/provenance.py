"""Provenance of results: code, packages, machine. Gathered once per process."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata

from harness.config.plugins import plugin_versions
from harness.run.contract import EnvironmentDocument
from harness.system.resources import CHECKOUT

PACKAGES = (
    "nearopt", "torch", "triton", "helion", "hydra-core", "omegaconf", "optuna", "ax-platform", "botorch", "gpytorch",
    "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "matplotlib", "wandb",
)  # fmt: skip


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(CHECKOUT), *arguments], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")  # a diff may contain any bytes


@lru_cache(maxsize=1)
def working_diff() -> str:
    """The checkout's uncommitted changes of tracked files; empty if clean or not a checkout."""
    return (_git("diff", "HEAD") or "") if (CHECKOUT / ".git").exists() else ""


@lru_cache(maxsize=1)
def _commit() -> str | None:
    if not (CHECKOUT / ".git").exists():
        return None
    commit = _git("rev-parse", "HEAD")
    return commit.strip() if commit else None


@lru_cache(maxsize=1)
def versions() -> Mapping[str, str]:
    """Installed versions of the packages that results depend on, including packages of strategies and kernels."""
    installed = plugin_versions()
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def environment() -> EnvironmentDocument:
    """JSON-able facts about this process: code version, packages, interpreter, machine."""
    diff = working_diff()
    return {
        "git": {
            "commit": _commit(),
            "dirty": bool(diff),
            "diff_sha256": hashlib.sha256(diff.encode()).hexdigest() if diff else None,
        },
        "packages": dict(versions()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": platform.node(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "argv": sys.argv,
    }
