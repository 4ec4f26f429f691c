"""Errors about a search space or a configuration."""

from __future__ import annotations


class SpaceError(ValueError):
    """A search space is ill-defined; the message names the parameter or expression at fault."""


class InvalidConfiguration(ValueError):
    """A configuration breaks its space; the message names the broken rule and the values that break it."""


class SpaceTooLarge(SpaceError):
    """The feasible set is larger than the enumeration limit."""
