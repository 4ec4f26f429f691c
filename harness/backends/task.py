"""Build the kernel, space and device of a configured task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from harness.config.own_space import OwnSpace
from harness.config.targets import check_takes, instantiate_target
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.measure.cpu.device import cpu_device
from harness.measure.device import AccelDevice, NoDevice, probe_device, probe_devices
from harness.measure.timing import Timing
from harness.measure.work import SessionOptions
from kernels.base import Kernel
from kernels.cpu import CpuKernel
from search_spaces.space import SearchSpace


def kernel_fields(kernel: Kernel) -> dict[str, Any]:
    """The kernel's class and its shape and dtype by field name."""
    return {"_target_": f"{type(kernel).__module__}.{type(kernel).__qualname__}", **asdict(kernel)}  # type: ignore[call-overload]


class NoGpu(UserError):
    """A live task's kernel needs a GPU, and there is none."""


def find_device() -> AccelDevice:
    """This machine's GPU.

    Raises:
        NoGpu: there is no GPU.
    """
    try:
        return probe_device()
    except NoDevice as error:
        raise NoGpu(f"backend=live: no usable GPU: {error}") from None


def find_devices() -> list[AccelDevice]:
    """The visible GPUs of the first one's model.

    Raises:
        UserError: there is no GPU.
    """
    first = find_device()
    return [device for device in probe_devices() if device.name == first.name]


def device_of(task: TaskSpec) -> AccelDevice:
    """The device of this machine that a task's kernel runs on.

    Raises:
        UserError: the kernel needs a GPU and there is none, or it cannot be built.
    """
    return cpu_device() if runs_on_cpu(task) else find_device()


def runs_on_cpu(task: TaskSpec) -> bool:
    """Whether a task's kernel is a :class:`kernels.cpu.CpuKernel`.

    Raises:
        UserError: the kernel cannot be built.
    """
    return isinstance(build_kernel(task), CpuKernel)


def build_kernel(task: TaskSpec) -> Kernel:
    """The kernel of a configured task.

    Raises:
        UserError: its target cannot be imported, does not accept its arguments, or is not a kernel.
    """
    if not task.kernel:
        raise UserError(f"task={task.name}: has no kernel: expected a task of conf/task")
    check_takes("task.kernel", task.kernel)
    kernel = instantiate_target("task.kernel", task.kernel, any_error=True)
    if not isinstance(kernel, Kernel):
        raise UserError(f"task.kernel={task.kernel.get('_target_')}: expected a kernels.base.Kernel")
    return kernel


def build_task(task: TaskSpec, device: AccelDevice) -> tuple[Kernel, SearchSpace]:
    """The kernel of a configured task, and its space for a device.

    Raises:
        UserError: the task's targets cannot be imported or do not accept their arguments, or nothing is feasible.
    """
    kernel = build_kernel(task)
    space = _space(task, kernel, device)
    if space.enumerable and not space.size:
        raise UserError(
            f"task={kernel.name}: no configuration is feasible: expected another shape, or fewer constraints"
        )
    return kernel, space


def _space(task: TaskSpec, kernel: Kernel, device: AccelDevice) -> SearchSpace:
    if not task.space and isinstance(kernel, OwnSpace):
        return kernel.search_space(device.limits())
    if not task.space:
        raise UserError(f"task={task.name}: has no search space: expected task.space, or search_space in its kernel")
    shape = {field.name: getattr(kernel, field.name) for field in fields(kernel)}  # type: ignore[arg-type]
    space = instantiate_target("task.space", task.space, any_error=True, **{**shape, "device": device.limits()})
    if not isinstance(space, SearchSpace):
        raise UserError(f"task.space={task.space.get('_target_')}: expected a function that returns a SearchSpace")
    return space


def session_options(
    seed: int,
    compile_workers: int | None = None,
    compile_timeout_s: float = 10.0,
    run_timeout_s: float = 10.0,
    timing: Mapping[str, Any] | None = None,
    *,
    share_device: bool = False,
) -> SessionOptions:
    """Options from the values of ``conf/backend/live.yaml``; ``seed`` is the seed of the kernel's inputs.

    Raises:
        UserError: a value is out of range, or a field of ``timing`` is unknown.
    """
    workers: dict[str, Any] = {} if compile_workers is None else {"compile_workers": compile_workers}
    try:
        how = Timing(**(timing or {}))
    except TypeError as error:
        raise UserError(f"backend.timing={timing}: {error}") from None
    return SessionOptions(
        **workers,
        compile_timeout_s=compile_timeout_s,
        run_timeout_s=run_timeout_s,
        seed=seed,
        timing=how,
        share_device=share_device,
    )
