"""Summarise, list and compare landscapes."""
