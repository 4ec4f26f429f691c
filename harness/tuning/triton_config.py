"""A configuration as the line that Triton's own autotuner takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPTIONS = ("num_warps", "num_stages", "num_ctas", "maxnreg")
"""What ``triton.Config`` takes by itself; everything else is an argument of the kernel."""

OF_HELION = "pid_type"
"""A parameter of all of Helion's spaces, and of no kernel written in Triton."""


def triton_config(configuration: Mapping[str, Any]) -> str | None:
    """``triton.Config({...}, num_warps=…, num_stages=…)``; ``None`` where it is no Triton kernel's.

    That is where none of Triton's options is in it, or where Helion writes the Triton code from it.

    Names are those of the search space. An option that is there counts as Triton's own.
    """
    options = {name: configuration[name] for name in OPTIONS if name in configuration}
    if not options or OF_HELION in configuration:
        return None
    return spelled({name: value for name, value in configuration.items() if name not in OPTIONS}, options)


def spelled(arguments: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """The line of some arguments of the kernel and some of :data:`OPTIONS`."""
    return f"triton.Config({dict(arguments)!r}{''.join(f', {name}={value!r}' for name, value in options.items())})"
