"""Studies of many runs: their plan, order, processes, progress and expected cost."""
