"""Recognise files of winners: the best configuration for each problem, without the others.

Such files are common, but they are not landscapes: with one configuration there is nothing to search, and with one for
each of several problems the problem would be taken for a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TUNED = frozenset({"num_warps", "num_stages", "BLOCK_SIZE_M", "BLOCK_M", "XBLOCK", "block_sizes"})
"""Names that show that an object is a configuration of a Triton kernel."""


def winners_fault(content: Mapping[str, Any]) -> str:
    """Return a message about a JSON object that holds only winners; empty for any other object.

    The function knows vLLM's and SGLang's ``configs/*.json`` (a configuration for each batch size), TorchInductor's
    ``.best_config`` (one configuration with ``time_taken_ms`` or how it was found), and a saved ``helion.Config``.
    """
    if _is_configuration(content):
        return "only one configuration, the winner"
    inner = [value for value in content.values() if isinstance(value, Mapping)]
    if len(inner) > 0 and all(map(_is_configuration, inner)):
        return f"{len(inner)} keys with one configuration each, the winners"
    return ""


def _is_configuration(given: Mapping[str, Any]) -> bool:
    return not TUNED.isdisjoint(given) and not any(isinstance(value, Mapping) for value in given.values())
