"""Plug existing Optuna samplers and studies, given as objects, into a run.

A run must be reproducible, and an interrupted one is rebuilt from its seed. So a run takes a deep
copy of the sampler, seeds its random states from the run's own stream, and is identified by a digest of the copy. A
study is filled after the run, trial by trial; its own sampler is used and left as it was.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pyarrow.parquet as pq
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.trial import TrialState

from harness.api.run import done
from harness.backends.base import Backend
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.errors import UserError
from harness.run import contract
from harness.run.build import open_backend
from harness.strategies.base import Strategy
from harness.strategies.optuna_sampler import OptunaSampler
from harness.strategies.source import SourceData
from harness.study.mixed_code import check_code
from harness.study.sweep import run_alone
from search_spaces.space import SearchSpace

TARGET = "harness.strategies.optuna_sampler.OptunaSampler"


@dataclass(frozen=True)
class SamplerObject:
    """An Optuna sampler used as a strategy.

    Attributes:
        sampler: the given sampler; every run uses a copy of it.
    """

    sampler: BaseSampler

    def arguments(self) -> Mapping[str, Any]:
        """The entry in ``config.yaml``: the class, and a digest of the object without its random state.

        Raises:
            UserError: the sampler cannot be pickled, so that two samplers could not be distinguished.
        """
        kind = type(self.sampler)
        try:
            held = pickle.dumps(_seeded(self.sampler, 0), protocol=4)
        except Exception as error:  # whatever an object of the user's raises
            raise UserError(f"strategy: {kind.__name__} cannot be copied and pickled: {error}: "
                            "expected a sampler without open files, locks and lambdas") from None  # fmt: skip
        sampler = f"{kind.__module__}.{kind.__qualname__}"
        return {"_target_": TARGET, "sampler": sampler, "object_sha256": hashlib.sha256(held).hexdigest()}

    def build(
        self, config: RunConfig, backend: Backend, seed: np.random.SeedSequence, sources: Sequence[SourceData] = ()
    ) -> Strategy:
        """Build the strategy of a run; see :func:`harness.run.build.build_strategy`.

        Raises:
            UserError: sources are given, which a sampler cannot learn from.
        """
        if sources:
            raise UserError("source: an Optuna sampler cannot learn from sources: expected no source=")
        fresh = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
        return OptunaSampler(backend.space, fresh, config.budget, sampler=lambda seed: _seeded(self.sampler, seed))


def _seeded(sampler: BaseSampler, seed: int) -> BaseSampler:
    """A copy whose every random state is derived from ``seed``."""
    own = deepcopy(sampler)
    for number, state in enumerate(_random_states(own, set())):
        state.rng.seed(int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
    return own


def _random_states(part: Any, seen: set[int]) -> Iterator[LazyRandomState]:
    """The random states of a sampler and of the samplers inside it, in the order of its attributes."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, LazyRandomState):
        yield part
        return
    for value in vars(part).values():
        if isinstance(value, (LazyRandomState, BaseSampler)):
            yield from _random_states(value, seen)


def check_study(study: optuna.Study) -> None:
    """Refuse a study that a run cannot fill.

    Raises:
        UserError: it maximises, has several objectives, or has trials: a run's budget counts every evaluation.
    """
    if len(study.directions) != 1 or study.direction is not optuna.study.StudyDirection.MINIMIZE:
        said = ", ".join(direction.name.lower() for direction in study.directions)
        raise UserError(
            f"study {study.study_name}: directions {said}: expected one direction, minimize, since latency is minimised"
        )
    if count := len(study.get_trials(deepcopy=False)):
        raise UserError(
            f"study {study.study_name}: has {count} trials: expected an empty study, since the run's budget counts "
            "every trial"
        )


def replay_object(words: Sequence[str], given: object, label: str | None) -> Path:
    """Run a sampler object, or a study's sampler with the trials added to the study; returns the run's directory.

    Args:
        words: overrides of the run, except those of its strategy.
        label: the label of the strategy; ``None`` for the name of the sampler's class.

    Raises:
        UserError: as :func:`harness.api.calls.replay`, or ``given`` is neither a sampler nor a study.
    """
    study = given if isinstance(given, optuna.Study) else None
    sampler = given if study is None else study.sampler
    if not isinstance(sampler, BaseSampler):
        raise UserError(f"strategy: {given!r}: expected a name, a class, or an Optuna sampler or study")
    if said := [word for word in words if word.lstrip("+~").startswith("strategy")]:
        raise UserError(f"{said[0]}: expected no strategy option with a sampler or study object")
    if study is not None:
        check_study(study)
    own = SamplerObject(sampler)
    one = Composer().single(words)
    config = replace(one.runs[0], label=label or type(sampler).__name__, strategy=own.arguments(), chosen_on=())
    check_code([config], one.options)
    path = done(run_alone(config, one.options, own.build))
    if study is not None:
        with closing(open_backend(config)) as backend:
            _fill(study, path, backend.space)
    return path


def _fill(study: optuna.Study, run: Path, space: SearchSpace) -> None:
    """Add a run's evaluations to the study, so that ``best_params``, ``trials_dataframe`` and dashboards work.

    A failed evaluation becomes a FAILED trial. A permutation becomes text, since storages take no tuples.
    """
    domains = {own.name: CategoricalDistribution([_shown(value) for value in own.values]) for own in space.parameters}
    columns = [f"{contract.PARAMETER_PREFIX}{name}" for name in domains]
    table = pq.read_table(run / contract.EVALUATIONS, columns=[contract.STATUS, contract.LATENCY_MS, *columns])
    for row in table.to_pylist():
        params = {name: _shown(row[column]) for name, column in zip(domains, columns, strict=True)}
        active = {name: value for name, value in params.items() if value is not None}
        latency_ms = row[contract.LATENCY_MS]
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.FAIL if latency_ms is None else TrialState.COMPLETE,
                value=latency_ms,
                params=active,
                distributions={name: domains[name] for name in active},
                user_attrs={contract.STATUS: row[contract.STATUS]},
            )
        )


def _shown(value: Any) -> Any:
    """A value in the form that Optuna's storages accept: a permutation becomes text."""
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else value
