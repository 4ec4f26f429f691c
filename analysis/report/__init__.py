"""Build a study's report: its page, figures, tables and sentences."""
