"""Many runs: what is planned, in which order, in which process, how far it is and what it will cost."""
