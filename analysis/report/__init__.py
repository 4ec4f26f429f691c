"""A study's report: page, figures, tables and texts."""
