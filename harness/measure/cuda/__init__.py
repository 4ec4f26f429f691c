"""Compile and launch CUDA C++ kernels."""
