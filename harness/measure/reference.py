"""Compare outputs with the reference, cheaply and repeatedly."""

from __future__ import annotations

from collections.abc import Mapping

import torch


class Reference:
    """The reference in float32 with its scale computed once; ``error`` is ``kernels.execute.relative_error``."""

    def __init__(self, exact: Mapping[str, torch.Tensor]) -> None:
        self._exact = {name: value.float().contiguous() for name, value in exact.items()}
        tiny = torch.finfo(torch.float64).tiny
        self._scale = {
            name: float(value.double().square().mean().sqrt().clamp_min(tiny)) for name, value in exact.items()
        }

    def error(self, outputs: Mapping[str, torch.Tensor]) -> float:
        """Largest error over all outputs, one synchronisation; ``inf`` if anything is NaN or infinite."""
        errors = [
            (outputs[name].float() - exact).abs_().amax() / self._scale[name] for name, exact in self._exact.items()
        ]
        worst = float(torch.stack(errors).amax())
        return worst if worst == worst else float("inf")
