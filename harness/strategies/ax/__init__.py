"""Ax's strategies, each imported with its library only when it is built."""

from harness.strategies.ax.strategy import Ax

__all__ = ["Ax"]
