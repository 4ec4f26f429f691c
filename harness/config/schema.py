"""The typed schema behind ``conf/`` and the frozen records built from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from harness.config.names import check_label, check_stem, check_task_name
from harness.config.ruling import ruled
from harness.config.schedule import Overlap, scheduled
from harness.config.source import Source, source_of
from harness.config.start import Start, start_of
from harness.config.task import KERNEL_NAME, TaskSpec
from harness.config.values import kinds_of
from harness.errors import UserError
from harness.evaluation import Budget
from harness.rules import Rules
from harness.system.near import expected_name

MAX_BATCH = 1_000_000
RESUMES = ("unfinished", "retry_failed")
"""What a sweep resumes: interrupted runs, and with ``retry_failed`` also failed ones."""


@dataclass
class BudgetSchema:
    """Hydra schema of a budget."""

    evaluations: int | None = None
    seconds: float | None = None


@dataclass
class RulesSchema:
    """Hydra schema of the rules that end evaluations early."""

    compile_factor: float | None = None
    compile_quantile: float | None = None
    compile_after: int | None = None
    sample_error: float | None = None


@dataclass
class RunSchema:
    """Hydra schema of a run."""

    task: Any = None
    strategy: dict[str, Any] = field(default_factory=dict)
    backend: dict[str, Any] = field(default_factory=dict)
    budget: BudgetSchema = field(default_factory=BudgetSchema)
    seed: int = 0
    batch: int = 1
    workers: int | None = None
    schedule: str = "batch"
    ask_ahead: bool = False
    start: str | None = None
    source: Any = None
    source_evaluations: int | None = None
    source_runs: int | None = None
    rules: RulesSchema = field(default_factory=RulesSchema)
    results: str = "results"
    jobs: int | None = None
    tracker: dict[str, Any] = field(default_factory=dict)
    resume: str = "unfinished"
    dry_run: bool = False
    allow_mixed_code: bool = False
    keep_diff: bool = True


KINDS = kinds_of(RunSchema)
"""Types of the options that are numbers, text or booleans, by dotted name; an interpolation may replace any of them."""


def _either(flag: bool, yes: str, no: str) -> str:
    return yes if flag else no


def _last_name(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _kernel_name(kernel: DictConfig) -> str:
    from harness.config.own_space import kernel_name  # imports torch, which most commands do not need

    return kernel_name(OmegaConf.to_container(kernel))  # type: ignore[arg-type]


def register_schema() -> None:
    """Register the schema and the resolvers with Hydra, under the names that YAMLs use."""
    ConfigStore.instance().store(name="schema", node=RunSchema)
    OmegaConf.register_new_resolver("either", _either, replace=True)
    OmegaConf.register_new_resolver("last_name", _last_name, replace=True)
    OmegaConf.register_new_resolver(KERNEL_NAME, _kernel_name, replace=True)


@dataclass(frozen=True)
class RunConfig:
    """One run; can be sent to another process.

    Attributes:
        strategy, backend: Hydra targets with their arguments (``label`` and ``chosen_on`` apart).
        chosen_on: the tasks that the strategy's defaults were chosen on, as patterns of names without a device; it
            affects no result and is in no hash.
        tracker: Hydra target of a tracker; it affects no result and is in no hash.
        overlap: settings of an asynchronous run; ``None``: ``batch`` configurations are asked at once and told
            together.
        start: configurations evaluated before the first ask; ``None`` for none.
        rules: rules that end evaluations early; ``None`` if all are off.
        source: earlier tunings that the strategy learns from; ``None`` for none.
    """

    task: TaskSpec | None
    label: str
    strategy: Mapping[str, Any]
    backend: Mapping[str, Any]
    budget: Budget
    seed: int
    batch: int
    tracker: Mapping[str, Any] = field(default_factory=dict)
    chosen_on: tuple[str, ...] = ()
    overlap: Overlap | None = None
    start: Start | None = None
    rules: Rules | None = None
    source: Source | None = None


@dataclass(frozen=True)
class SweepOptions:
    """Options that apply to all runs of a sweep and affect none of their results.

    Attributes:
        results: the folder that run directories go to.
        jobs: runs at once on this machine; ``None`` for as many as fit.
        resume: one of :data:`RESUMES`.
        dry_run: print the expected cost and stop.
        allow_mixed_code: resume runs of other code than today's, and allow runs of other random streams in the same
            study.
        keep_diff: store the uncommitted changes of the checkout with the results; their digest is stored in any case.
    """

    results: Path
    jobs: int | None = None
    resume: str = "unfinished"
    dry_run: bool = False
    allow_mixed_code: bool = False
    keep_diff: bool = True

    @property
    def retry_failed(self) -> bool:
        """Whether failed runs are retried."""
        return self.resume == "retry_failed"


def run_config(composed: DictConfig) -> RunConfig:
    """The frozen record of a composed configuration.

    Raises:
        UserError: naming the wrong field and its value.
    """
    document = _document(composed)
    strategy = dict(document["strategy"])
    label = check_label(strategy.pop("label", None))
    chosen_on = _chosen_on(strategy.pop("chosen_on", None))
    check_least("seed", document["seed"], 0)
    check_least("batch", document["batch"], 1)
    if document["batch"] > MAX_BATCH:
        raise UserError(f"batch={document['batch']}: expected at most {MAX_BATCH}")
    if isinstance(landscape := document["backend"].get("landscape"), str):
        check_stem("backend.landscape", Path(landscape).stem)
    schedule = scheduled(document)
    return RunConfig(
        task=_task(document["task"]),
        label=label,
        strategy=strategy,
        backend=dict(schedule.backend),
        budget=_budget(document["budget"]),
        seed=document["seed"],
        batch=schedule.batch,
        tracker=dict(document["tracker"] or {}),
        chosen_on=chosen_on,
        overlap=schedule.overlap,
        start=start_of(document["start"]),
        rules=ruled(document["rules"]),
        source=source_of(document),
    )


def _chosen_on(value: object) -> tuple[str, ...]:
    """``strategy.chosen_on``; empty if there is none.

    Raises:
        UserError: the value is not a list of names.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise UserError(f"strategy.chosen_on={value!r}: expected a list of tasks, such as [matmul-*]")
    return tuple(value)


