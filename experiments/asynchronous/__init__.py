"""Sixteen compile workers: asynchronous runs beside batches and beside what no loss of information would allow."""
