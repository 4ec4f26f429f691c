"""The independent random streams of a run."""

from __future__ import annotations

import numpy as np


def streams(seed: int) -> tuple[np.random.SeedSequence, np.random.SeedSequence, np.random.SeedSequence]:
    """Of the strategy, of the noise and of repairs."""
    strategy, noise, repair = np.random.SeedSequence(seed).spawn(3)
    return strategy, noise, repair
