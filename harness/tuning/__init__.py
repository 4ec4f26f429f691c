"""Find the best configuration of a kernel, by a search or from existing runs and recordings."""
