"""Contract tests for authors of strategies. Needs pytest, which nothing else in harness does.

from harness.testing import StrategyContract

class TestMine(StrategyContract):
    def factory(self, space, seed, budget):
        return Mine(space, seed, budget)
"""

from harness.testing import spaces
from harness.testing.contract import StrategyContract
from harness.testing.driver import Outcome, drive, evaluation, smooth_latency

__all__ = ["Outcome", "StrategyContract", "drive", "evaluation", "smooth_latency", "spaces"]
