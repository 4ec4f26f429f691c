"""Any acquisition function of BoTorch that has a value for each single point, by its class's path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, OneShotAcquisitionFunction
from botorch.models import SingleTaskGP
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from harness.config.targets import call_target, target_object
from harness.errors import UserError

FIELD = "strategy.acquisition"
SAMPLES = 128


class NamedAcquisition:
    """Builds the function anew for each choice.

    It is offered what functions ask for by these names: ``model``, ``best_f``, ``X_baseline`` (all that was evaluated),
    ``X_pending`` (what waits for its outcome), ``candidate_set`` (what is to be scored) and ``sampler`` (seeded).
    Targets are to be maximised. A function that takes no ``X_pending`` fills a batch with its best candidates.

    Args:
        path: of the class, ``botorch.acquisition.UpperConfidenceBound`` for instance.
        arguments: of its constructor, beyond those; ``beta`` for instance.

    Raises:
        UserError: no such class, or one that needs an inner optimiser.
    """

    def __init__(self, path: str, arguments: Mapping[str, Any]) -> None:
        self._class = target_object(FIELD, path, AcquisitionFunction)
        if issubclass(self._class, OneShotAcquisitionFunction):
            raise UserError(f"{FIELD}={path}: optimises over fantasies too: expected one with a value for each point")
        self._arguments = dict(arguments)

    def __call__(
        self,
        model: SingleTaskGP,
        best_f: float,
        evaluated: Tensor,
        pending: Tensor | None,
        candidates: Tensor,
        rng: np.random.Generator,
    ) -> AcquisitionFunction:
        """The function under a fitted model, for rows of inputs, [n, D]; ``best_f`` in the model's targets.

        Raises:
            UserError: the class does not take its arguments.
        """
        offered = {
            "model": model,
            "best_f": best_f,
            "X_baseline": evaluated,
            "X_pending": pending,
            "candidate_set": candidates,
            "sampler": SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=int(rng.integers(2**31))),
        }
        return call_target(FIELD, self._class, self._arguments, offered)
