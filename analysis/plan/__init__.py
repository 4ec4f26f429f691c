"""How many seeds, tasks and kernels decide a hypothesis."""
