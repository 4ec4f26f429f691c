"""Any BoTorch acquisition function with a value for each single point, by the path of its class."""

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
    """Builds the function anew for each pick.

    The constructor gets those of these arguments that it accepts: ``model``, ``best_f``, ``X_baseline`` (evaluated
    points), ``X_pending`` (pending points), ``candidate_set`` (points to be scored) and ``sampler`` (seeded).
    Targets are maximised. A function without ``X_pending`` fills a batch with its best candidates.

    Args:
        path: path of the class, such as ``botorch.acquisition.UpperConfidenceBound`` for instance.
        arguments: further arguments of its constructor, such as ``beta``.

    Raises:
        UserError: the class does not exist or needs an inner optimiser.
    """

    def __init__(self, path: str, arguments: Mapping[str, Any]) -> None:
        self._class = target_object(FIELD, path, AcquisitionFunction)
        if issubclass(self._class, OneShotAcquisitionFunction):
            raise UserError(
                f"{FIELD}={path}: also optimises over fantasies: expected a function with a value for each point"
            )
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
            UserError: the class does not accept its arguments.
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
