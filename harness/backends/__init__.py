"""Where evaluations come from: a device, or a recorded landscape."""
