"""Read run directories and recordings into one study."""
