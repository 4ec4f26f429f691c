"""Imported by the fork server: it imports once what every worker needs. Touches no driver."""

from __future__ import annotations

from triton.runtime.cache import triton_key

import harness.measure.triton.compiler
import harness.measure.triton.runner  # noqa: F401

triton_key()  # hashes the compiler itself, a second of CPU; cached in the process and in its forks
