"""Resolve ``source``: earlier tunings in the space of the run's task, read before its strategy is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backends.base import Backend, subject_of
from harness.config.schema import RunConfig
from harness.config.source import DEVICE, DTYPE, SHAPE, SHAPES, WORDS, Source
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.landscapes.facts import TaskFacts, facts_of, read_facts
from harness.landscapes.library import recorded_landscapes
from harness.landscapes.siblings import is_itself, siblings
from harness.run.alignment import Account, aligned
from harness.run.source_files import observed
from harness.strategies.source import SourceData, coherent
from harness.system.digest import digest


@dataclass(frozen=True)
class Sources:
    """The sources that a run learns from.

    Attributes:
        option: the option as the user wrote it.
        data: one per task, in the requested order; never the run's own task on its device.
        accounts: the account of each source.
        itself: names of sources that were left out because they are the run's own task on its device.
    """

    option: Source
    data: tuple[SourceData, ...]
    accounts: tuple[Account, ...]
    itself: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The entry in ``config.yaml``: a digest of what the strategy sees, without paths."""
        sizes = {"evaluations": self.option.evaluations, "runs": self.option.runs}
        of = [_fingerprint(data) for data in self.data]
        return {**{name: size for name, size in sizes.items() if size is not None}, "of": of}

    def environment(self) -> dict[str, Any]:
        """The entry in ``environment.json``: the option and its accounts."""
        return {
            "option": list(self.option.options),
            "accounts": [account.document() for account in self.accounts],
            "left_out": list(self.itself),
        }

    def told(self) -> str:
        """The accounts in one line."""
        lines = [account.told() for account in self.accounts]
        lines += [f"{name} is ignored: it is the task itself" for name in self.itself]
        trusted = coherent(self.data)
        lines += [
            f"{data.facts.task}: its latencies do not follow from its parameters (rank correlation of neighbours "
            f"{data.coherence:.2f}), so strategies that check their sources ignore it"
            for data in self.data
            if data not in trusted
        ]
        return "source " + ", ".join(lines)


def sources(config: RunConfig, backend: Backend) -> Sources | None:
    """The sources that a run learns from; ``None`` without ``source``.

    Raises:
        UserError: there is no such source, it cannot be read, or none of its configurations can be evaluated here.
    """
    if config.source is None:
        return None
    try:
        return _sources(config.source, target_facts(config.task, backend), config.seed, backend)
    except UserError as error:
        said = str(error)
        raise UserError(said if said.startswith("source=") else f"source={config.source.text}: {said}") from None


def target_facts(task: TaskSpec | None, backend: Backend) -> TaskFacts:
    """Facts about the tuned task, from its recording, or from its configuration and the device."""
    landscape, subject = backend.reference(), subject_of(backend)
    if landscape is not None:
        return facts_of(landscape.metadata)
    kernel = {} if task is None else task.kernel
    shape = {name: value for name, value in kernel.items() if name not in ("_target_", "dtype")}
    known: Any = backend.environment().get("device")
    device = {**(known if isinstance(known, Mapping) else {}), "name": subject.device}
    return facts_of({"task": subject.task, "shape": shape, "dtype": kernel.get("dtype"), "device": device})


def _sources(option: Source, target: TaskFacts, seed: int, backend: Backend) -> Sources:
    data: list[SourceData] = []
    accounts: list[Account] = []
    itself: list[str] = []
    for each in option.options:
        wanted = len(data) + 1 if each in WORDS and each != SHAPES else None
        for path in _found(each, target) if each in WORDS else [Path(each)]:
            for seen in observed(path, option, seed):
                if is_itself(target, seen.facts):
                    itself.append(seen.name)
                    continue
                fitting, account = aligned(backend.space, seen, target)
                accounts.append(account)
                if len(fitting):
                    data.append(fitting)
            if len(data) == wanted:  # the nearest source with a configuration that can be evaluated here
                break
    if not accounts:
        raise UserError(f"{', '.join(itself)} is the task itself: expected an earlier tuning of another task")
    if not data:
        raise UserError(
            f"none of its configurations can be evaluated here: {'; '.join(account.told() for account in accounts)}"
        )
    return Sources(option, tuple(data), tuple(accounts), tuple(itself))


def _found(word: str, target: TaskFacts) -> list[Path]:
    """The recordings that a word of :data:`WORDS` denotes for a task, the nearest first
    (:mod:`harness.landscapes.siblings`).

    Raises:
        UserError: there is no such recording.
    """
    found = siblings(target, recorded_landscapes())
    if word in (SHAPE, SHAPES):
        found = [path for path in found if not target.same_shape(read_facts(path))]
    elif word == DTYPE:
        found = [path for path in found if target.same_shape(facts := read_facts(path)) and facts.dtype != target.dtype]
    elif word == DEVICE:
        found = [path for path in found if target.same_problem(read_facts(path))]
    if not found:
        raise UserError(f"{target.task}: there is no other recording of {target.kernel}: expected source=PATH")
    return found


def _fingerprint(data: SourceData) -> dict[str, Any]:
    facts = data.facts
    seen = {
        "shape": dict(facts.shape),
        "dtype": facts.dtype,
        "kernel": facts.kernel,
        "configurations": [dict(configuration) for configuration in data.configurations],
        "statuses": list(map(str, data.statuses)),
        "latencies_ms": list(data.latencies_ms),
    }
    return {"task": facts.task, "device": str(facts.device.get("name", "")), "sha256": digest(seen)}
