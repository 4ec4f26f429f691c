"""Judge a hypothesis by a study's speedups."""
