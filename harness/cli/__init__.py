"""The command ``nearopt``: words in, exit code out. The only room that sees both harness and analysis."""

from harness.cli.entry import main

__all__ = ["main"]
