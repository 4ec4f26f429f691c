"""Exit codes of ``nearopt``, for scripts and CI."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DONE, FAILED, USER_ERROR, UNDECIDED, REGRESSION, INTERRUPTED = 0, 1, 2, 3, 4, 130

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        DONE: "Done. Of gate: a pass or an improvement.",
        FAILED: "A run broke down, everything that was tried on a task failed, or an error that NearOpt did not expect "
        "(NEAROPT_TRACEBACK=1 shows where).",
        USER_ERROR: "The input was wrong or results cannot be written: one line on stderr.",
        UNDECIDED: "Of gate: undecided; it prints how many seeds are missing.",
        REGRESSION: "Of gate: a regression.",
        INTERRUPTED: "Ctrl-C. The same command resumes.",
    }
)
"""What the reference page says of each."""
