"""From one kernel to its best configuration: the search for it, and what runs and recordings know of it."""
