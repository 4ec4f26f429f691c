"""The one exception of the analysis whose message is shown to the user."""

from __future__ import annotations


class AnalysisError(Exception):
    """Bad input to the analysis: one line that names the file and says what was expected.

    The command line shows it without a traceback and exits with code 2, as for ``harness.errors.UserError``
    (which the analysis may not import).
    """
