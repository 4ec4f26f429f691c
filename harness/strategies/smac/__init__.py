"""SMAC, unmodified."""

from harness.strategies.smac.strategy import SMAC

__all__ = ["SMAC"]
