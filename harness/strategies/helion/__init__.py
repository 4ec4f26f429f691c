"""Helion's own searches, unmodified."""

from harness.strategies.helion.strategy import ALGORITHMS, HelionSearch

__all__ = ["ALGORITHMS", "HelionSearch"]
