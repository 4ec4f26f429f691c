"""Call kernels that run on the CPU."""
