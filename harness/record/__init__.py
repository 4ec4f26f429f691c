"""Record a task's space into a landscape, and time its fastest configurations again."""
