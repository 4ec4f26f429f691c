"""The random streams of a run, version 2: keyed by what is run, never by paths or file names.

With ``named`` of :mod:`harness.system.seeds`, and ``subject = of_subject(SeedSequence(seed), task, device)`` with the
names of the task and of the device themselves, which a recording and a live run on the same card share:

* the **strategy** draws from ``named(subject, "strategy", _target_)``: strategies of different classes are independent,
  variants of one class are paired;
* **repairs** of its proposals from ``named(subject, "repair", _target_)``;
* **initial designs** that several strategies share from ``named(subject, "design")``;
* the **noise** of a replay from ``named(subject, "noise")`` and the configuration's key
  (:mod:`harness.backends.replay`): a configuration has the same reading, whichever strategy asks for it and whenever;
* the **inputs** of a live kernel from ``named(subject, "inputs")``.

So renaming a landscape's file or a label, or measuring instead of replaying, changes no draw. In version 1 all streams
were ``SeedSequence(seed).spawn(3)``, whatever the task: the same seed drew the same numbers on every task, so that
runs with one seed were not independent samples. ``config.yaml`` states the version as ``streams``; if absent, it is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.backends.base import Subject
from harness.system.seeds import named, of_subject

VERSION = 2


@dataclass(frozen=True)
class Streams:
    """The streams of one run: of its strategy, and of repairs of its proposals."""

    strategy: np.random.SeedSequence
    repair: np.random.SeedSequence


def streams(seed: int, subject: Subject, target: str) -> Streams:
    """The streams of a run on ``subject`` with a strategy of class ``target``."""
    own = of_subject(np.random.SeedSequence(seed), subject.task, subject.device)
    return Streams(named(own, "strategy", target), named(own, "repair", target))


def backend_seed(seed: int, task: str) -> np.random.SeedSequence:
    """The seed to open a backend with, before its task and device are known.

    Args:
        task: the configured task's name, or empty. A backend that knows its task and device uses the seed alone.
    """
    return named(np.random.SeedSequence(seed), "backend", task)
