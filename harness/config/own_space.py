"""Tasks of kernels that define their own search space, as entry points of ``nearopt.kernels`` do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Protocol, runtime_checkable

from harness.config.targets import target_object
from harness.config.task import KERNEL_NAME
from harness.errors import UserError
from harness.system.text import one_line
from kernels.base import Kernel
from search_spaces.device import DeviceLimits
from search_spaces.space import SearchSpace


@runtime_checkable
class OwnSpace(Protocol):
    """The member that such a kernel has beyond :class:`kernels.base.Kernel`.

    A class attribute ``default`` may hold the configuration to use without tuning.
    """

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        """The space for the kernel's shape on a device."""
        ...


def task_node(where: str, target: str, kernel: Any) -> dict[str, Any]:
    """The configuration of such a kernel's task, in place of a YAML.

    Raises:
        UserError: the target is not a kernel, or has no search space.
    """
    if not (isinstance(kernel, type) and issubclass(kernel, Kernel)):
        raise UserError(f"{where}: {target}: expected a class derived from kernels.base.Kernel")
    if not callable(getattr(kernel, "search_space", None)):
        raise UserError(f"{where}: {target}: has no search_space(device): expected one, or a YAML with the space")
    return {
        "name": f"${{{KERNEL_NAME}:${{.kernel}}}}",
        "kernel": {"_target_": target, **field_values(kernel)},
        "space": {"_target_": f"{own_space.__module__}.{own_space.__qualname__}", "kernel_target": target},
        "default": dict(getattr(kernel, "default", {})),
    }


def kernel_name(kernel: Mapping[str, Any]) -> str:
    """The name of a configured kernel's task.

    Raises:
        UserError: a field has no value, or the kernel refuses a value.
    """
    fields = {name: value for name, value in kernel.items() if name != "_target_"}
    for name, value in fields.items():
        if value == "???":
            raise UserError(f"task.kernel.{name}: missing: expected task.kernel.{name}=VALUE")
    try:
        return str(target_object("task.kernel._target_", kernel["_target_"])(**fields).name)
    except UserError:
        raise
    except Exception as error:  # a user's class may raise anything on its arguments
        raise UserError(f"task.kernel: {kernel['_target_']}: {one_line(error, 400)}") from error


def own_space(*, kernel_target: str, device: DeviceLimits, **shape: Any) -> SearchSpace:
    """Build the search space that a kernel defines itself, for a shape and a device."""
    kernel = target_object("task.space.kernel_target", kernel_target)(**shape)
    assert isinstance(kernel, OwnSpace)
    return kernel.search_space(device)


def field_values(kernel: type) -> dict[str, Any]:
    """The fields of a kernel's dataclass with their defaults; a field without a default has ``???``, Hydra's
    *missing*."""
    if not is_dataclass(kernel):
        return {}
    return {field.name: "???" if field.default is MISSING else field.default for field in fields(kernel) if field.init}
