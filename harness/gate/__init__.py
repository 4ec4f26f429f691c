"""Run what either side of a regression gate still lacks."""
