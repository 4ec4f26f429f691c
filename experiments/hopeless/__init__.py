"""Rules that end evaluations early: what they save on every committed landscape, and what they end that was good."""
