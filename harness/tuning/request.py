"""Turn the arguments of ``nearopt tune`` into overrides of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from harness.config.compose import Composer
from harness.config.kernel_file import is_kernel_file, read_kernel_file, register_task
from harness.config.overrides import budget_words, quoted
from harness.config.schema import RunSchema
from harness.errors import UserError
from harness.tuning.auto import AUTO

KERNEL = "task.kernel."
OWN = {"results": "-o DIR", "budget": "--evaluations or --seconds", "strategy": "--strategy", "workers": "--workers"}
"""Options of a run that ``nearopt tune`` spells differently."""


@dataclass(frozen=True)
class TuneRequest:
    """The arguments of ``nearopt tune``.

    Attributes:
        what: ``FILE.py:NAME``, or the name of a task; ``None`` for the task of the landscape.
        values: ``KEY=VALUE`` words: fields of the kernel and other overrides of a run.
        landscape: a recording to search instead of a device.
        evaluations, seconds: the budget; ``None`` for no limit.
        out: the folder for results; ``None`` for one named after the task.
        strategy: a strategy's name, or ``auto``.
        workers: compile workers; ``None`` for as many as suit the device.
    """

    what: str | None
    values: tuple[str, ...] = ()
    landscape: Path | None = None
    evaluations: int | None = None
    seconds: float | None = None
    out: Path | None = None
    strategy: str = AUTO
    workers: int | None = None


def overrides_of(request: TuneRequest, composer: Composer) -> list[str]:
    """The overrides of the run, without its schedule and what ``auto`` decides.

    Raises:
        UserError: there is nothing to tune, no such kernel, or an unknown option.
    """
    for value in request.values:
        if value.startswith("task="):
            raise UserError(f"{value}: expected only a name, or FILE.py:NAME")
        if value.lstrip("+").startswith("strategy.") and request.strategy == AUTO:
            raise UserError(f"{value}: needs a strategy: expected --strategy NAME as well")
    if request.what is None and request.landscape is None:
        raise UserError("nothing to tune: expected FILE.py:NAME, a task's name, or --landscape FILE")
    overrides = []
    if request.what is not None:
        task = register_task(read_kernel_file(request.what)) if is_kernel_file(request.what) else request.what
        overrides.append(f"task={task}")
        shape = composer.kernel_fields(task)
        overrides += _values(request.values, list(shape), request.what)
        given = {override.removeprefix(KERNEL).partition("=")[0] for override in overrides}
        if missing := [f"{name}=VALUE" for name, needed in shape.items() if needed and name not in given]:
            raise UserError(f"{request.what}: its shape is incomplete: expected {' '.join(missing)}")
    else:
        overrides += _values(request.values, (), str(request.landscape))
    if request.landscape is not None:
        overrides.append(f"backend.landscape={quoted(request.landscape)}")
    elif not any(override.startswith("backend=") for override in overrides):
        overrides.append("backend=live")
    if request.strategy != AUTO:
        overrides.append(f"strategy={request.strategy}")
    return overrides + budget_words(request.evaluations, request.seconds)


def _values(values: Sequence[str], shape: Sequence[str], what: str) -> list[str]:
    """Translate ``KEY=VALUE`` into overrides: the kernel's fields take precedence over a run's options."""
    options = [field.name for field in fields(RunSchema) if field.name != "task"]
    overrides = []
    for value in values:
        key, equals, text = value.partition("=")
        top = key.lstrip("+~").partition(".")[0]
        if key in shape:
            overrides.append(f"{KERNEL}{key}={text}")
        elif key in OWN or top == "budget":
            raise UserError(f"{value}: expected {OWN[top]}")
        elif equals and (top in options or key.startswith(KERNEL)):
            overrides.append(value)
        else:
            near = get_close_matches(key, [*shape, *options], n=1)
            of_kernel = (
                f"a field of {what} ({', '.join(shape)})" if shape else f"an option of a run ({what} has no shape)"
            )
            raise UserError(f"{value}: unknown option: expected {near[0] + '=VALUE' if near else of_kernel}")
    return overrides