def check_least(name: str, value: int, least: int) -> int:
    """Return ``value`` after checking that it is at least ``least``.

    Raises:
        UserError: ``value`` is less.
    """
    if value < least:
        raise UserError(f"{name}={value}: expected a whole number, {least} or more")
    return value


def sweep_options(composed: DictConfig) -> SweepOptions:
    """The sweep's options in a composed configuration.

    Raises:
        UserError: naming the wrong field and its value.
    """
    document = _document(composed)
    if document["jobs"] is not None and document["jobs"] < 1:
        raise UserError(f"jobs={document['jobs']}: expected a whole number, 1 or more")
    if document["resume"] not in RESUMES:
        raise UserError(f"resume={document['resume']}: expected one of {', '.join(RESUMES)}")
    if not document["results"]:
        raise UserError("results=: expected a folder (results=. for the working directory)")
    given = {part.name: document[part.name] for part in fields(SweepOptions)}
    return SweepOptions(**{**given, "results": Path(document["results"])})


def _document(composed: DictConfig) -> dict[str, Any]:
    document: Any = OmegaConf.to_container(composed, resolve=True)
    for part in fields(RunSchema):
        if part.name not in document:
            raise UserError(f"~{part.name}: expected {part.name}=VALUE: a run needs this option")
    _refuse_unread(composed, document)
    return dict(document)


def _refuse_unread(composed: DictConfig, document: Mapping[str, Any]) -> None:
    """Refuse keys that neither a run nor an interpolation reads. Targets check their own arguments."""
    for where, part, known in (
        ("", document, [part.name for part in fields(RunSchema)]),
        ("budget.", document["budget"], [part.name for part in fields(BudgetSchema)]),
        ("rules.", document["rules"], [part.name for part in fields(RulesSchema)]),
        ("task.", document["task"], [part.name for part in fields(TaskSpec)]),
    ):
        unread = [str(key) for key in part if key not in known] if isinstance(part, Mapping) else []
        referred = interpolated(OmegaConf.to_container(composed)) if unread else frozenset()
        for key in unread:
            if key not in referred:
                expected = expected_name(key, known, where)
                raise UserError(f"{where}{key}={part[key]}: unknown option: expected {expected}")


def interpolated(value: Any) -> frozenset[str]:
    """Every name that an interpolation in a configuration mentions."""
    if isinstance(value, Mapping):
        return frozenset().union(*map(interpolated, value.values()))
    if isinstance(value, list):
        return frozenset().union(*map(interpolated, value))
    inside = re.findall(r"\$\{(.*)\}", value, re.DOTALL) if isinstance(value, str) else []
    return frozenset(re.findall(r"\w+", " ".join(inside)))


def _budget(document: Mapping[str, Any]) -> Budget:
    evaluations, seconds = document["evaluations"], document["seconds"]
    if evaluations is not None and evaluations < 1:
        raise UserError(f"budget.evaluations={evaluations}: expected 1 or more")
    if seconds is not None and not 0 < seconds < float("inf"):
        raise UserError(f"budget.seconds={seconds}: expected a number more than 0 (null for no limit)")
    if evaluations is None and seconds is None:
        raise UserError("budget.evaluations=null: expected a limit here or in budget.seconds")
    return Budget(evaluations, seconds)


def _task(document: Any) -> TaskSpec | None:
    if document is None:
        return None
    if not isinstance(document, Mapping) or not isinstance(document.get("name"), str):
        raise UserError(f"task={document}: expected one of conf/task")
    check_task_name(document["name"])
    return TaskSpec(
        document["name"],
        document.get("kernel", {}),
        document.get("space", {}),
        document.get("default") or {},
        _fallbacks(document.get("fallbacks")),
    )


def _fallbacks(value: object) -> tuple[Mapping[str, Any], ...]:
    """``task.fallbacks``; empty if there are none.

    Raises:
        UserError: the value is not a list of values by parameter.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise UserError(f"task.fallbacks={value!r}: expected a list of values by parameter, such as [{{num_warps: 4}}]")
    return tuple(value)
