"""Judge a hypothesis from a study's speedups."""
