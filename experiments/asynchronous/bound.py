"""What runs of one worker would cost on many if knowing less lost nothing: their evaluations, list-scheduled."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.runs.load import Study

Floats = NDArray[np.float64]


def list_scheduled(compile_s: Floats, device_s: Floats, workers: int) -> Floats:
    """When each evaluation ends, in s, if every worker takes the next one as soon as it is free. [n]

    The device takes them one at a time, first in first out as compiles end; a failure without device time ends there.
    """
    free = [0.0] * workers
    compiled = np.empty(len(compile_s))
    for i, cost in enumerate(compile_s.tolist()):
        compiled[i] = free[0] + cost
        heapq.heapreplace(free, compiled[i])
    ends, device = compiled.copy(), 0.0
    for i in np.argsort(compiled, kind="stable").tolist():
        if device_s[i] > 0:
            ends[i] = device = max(device, compiled[i]) + device_s[i]
    return ends


def rescheduled(study: Study, workers: int) -> Study:
    """The study with the clock of ``workers`` and its evaluations in the order in which they would end."""
    parts = []
    for _, part in study.evaluations.groupby("run", sort=True):
        compile_s, device_s = (part[name].to_numpy(np.float64) for name in ("compile_s", "device_s"))
        ends = list_scheduled(compile_s, device_s, workers)
        order = np.argsort(ends, kind="stable")
        moved = part.iloc[order].assign(clock_end_s=ends[order], index=np.arange(len(part)))
        parts.append(moved)
    runs = study.runs.assign(batch=workers, compile_workers=workers, schedule="async")
    return replace(study, runs=runs, evaluations=pd.concat(parts, ignore_index=True))
