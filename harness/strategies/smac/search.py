"""SMAC's facade with its defaults, made independent of the process and of the disk. Needs the extra ``smac``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from smac import HyperparameterOptimizationFacade as Facade
from smac import Scenario
from smac.acquisition.maximizer.local_search import LocalSearch
from smac.model.random_forest import RandomForest

MAX_LEAVES = 1 << 14


class OrderedLocalSearch(LocalSearch):  # type: ignore[misc]  # SMAC may be missing where types are checked
    """SMAC's local search in a fixed order: SMAC 2.4 lists a set of configurations, whose order varies between
    processes."""

    def _get_initial_points(self, *args: Any, **kwargs: Any) -> list[Configuration]:
        points: list[Configuration] = super()._get_initial_points(*args, **kwargs)
        return sorted(points, key=lambda point: np.nan_to_num(point.get_array(), nan=-1.0).tolist())


def facade(
    configspace: ConfigurationSpace, seed: int, trials: int, retrain_after: int, random_probability: float
) -> Facade:
    """SMAC's facade for ``trials`` trials, for use by ask and tell.

    Args:
        configspace, seed: space and seed of the scenario.
        trials: number of trials; the initial design is at most a quarter of them.
        retrain_after, random_probability: see :class:`~harness.strategies.smac.SMAC`.
    """
    # SMAC writes its plans to disk even if told not to save.
    with TemporaryDirectory() as folder:
        scenario = Scenario(configspace, deterministic=True, n_trials=trials, seed=seed, output_directory=Path(folder))
        maximizer = Facade.get_acquisition_maximizer(scenario)
        maximizer._local_search = OrderedLocalSearch(configspace, seed=seed)
        # The facade's forest without room for 2^20 leaves, which takes 0.1 s per tree to clear, and without threads.
        forest = RandomForest(
            configspace,
            log_y=True,
            ratio_features=1.0,
            seed=seed,
            n_trees=10,
            min_samples_split=2,
            min_samples_leaf=1,
            max_leaf_nodes=MAX_LEAVES,
            n_jobs=1,
        )
        return Facade(
            scenario,
            model=forest,
            acquisition_maximizer=maximizer,
            config_selector=Facade.get_config_selector(scenario, retrain_after=retrain_after),
            random_design=Facade.get_random_design(scenario, probability=random_probability),
            logging_level=False,
            overwrite=True,
        )
