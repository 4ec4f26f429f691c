"""SMAC's local search with its starting points in an order that a seed decides. Needs the extra ``smac``."""

from __future__ import annotations

from typing import Any

import numpy as np
from ConfigSpace import Configuration
from smac import HyperparameterOptimizationFacade, Scenario
from smac.acquisition.maximizer.local_and_random_search import LocalAndSortedRandomSearch
from smac.acquisition.maximizer.local_search import LocalSearch


class OrderedLocalSearch(LocalSearch):  # type: ignore[misc]  # SMAC may be missing where types are checked
    """SMAC 2.4 lists a set of configurations, whose hashes are of strings: another order in every process."""

    def _get_initial_points(self, *args: Any, **kwargs: Any) -> list[Configuration]:
        points: list[Configuration] = super()._get_initial_points(*args, **kwargs)
        return sorted(points, key=lambda point: np.nan_to_num(point.get_array(), nan=-1.0).tolist())


def maximizer(scenario: Scenario) -> LocalAndSortedRandomSearch:
    """The facade's own maximiser of the acquisition function, with that order."""
    made = HyperparameterOptimizationFacade.get_acquisition_maximizer(scenario)
    made._local_search = OrderedLocalSearch(scenario.configspace, seed=scenario.seed)
    return made
