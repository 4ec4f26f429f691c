"""The random streams of a run, version 2: keyed by what is run, never by where it lies or what its files are called.

With ``named`` of :mod:`harness.system.seeds`, and ``subject = of_subject(SeedSequence(seed), task, device)`` by the own
names of the task and of the device, which a recording and a live run on the same card have in common:

* the **strategy** draws from ``named(subject, "strategy", _target_)``: strategies of different classes are independent,
  variants of one class pair;
* **repairs** of its proposals from ``named(subject, "repair", _target_)``;
* **initial designs** that several strategies share from ``named(subject, "design")``;
* the **noise** of a replay from ``named(subject, "noise")`` and the configuration's key
  (:mod:`harness.backends.replay`): a configuration has the same reading whoever asks for it and when;
* the **inputs** of a live kernel from ``named(subject, "inputs")``.

So to rename a landscape's file or a label, or to measure instead of replaying, changes no draw. In version 1 all of
them were ``SeedSequence(seed).spawn(3)``, whatever the task: the same seed drew the same numbers on every task, so that
runs with one seed were no independent sample. ``config.yaml`` says the version as ``streams``; without it, it is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.backends.base import Subject
from harness.system.seeds import named, of_subject

VERSION = 2


@dataclass(frozen=True)
class Streams:
    """Of one run: of its strategy, and of repairs of its proposals."""

    strategy: np.random.SeedSequence
    repair: np.random.SeedSequence


def streams(seed: int, subject: Subject, target: str) -> Streams:
    """Those of a run on ``subject`` with a strategy whose class is ``target``."""
    own = of_subject(np.random.SeedSequence(seed), subject.task, subject.device)
    return Streams(named(own, "strategy", target), named(own, "repair", target))


def backend_seed(seed: int, task: str) -> np.random.SeedSequence:
    """What a backend is opened with, before anybody knows what it measures on.

    Args:
        task: as configured, empty without one. A backend that knows its task and device better goes by the seed alone.
    """
    return named(np.random.SeedSequence(seed), "backend", task)
