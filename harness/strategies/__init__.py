"""Search algorithms behind ask and tell, one per file."""
