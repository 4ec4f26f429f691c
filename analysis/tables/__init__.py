"""Tables of a report, one a module."""
