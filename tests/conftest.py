"""Without a GPU, kernels run in Triton's interpreter; that has to be decided before anything imports Triton."""

from __future__ import annotations

import os
from pathlib import Path

if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
