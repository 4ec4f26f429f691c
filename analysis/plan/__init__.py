"""Plan how many seeds, tasks and kernels would decide a hypothesis."""
