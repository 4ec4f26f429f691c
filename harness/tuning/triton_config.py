"""Format a configuration as a line for Triton's own autotuner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPTIONS = ("num_warps", "num_stages", "num_ctas", "maxnreg")
"""Options of ``triton.Config`` itself; everything else is an argument of the kernel."""

OF_HELION = "pid_type"
"""A parameter of every Helion space and of no kernel written in Triton."""


def triton_config(configuration: Mapping[str, Any]) -> str | None:
    """``triton.Config({...}, num_warps=…, num_stages=…)``; ``None`` if it does not configure a Triton kernel.

    That is the case if it has none of Triton's options, or if Helion generates Triton code from it.

    Names are those of the search space. A parameter named like an option counts as Triton's option.
    """
    options = {name: configuration[name] for name in OPTIONS if name in configuration}
    if not options or OF_HELION in configuration:
        return None
    return spelled({name: value for name, value in configuration.items() if name not in OPTIONS}, options)


def spelled(arguments: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """The line for arguments of the kernel and options of :data:`OPTIONS`."""
    return f"triton.Config({dict(arguments)!r}{''.join(f', {name}={value!r}' for name, value in options.items())})"
