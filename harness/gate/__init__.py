"""Run what a regression gate still lacks on either of its sides."""
