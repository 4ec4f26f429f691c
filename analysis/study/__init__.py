"""Turn evaluations into incumbents, times to target, speedups and curves."""
