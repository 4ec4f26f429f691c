"""From override strings to frozen records, and from a Hydra target to an object."""
