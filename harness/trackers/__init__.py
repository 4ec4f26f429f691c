"""Mirrors of runs in other services; they decide no result."""
