"""Search algorithms behind ask and tell, one a file."""
