"""What other tuners recorded, read and written; archives of landscapes, written and fetched."""
