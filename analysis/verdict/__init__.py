"""What a study says of a claim."""
