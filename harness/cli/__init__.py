"""The command ``nearopt``: from words to an exit code. Only this room imports both harness and analysis."""

from harness.cli.entry import main

__all__ = ["main"]
