"""Execute one run, from its configuration to DONE."""
