"""Files, locks, processes and text: code that does not depend on runs, kernels or strategies."""
