"""Files, locks, processes and text: what knows nothing of runs, kernels or strategies."""
