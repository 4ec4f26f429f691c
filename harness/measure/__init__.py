"""Compile a kernel's configurations in worker processes, and check and time them on a device."""
