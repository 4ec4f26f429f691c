"""Contract tests for authors of strategies and kernels. Needs pytest, which nothing else in harness does.

from harness.testing import StrategyContract

class TestMine(StrategyContract):
    def factory(self, space, seed, budget):
        return Mine(space, seed, budget)

and likewise ``KernelContract`` with ``kernels(self)``.
"""

from typing import TYPE_CHECKING, Any

from harness.testing import spaces
from harness.testing.contract import StrategyContract
from harness.testing.driver import Outcome, drive, evaluation, smooth_latency

if TYPE_CHECKING:
    from harness.testing.kernel_contract import KernelContract

__all__ = ["KernelContract", "Outcome", "StrategyContract", "drive", "evaluation", "smooth_latency", "spaces"]


def __getattr__(name: str) -> Any:
    """Import ``KernelContract`` on first use, since it imports Triton and may turn on its interpreter."""
    if name != "KernelContract":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from harness.testing.kernel_contract import KernelContract

    return KernelContract
