"""Other people's recordings: Kernel Tuner's caches, T1 and T4, read and written."""
