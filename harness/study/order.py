"""The order of a sweep's runs: a randomised block design, so that drift of a device favours no strategy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from harness.config.schema import RunConfig
from harness.system.digest import digest


def randomised_blocks(configs: Sequence[RunConfig]) -> list[int]:
    """Positions in ``configs`` in the order in which the runs start.

    A block fixes everything except the strategy: task with backend, budget, batch and seed. It holds every
    strategy once, in random order. Seeds come in the given order, so that an interrupted sweep has every task once
    before it has one twice; the blocks of one seed are in random order as well.

    Each run's place is drawn from its own description, so that neither finished runs nor other runs of the sweep nor
    the order of the strategies' names change the relative order of two runs.
    """
    seeds = {seed: i for i, seed in enumerate(dict.fromkeys(config.seed for config in configs))}
    keys = []
    for config in configs:
        block = _block(config)
        strategy = [config.label, dict(config.strategy)]
        keys.append((seeds[config.seed], *_draw(block), *_draw([block, strategy])))
    return sorted(range(len(configs)), key=keys.__getitem__)


def _block(config: RunConfig) -> str:
    task = None if config.task is None else asdict(config.task)
    return json.dumps([task, dict(config.backend), asdict(config.budget), config.batch, config.seed], default=str)


def _draw(description: object) -> tuple[int, int]:
    """Two random words derived from this description alone."""
    entropy = np.frombuffer(bytes.fromhex(digest(description)), "<u4").tolist()
    first, second = np.random.SeedSequence(entropy).generate_state(2, np.uint64).tolist()
    return first, second
