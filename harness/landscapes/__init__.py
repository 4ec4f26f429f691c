"""Recorded landscapes: the file format, reading, writing, and the library that ships with NearOpt."""
