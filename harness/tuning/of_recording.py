"""The outcome of a landscape file, whose best configuration is already known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.landscapes.landscape import Landscape, read_landscape
from harness.tuning.of_run import vendor_of
from harness.tuning.outcome import RECORDED, Best, Outcome, Tried, commonest_messages, counted


def outcome_of_recording(path: Path) -> Outcome:
    """The outcome of a landscape file: the configuration with the lowest known latency.

    Raises:
        UserError: the file is not a landscape, or is damaged.
    """
    landscape = read_landscape(path)
    tried = [
        Tried({}, str(status), message, None)
        for status, message in zip(landscape.status, landscape.message, strict=True)
    ]
    return Outcome(
        task=landscape.name,
        path=path,
        strategy="",
        seed=None,
        state=RECORDED,
        best=_best(landscape),
        evaluations=len(tried),
        statuses=counted(tried),
        messages=commonest_messages(tried),
        vendor=vendor_of(landscape.metadata),
    )


def _best(landscape: Landscape) -> Best | None:
    if not np.isfinite(landscape.oracle_ms).any():
        return None
    row = int(np.nanargmin(landscape.oracle_ms))
    return Best(landscape.space.decode(landscape.codes[row]), float(landscape.oracle_ms[row]), RECORDED)
