"""How much a search space may declare: a few lines of somebody's file must not fill a machine or keep it busy."""

MAX_RULES = 1_000
"""Parameters, constraints and features, each. Every rule is parsed and its types are checked, about a millisecond."""
MAX_RULES_TEXT = 200_000
"""Characters of all conditions, constraints and features together."""
MAX_TOTAL_VALUES = 2_000_000
"""Of all parameters together; a value takes about 100 bytes once it is used."""
