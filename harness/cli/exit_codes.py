"""Exit codes of ``nearopt``, for scripts and CI."""

from __future__ import annotations

DONE, FAILED, USER_ERROR, UNDECIDED, REGRESSION, INTERRUPTED = 0, 1, 2, 3, 4, 130
