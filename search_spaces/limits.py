"""Limits on what a search space may declare, so that a few lines of a file cannot exhaust a machine."""

MAX_RULES = 1_000
"""The most parameters, constraints or features. Parsing and type-checking a rule takes about a millisecond."""
MAX_RULES_TEXT = 200_000
"""The most characters of all conditions, constraints and features together."""
MAX_TOTAL_VALUES = 2_000_000
"""The most values of all parameters together; a value takes about 100 bytes once it is used."""
