"""Figures, one a module, each drawn from a table that is saved beside it."""
