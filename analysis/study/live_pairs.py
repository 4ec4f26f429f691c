"""Live runs paired with replays of the same seeds, and live costs with recorded costs of the same configurations.

A pair is a live run and a replay with the same task, device, strategy (``_target_`` and arguments), seed and budget.
Since version 2 of the random streams, both then draw the same numbers. In version 1 this holds only for some
strategies, so such a pair counts only if both evaluated the same configurations in the same order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.runs import contract
from analysis.runs.configurations import read_log
from analysis.runs.load import Study
from analysis.statistics.equivalence import Equivalence, equivalence
from analysis.study.live_costs import beside_recorded, run_costs

COST_MARGIN = 0.05
EVALUATIONS_MARGIN = 0.25
KEYED_STREAMS = 2
"""The first version of the random streams that is keyed by task, device and strategy, so that live and replay pair."""
_SAME = ("task", "strategy", "seed", "strategy_arguments", "budget_evaluations", "streams")
NO_REPLAY, OTHER_STREAMS, OTHER_CONFIGURATIONS, NOT_KEPT = (
    "without a replay of the seed",
    "with other random streams than the replay",
    "with older random streams and other configurations than the replay",
    "with older random streams, whose configurations were not kept",
)


@dataclass(frozen=True)
class Paired:
    """The comparison.

    Attributes:
        cost: seconds of compiling, verifying and benchmarking of a live run over the recorded seconds of the same
            configurations.
        costs: one row per such run, from :func:`analysis.study.live_costs.run_costs`.
        evaluations: evaluations to the target, live over replay; a side that missed counts as its budget.
        pairs: one row per pair: run, replay (their numbers), task, strategy, seed, identical (share of live evaluations
            whose configuration the replay evaluated too; nan if not kept).
        missed: pairs in which one side missed the target; their ratio is closer to 1 than the truth.
        both_missed: pairs in which both missed; they are uninformative and left out of ``evaluations``.
        unpaired: live runs without a partner, by reason.
    """

    cost: Equivalence
    costs: pd.DataFrame
    evaluations: Equivalence
    pairs: pd.DataFrame
    missed: int
    both_missed: int
    unpaired: Mapping[str, int]

    @property
    def older(self) -> int:
        """The number of runs in ``costs`` whose verification includes warm-ups and launchers, unlike recordings."""
        return int(self.costs[contract.SETUP_S].isna().sum())


def paired(live: Study, replays: Study, live_times: pd.DataFrame, replay_times: pd.DataFrame) -> Paired:
    """Pair live runs with replays and compare them.

    Args:
        live, replays: the studies; the replays' recorded tables have the costs of configurations.
        live_times, replay_times: run, hit and cost (evaluations to the target, or the budget), one row per run.

    Raises:
        AnalysisError: a run's log is damaged.
    """
    costs = run_costs(beside_recorded(live, replays.references))
    pairs, unpaired = _pairs(live, replays)
    sides = [
        times.set_index("run").loc[pairs[name]].reset_index()
        for times, name in ((live_times, "run"), (replay_times, "replay"))
    ]
    hits = [side["hit"].to_numpy(dtype=bool) for side in sides]
    ratio = sides[0]["cost"].to_numpy(dtype=float) / sides[1]["cost"].to_numpy(dtype=float)
    return Paired(
        cost=equivalence(costs["ratio"], COST_MARGIN),
        costs=costs,
        evaluations=equivalence(ratio[hits[0] | hits[1]], EVALUATIONS_MARGIN),
        pairs=pairs,
        missed=int((hits[0] ^ hits[1]).sum()),
        both_missed=int((~hits[0] & ~hits[1]).sum()),
        unpaired=unpaired,
    )


def _pairs(live: Study, replays: Study) -> tuple[pd.DataFrame, dict[str, int]]:
    partners = {_name(row): number for number, row in replays.runs.iterrows()}
    of_any_streams = {_name(row)[:-1] for _, row in replays.runs.iterrows()}
    found, unpaired = [], Counter[str]()
    for run, row in live.runs.iterrows():
        replay = partners.get(_name(row))
        if replay is None:
            unpaired[OTHER_STREAMS if _name(row)[:-1] in of_any_streams else NO_REPLAY] += 1
            continue
        ours, theirs = (_keys(study.runs.at[number, "path"]) for study, number in ((live, run), (replays, replay)))
        if row["streams"] < KEYED_STREAMS and (ours is None or theirs is None):
            unpaired[NOT_KEPT] += 1
        elif row["streams"] < KEYED_STREAMS and ours != theirs:
            unpaired[OTHER_CONFIGURATIONS] += 1
        else:
            known = ours is not None and theirs is not None
            same = np.isin(ours or [], theirs or []).mean() if known else np.nan
            found.append((run, replay, row["task"], row["strategy"], row["seed"], float(same)))
    columns = ["run", "replay", "task", "strategy", "seed", "identical"]
    return pd.DataFrame(found, columns=columns), dict(unpaired)


def _name(row: pd.Series[Any]) -> tuple[Hashable, ...]:
    return tuple(str(row[name]) for name in _SAME)


def _keys(path: object) -> list[str] | None:
    rows = read_log(Path(str(path)))
    return None if rows is None else [str(row[contract.KEY]) for row in rows]
