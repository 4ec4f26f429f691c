"""A bound for many workers without loss of information: the evaluations of one-worker runs, list-scheduled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.runs.load import Study
from harness.evaluation import Measurement, Status
from harness.run.clock import schedule


def rescheduled(study: Study, workers: int) -> Study:
    """The study with the clock of ``workers``, and with evaluations in the order in which they would end.

    Every worker takes the next evaluation as soon as it is free, as in one large batch.
    """
    parts = []
    for _, part in study.evaluations.groupby("run", sort=True):
        costs = part[["compile_s", "device_s"]].to_numpy(np.float64).tolist()
        batch = [Measurement(Status.OK, compile_s=compiling, benchmark_s=device) for compiling, device in costs]
        ends = np.array([span.end_s for span in schedule(batch, workers, 0.0)])
        order = np.argsort(ends, kind="stable")
        parts.append(part.iloc[order].assign(clock_end_s=ends[order], index=np.arange(len(part))))
    runs = study.runs.assign(batch=workers, compile_workers=workers, schedule="async")
    return replace(study, runs=runs, evaluations=pd.concat(parts, ignore_index=True))
