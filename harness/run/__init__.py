"""One run, from its configuration to DONE."""
