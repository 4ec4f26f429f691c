"""Kernel Tuner's own strategies, unmodified."""

from harness.strategies.kernel_tuner.strategy import STRATEGIES, KernelTuner

__all__ = ["STRATEGIES", "KernelTuner"]
