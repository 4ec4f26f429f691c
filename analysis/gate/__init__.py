"""Judge whether a change made a strategy slower."""
