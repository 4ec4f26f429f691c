"""Summaries, tables and comparisons of landscapes."""
