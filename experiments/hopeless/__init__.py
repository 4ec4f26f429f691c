"""Rules that end evaluations early: what they save, and which near-optimal ones they end, on committed landscapes."""
