"""From a study's evaluations to incumbents, times to target, speedups and curves."""
