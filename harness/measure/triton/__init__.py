"""Compile and launch Triton kernels."""
