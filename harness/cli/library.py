"""What analysis may look up: the recordings of this installation, and what configuration says of strategies."""

from __future__ import annotations

from analysis.runs.library import Library
from harness.config.chosen_on import chosen_on
from harness.landscapes.files import keyed_table
from harness.landscapes.library import recorded_landscapes
from harness.system.resources import conf_directory


def library() -> Library:
    """The library of this installation."""
    files = {path.stem: path for path in recorded_landscapes()}
    return Library(files, keyed_table, chosen_on([conf_directory()]))
