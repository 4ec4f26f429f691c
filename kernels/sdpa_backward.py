"""The gradients of the vendor's attention at its best: the fastest backend's backward on given inputs.

A module of its own, since recordings of ``kernels.attention`` hold the hash of ``kernels.sdpa``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch.nn.attention import sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from kernels.sdpa import BACKENDS, _listed, _milliseconds

OPERATOR = "scaled_dot_product_attention backward"

Call = Callable[[], Any]


def fastest_attention_backward(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, do: torch.Tensor, causal: bool
) -> tuple[str, Call]:
    """Name and call of the fastest backend's backward; a call returns (dq, dk, dv, …), its forward ran before.

    Args:
        q, k, v, do: shape ``[batch, heads, seq, head_dim]``.
    """
    query, key, value = (tensor.detach().requires_grad_() for tensor in (q, k, v))

    def gradients() -> Call:
        """The backward node of a forward that runs now, without autograd's engine: its thread would be timed too."""
        node = scaled_dot_product_attention(query, key, value, is_causal=causal).grad_fn
        return torch.no_grad()(partial(node, do))

    calls: dict[str, Call] = {}
    for backend in BACKENDS if q.is_cuda else ():
        with suppress(RuntimeError), sdpa_kernel(backend):  # it may refuse these inputs
            calls[backend.name.lower()] = gradients()
    timed = [(spent, name) for name, call in calls.items() if (spent := _milliseconds(call)) is not None]
    if not timed:
        return OPERATOR, gradients()
    _, name = min(timed)
    return f"{OPERATOR} ({name}, the fastest of {_listed([n for _, n in timed])})", calls[name]
