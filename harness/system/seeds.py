"""Named random streams: draws depend on their purpose and not on the order of use.

``named(seed, "a", "b")`` is ``numpy.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *words("a", "b")))``,
where ``words`` are the SHA-256 of the names, written as a JSON list in UTF-8, as eight little-endian 32-bit words. So
the same stream can be reproduced with NumPy alone. The streams of different names are as independent as those of
``SeedSequence.spawn``, which uses the same key with small numbers in it.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

WORDS = 8
"""Words per name, 32 bits each."""


def named(seed: np.random.SeedSequence, *names: str) -> np.random.SeedSequence:
    """The stream of ``names`` below ``seed``; does not advance ``seed``."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *_words(names)))


def of_subject(seed: np.random.SeedSequence, task: str, device: str) -> np.random.SeedSequence:
    """The parent of all streams of runs with one seed on a task and a device.

    Args:
        task: the task's own name, ``matmul-2048x2048x2048-bf16``, not a file's name, without the device.
        device: the driver's name, ``NVIDIA H100 80GB HBM3``. Case, white space and a leading ``NVIDIA``, which
            older drivers leave out, do not matter; empty if there is no device.
    """
    words = device.casefold().split()
    return named(seed, task, " ".join(words[1:] if words[:1] == ["nvidia"] else words))


def shared_design(seed: np.random.SeedSequence) -> np.random.SeedSequence:
    """The stream of an initial design, equal for all strategies on a task and device with one seed.

    Args:
        seed: the seed of a run's strategy, or a child of it.
    """
    return named(np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key[:WORDS]), "design")


def _words(names: tuple[str, ...]) -> tuple[int, ...]:
    digest = hashlib.sha256(json.dumps(names, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest()
    return tuple(np.frombuffer(digest, "<u4").tolist())
