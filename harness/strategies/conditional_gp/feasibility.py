"""How likely a configuration is to yield a latency at all."""

from __future__ import annotations

import numpy as np

from harness.strategies.conditional_gp.kernels import Floats, Hyperparameters, matern52, SQRT5
from harness.strategies.conditional_gp.candidates import Levels
from collections.abc import Sequence


def log_feasibility(
    levels: Levels, x: Floats, ok: np.ndarray, blocks: Sequence[slice], width: float, prior: float
) -> Floats:
    d2 = ((levels.points[None] - x[:, None]) ** 2).sum(-1)
    w = np.exp(-0.5 * d2 / width**2)
    p = (prior * ok.mean() + w.T @ ok) / (prior + w.sum(0))
    return np.log(np.maximum(p, 1e-6))
