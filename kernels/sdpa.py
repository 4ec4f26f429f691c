"""The vendor's attention at its best: whichever backend of PyTorch's fused attention is fastest on given inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

BACKENDS = (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)
WARM_UP_CALLS = 3
TIMED_CALLS = 10

Call = Callable[[], torch.Tensor]


def fastest_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> tuple[str, Call]:
    """Name and call of the fastest backend that takes these inputs; PyTorch's own choice where there is no GPU.

    Args:
        q, k, v: shape ``[batch, heads, seq, head_dim]``.
    """

    def by_default() -> torch.Tensor:
        return scaled_dot_product_attention(q, k, v, is_causal=causal)

    if not q.is_cuda:
        return "scaled_dot_product_attention", by_default
    calls = {backend.name.lower(): _call(q, k, v, causal, backend) for backend in BACKENDS}
    timed = [(seconds, name) for name, call in calls.items() if (seconds := _milliseconds(call)) is not None]
    if not timed:
        return "scaled_dot_product_attention", by_default
    _, name = min(timed)
    return f"scaled_dot_product_attention ({name}, the fastest of {_listed([n for _, n in timed])})", calls[name]


def _call(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool, backend: SDPBackend) -> Call:
    def call() -> torch.Tensor:
        with sdpa_kernel(backend):
            return scaled_dot_product_attention(q, k, v, is_causal=causal)

    return call


def _milliseconds(call: Call) -> float | None:
    """Mean latency over some calls in ms; ``None`` for a backend that refuses these inputs."""
    try:
        for _ in range(WARM_UP_CALLS):
            call()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(TIMED_CALLS):
            call()
        end.record()
        end.synchronize()
    except RuntimeError:
        return None
    return begin.elapsed_time(end) / TIMED_CALLS


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names))
