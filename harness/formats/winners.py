"""Files that keep winners alone: the best configuration for each problem, without what it was chosen from.

They are common, and no landscape: with one configuration there is nothing to search, and with one for each of several
problems the problem would be taken for a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TUNED = frozenset({"num_warps", "num_stages", "BLOCK_SIZE_M", "BLOCK_M", "XBLOCK", "block_sizes"})
"""Parameters by one of which a configuration of a Triton kernel is known."""


def winners_fault(content: Mapping[str, Any]) -> str:
    """What to say of a JSON object that holds winners alone; empty of any other.

    Known are vLLM's and SGLang's ``configs/*.json`` (a configuration by batch size), TorchInductor's ``.best_config``
    (one configuration with ``time_taken_ms`` or how it was found), and a saved ``helion.Config``.
    """
    if _is_configuration(content):
        return "one configuration: the winner alone is no landscape"
    inner = [value for value in content.values() if isinstance(value, Mapping)]
    if len(inner) > 0 and all(map(_is_configuration, inner)):
        return f"{len(inner)} keys with one configuration each: winners alone are no landscape"
    return ""


def _is_configuration(given: Mapping[str, Any]) -> bool:
    return not TUNED.isdisjoint(given) and not any(isinstance(value, Mapping) for value in given.values())
