"""A task's default configuration: what an engineer would ship without tuning. A line in figures, not a strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.landscapes.landscape import Landscape
from search_spaces.nearest import distances


def recorded_default(landscape: Landscape, default: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recorded configuration nearest to ``default`` (one value per parameter) and its best known latency in ms.

    ``None`` without a default. The latency is ``None`` where the configuration fails. Parameters that this shape's
    space does not have are left out.
    """
    if not default:
        return None
    space = landscape.space
    row = int(np.argmin(distances(space, default, landscape.codes)))
    latency = float(landscape.oracle_ms[row])
    return {
        "configuration": space.decode(landscape.codes[row]),
        "latency_ms": latency if np.isfinite(latency) else None,
    }
