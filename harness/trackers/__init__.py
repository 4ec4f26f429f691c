"""Trackers mirror runs in other services; they affect no result."""
