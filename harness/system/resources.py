"""Locations of conf, recordings and baselines: at the top level of a checkout, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent


def conf_directory() -> Path:
    """The Hydra configuration tree."""
    installed = PACKAGE / "_data" / "conf"
    return installed if installed.is_dir() else CHECKOUT / "conf"


def landscape_directory() -> Path:
    """The recorded landscapes that ship with NearOpt."""
    installed = PACKAGE / "_data" / "landscapes"
    return installed if installed.is_dir() else CHECKOUT / "experiments" / "landscapes"


def baseline_directory() -> Path:
    """The baselines of the built-in strategies."""
    installed = PACKAGE / "_data" / "baselines"
    return installed if installed.is_dir() else CHECKOUT / "experiments" / "baselines"


def new_baseline_directory() -> Path:
    """Default folder of new baselines: beside the others in a checkout, otherwise ``./baselines``."""
    return Path("baselines") if (PACKAGE / "_data" / "baselines").is_dir() else baseline_directory()


def recording_directory() -> Path:
    """Default folder of new recordings: beside the others in a checkout, otherwise the working directory."""
    return Path.cwd() if (PACKAGE / "_data" / "landscapes").is_dir() else landscape_directory()
