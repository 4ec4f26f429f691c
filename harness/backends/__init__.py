"""Backends produce evaluations, on a device or from a recorded landscape."""
