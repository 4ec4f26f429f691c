"""Sixteen compile workers: asynchronous runs against batches and against a bound without loss of information."""
