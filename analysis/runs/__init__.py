"""Read run directories and recordings into a study."""
