"""``nearopt check my_kernel.py``: find what is missing or wrong in a kernel before a GPU is rented."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any

import torch
import yaml

from harness.config.arguments import check_types
from harness.config.kernel_file import read_kernel_file
from harness.errors import UserError
from harness.evaluation import Status
from harness.measure.trial_compile import compiled
from harness.system.text import one_line
from kernels import stated, trial
from kernels.base import DTYPES, Kernel
from kernels.cpu import CpuKernel
from kernels.cuda import CudaKernel
from kernels.fault_words import in_words, near
from search_spaces.choices import one_of_each

SMALL_SHAPES = ((37, 61, 83), (64, 128, 128), (1031, 67, 35), (16_411, 131, 67))
"""Sizes to reduce the fields of a shape to; the first that the kernel and its space accept is checked. Odd
sizes come first, since they are not multiples of a block."""
CHOICES = 24


@dataclass(frozen=True)
class Finding:
    """One line of a check's result.

    Attributes:
        what: the member or step that was checked.
        says: the result in words.
        fault: whether the author must fix it.
    """

    what: str
    says: str
    fault: bool = False

    def line(self) -> str:
        """The line as printed."""
        return f"{'FAIL' if self.fault else 'ok  '} {self.what}: {self.says}"


def _fault(line: str) -> Finding:
    what, _, says = line.partition(": ")
    return Finding(what, says, fault=True)


def check_kernel(word: str, shape: Sequence[str], compile_too: bool = True) -> Iterator[Finding]:
    """Yield findings as they are made; checks that need a missing member are skipped.

    Args:
        word: ``FILE.py`` or ``FILE.py:NAME``.
        shape: ``key=value`` for fields of the kernel.
        compile_too: also compile one configuration per choice for an H100.

    Raises:
        UserError: there is no such file or kernel, or a field is wrong.
    """
    kernel_type = read_kernel_file(word, whole=False).kernel
    missing = [Finding("class", fault, fault=True) for fault in class_faults(kernel_type)]
    yield from missing
    if missing:
        return
    kernel = built(kernel_type, shape)
    yield Finding("class", f"{kernel_type.__name__} is {kernel.name}")
    small = small_of(kernel)
    steps: Sequence[tuple[str, Kernel, Callable[[Kernel], list[str]], str]] = (
        ("inputs", small, stated.input_faults, "finite, and equal for equal seeds"),
        ("reference", small, stated.reference_faults, "finite, with the shapes of the outputs"),
        ("facts", small, stated.fact_faults, "name, flops, bytes and tolerance can be recorded"),
        ("search_space", kernel, stated.space_faults, ""),
        ("default", kernel, stated.default_faults, "is feasible" if getattr(kernel, "default", None) else "none"),
    )
    whole = True
    for what, subject, look, fine in steps:
        faults = look(subject)
        whole = whole and not faults
        for fault in faults:
            yield _fault(fault)
        if not faults:
            yield Finding(what, fine or _size_of(kernel))
    if whole:
        yield from _runs(small)
        if compile_too and not isinstance(kernel, CpuKernel):
            yield from _compiles(kernel)


def class_faults(kernel: type) -> list[str]:
    """Faults of the class itself: missing members, and not being a frozen dataclass."""
    faults = []
    for name in sorted(getattr(kernel, "__abstractmethods__", ())):
        doc = inspect.getdoc(getattr(Kernel, name, None) or getattr(CpuKernel, name, None)) or ""
        faults.append(f"{kernel.__name__}.{name} is missing: {one_line(doc.splitlines()[0]) if doc else 'expected it'}")
    if not callable(getattr(kernel, "search_space", None)):
        faults.append(f"{kernel.__name__}.search_space is missing: expected search_space(device) -> SearchSpace")
    fields_lost = "__dataclass_fields__" not in vars(kernel) and bool(vars(kernel).get("__annotations__"))
    if not is_dataclass(kernel) or fields_lost:
        return [*faults, f"{kernel.__name__} is not a dataclass: expected @dataclass(frozen=True) above it"]
    if not kernel.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        faults.append(f"{kernel.__name__} is mutable: expected @dataclass(frozen=True)")
    if "dtype" not in {field.name for field in fields(kernel)}:
        faults.append(f'{kernel.__name__}.dtype is missing: expected a field such as dtype: str = "bf16"')
    return faults


def built(kernel: type, shape: Sequence[str]) -> Kernel:
    """The kernel built with ``key=value`` for its fields.

    Raises:
        UserError: a field does not exist, a value is of the wrong type, or the class refuses the shape.
    """
    known = {field.name: field for field in fields(kernel)}
    given: dict[str, Any] = {}
    for word in shape:
        key, equals, text = word.partition("=")
        key = key.removeprefix("task.kernel.")
        if not equals or not text:
            raise UserError(f"{word}: expected FIELD=VALUE, with a field of {kernel.__name__}: {', '.join(known)}")
        if key not in known:
            raise UserError(f"{key}={text}: {kernel.__name__} has no such field: expected {near(key, list(known))}")
        given[key] = yaml.safe_load(text)
    check_types("check", kernel, given)
    for name, field in known.items():
        if name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"{name}: {kernel.__name__} has no default for this field: expected {name}=VALUE")
    dtype = given.get("dtype", known["dtype"].default)
    if dtype not in DTYPES:
        raise UserError(f"dtype={dtype}: expected one of {', '.join(DTYPES)}")
    try:
        made = kernel(**given)
    except Exception as error:
        raise UserError(f"{kernel.__name__}: {in_words(error)}") from None
    assert isinstance(made, Kernel)
    return made


def small_of(kernel: Kernel) -> Kernel:
    """The kernel on the first of :data:`SMALL_SHAPES` that it accepts, or on its own shape if it accepts none."""
    numbers = [f.name for f in fields(kernel) if type(getattr(kernel, f.name)) is int]  # type: ignore[arg-type]
    for sizes in SMALL_SHAPES:
        shape = {name: min(getattr(kernel, name), sizes[i % len(sizes)]) for i, name in enumerate(numbers)}
        try:
            small = replace(kernel, **shape)  # type: ignore[type-var]
            if stated.space_of(small).sample_codes(stated.rng(), 1).size and small.name:
                return small
        except Exception:  # it refuses this shape, or its space is empty there; its own shape is checked
            continue
    return kernel


def _size_of(kernel: Kernel) -> str:
    space = stated.large_space_of(kernel)
    names = ", ".join(space.names)
    count = f"{space.size:,} configurations" if space.enumerable else "more configurations than can be enumerated"
    return f"{count} of {len(space.names)} parameters ({names})"


def _runs(kernel: Kernel) -> Iterator[Finding]:
    """Run one configuration per choice and compare the results with the reference."""
    space = stated.space_of(kernel)
    chosen = [space.decode(row) for row in one_of_each(space, CHOICES)]
    if (fault := trial.interpreter_fault(kernel, space)) is not None:
        yield Finding("run", fault, fault=True)
        return
    wrong: dict[str, list[Mapping[str, Any]]] = {}
    for configuration in chosen:
        for fault in _run_faults(kernel, configuration):
            wrong.setdefault(fault, []).append(configuration)
    for fault, configurations in wrong.items():
        yield Finding("run", f"{fault}; {_of(configurations, len(chosen))}, {kernel.name}", fault=True)
    if wrong:
        return
    if isinstance(kernel, CudaKernel):
        yield Finding("run", "CUDA C++ has no interpreter: results are checked when it is measured on a GPU")
    else:
        yield Finding("run", f"{len(chosen)} configurations, one per choice, match the reference on {kernel.name}")
    unread = trial.unread(kernel, space, chosen)
    yield from (_fault(fault) for fault in unread)


def _run_faults(kernel: Kernel, configuration: Mapping[str, Any]) -> list[str]:
    if not isinstance(kernel, CudaKernel):
        fault = trial.run_fault(kernel, configuration, torch.device("cpu"))
        return [] if fault is None else [fault]
    try:
        return trial.plan_faults(kernel, kernel.plan(trial.Watched(configuration), stated.SMALL.sm_count))
    except Exception as error:
        return [f"plan: {in_words(error)}"]


def _compiles(kernel: Kernel) -> Iterator[Finding]:
    """Compile one configuration per choice for an H100; exceeding its resources is not a fault."""
    space = stated.large_space_of(kernel)
    chosen = [space.decode(row) for row in one_of_each(space, CHOICES)]
    try:
        outcomes = list(compiled(kernel, chosen))
    except UserError as error:
        yield Finding("compile", str(error), fault=True)
        return
    wrong: dict[str, list[Mapping[str, Any]]] = {}
    for configuration, outcome in outcomes:
        if outcome.status not in (Status.OK, Status.OUT_OF_RESOURCES):
            wrong.setdefault(f"{outcome.status}: {outcome.message}", []).append(configuration)
    for message, configurations in wrong.items():
        yield Finding("compile", f"{one_line(message, 300)}; {_of(configurations, len(chosen))}", fault=True)
    fine = sum(outcome.status is Status.OK for _, outcome in outcomes)
    too_much = sum(outcome.status is Status.OUT_OF_RESOURCES for _, outcome in outcomes)
    if not wrong and not fine:
        yield Finding(
            "compile", f"all {too_much} need more resources than an H100 has: expected a smaller space", fault=True
        )
    elif not wrong:
        beside = f", {too_much} need more resources than it has" if too_much else ""
        yield Finding("compile", f"{fine} of {len(chosen)} configurations compile for an H100{beside}")


def _of(configurations: Sequence[Mapping[str, Any]], total: int) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in configurations[0].items())
    return f"{len(configurations)} of {total} configurations, such as {shown}"
