"""Figures, one per module, each drawn from a table that is saved beside it."""
