"""The one exception whose message is meant for the user's eyes."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: shown as one line on stderr, exit code 2, never with a traceback.

    The message names the file, field and value, and says what was expected.
    """
