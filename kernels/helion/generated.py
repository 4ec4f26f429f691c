"""From a Helion configuration to a plan: generate the Triton code, and see how its host function launches it.

The code of a configuration is generated once a cache folder, by whichever compile worker needs it first; the GPU
process only reads it. Generating costs 10-100 ms, of which nothing may happen beside a measurement.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from kernels.base import Buffer, Descriptor, Launch, Plan, Scalar, Scratch

CODE_FOLDER = "helion"
BUFFER, DESCRIPTOR, SCALAR = "buffer", "descriptor", "scalar"

Call = dict[str, Any]
"""One launch as JSON: the kernel's name, its grid, positional arguments and options."""
Document = dict[str, Any]
"""The calls of a host function, and the scratch tensors that it makes for them."""


def code_folder() -> Path:
    """Where generated code lies: beside Triton's cache, which is private to a run, or in a folder of this process."""
    triton_cache = os.environ.get("TRITON_CACHE_DIR")
    return Path(triton_cache) / CODE_FOLDER if triton_cache else Path(_own_folder().name)


@cache
def _own_folder() -> TemporaryDirectory[str]:
    """Goes away with the process."""
    return TemporaryDirectory(prefix="nearopt-helion-")


def generated_plan(key: str, generate: Callable[[], str], launches: Callable[[Any], Document]) -> Plan:
    """The plan of generated code.

    Args:
        key: names configuration, kernel, target and versions.
        generate: makes the code; called where the cache has none.
        launches: what the code, as a module, launches (:func:`record_calls`); called where the cache does not know.
    """
    stem = code_folder() / hashlib.sha256(key.encode()).hexdigest()[:32]
    code, calls = stem.with_suffix(".py"), stem.with_suffix(".json")
    if not calls.exists():
        if not code.exists():
            _write(code, generate())
        _write(calls, json.dumps(launches(_module(code))))
    return plan_of(json.loads(calls.read_text(encoding="utf-8")), vars(_module(code)))


def _write(path: Path, text: str) -> None:
    """Atomically: another worker may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _module(path: Path) -> Any:
    """The code as a module; Triton reads its functions' source from the file."""
    spec = importlib.util.spec_from_file_location(f"nearopt_generated_{path.stem}", path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record_calls(host: Callable[..., Any], tensors: Mapping[str, torch.Tensor], outputs: tuple[str, ...]) -> Document:
    """What a host function launches.

    Args:
        host: called on ``tensors`` with a launcher that only takes notes.
        tensors: its arguments by buffer name, in order; they need no storage.
        outputs: the buffers' names of what it returns, in order.

    Raises:
        ValueError: an argument that is neither a whole tensor, nor a descriptor of one, nor a number.
    """
    seen: list[tuple[Any, tuple[int, ...], tuple[Any, ...], dict[str, Any]]] = []

    def launcher(kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
        seen.append((kernel, grid, arguments, options))

    returned = host(*tensors.values(), _launcher=launcher)
    results = returned if isinstance(returned, tuple) else (returned,)
    names = {_storage(tensor): name for name, tensor in tensors.items()}
    names |= {_storage(tensor): name for name, tensor in zip(outputs, results, strict=True)}
    scratch: dict[str, tuple[list[int], str]] = {}
    calls: list[Call] = []
    for kernel, grid, arguments, options in seen:
        listed = [_argument(value, names, scratch) for value in arguments]
        kept = {name: value for name, value in options.items() if value is not None and value is not False}
        calls.append({"kernel": kernel.__name__, "grid": list(grid), "arguments": listed, "options": kept})
    return {"calls": calls, "scratch": scratch}


def _storage(tensor: torch.Tensor) -> int:
    """Views of one tensor are the same buffer."""
    return int(tensor.untyped_storage()._cdata)


def _argument(value: Any, names: dict[int, str], scratch: dict[str, tuple[list[int], str]]) -> tuple[str, Any]:
    if isinstance(value, torch.Tensor):
        storage = _storage(value)
        if storage not in names:
            names[storage] = f"scratch_{len(scratch)}"
            scratch[names[storage]] = (list(value.shape), str(value.dtype).removeprefix("torch."))
        if value.storage_offset():
            raise ValueError(f"generated code launches with a part of {names[storage]}: expected a whole tensor")
        return BUFFER, names[storage]
    if type(value).__name__ == "TensorDescriptor":
        _, buffer = _argument(value.base, names, scratch)
        if value.padding != "zero" or getattr(value, "round_f32_to_tf32", False):
            raise ValueError(f"generated code launches with {value!r}: expected a descriptor that pads with zeros")
        numbers = {name: [int(n) for n in getattr(value, name)] for name in ("shape", "strides", "block_shape")}
        return DESCRIPTOR, {"buffer": buffer, **numbers}
    if value is None or isinstance(value, int | float):
        return SCALAR, value
    raise ValueError(f"generated code launches with {value!r}: expected a tensor, a descriptor or a number")


def _made(kind: str, value: Any) -> Buffer | Descriptor | Scalar:
    if kind == DESCRIPTOR:
        shape, strides, block = (tuple(value[name]) for name in ("shape", "strides", "block_shape"))
        return Descriptor(Buffer(value["buffer"]), shape, strides, block)
    made: Buffer | Scalar = Buffer(value) if kind == BUFFER else value
    return made


def plan_of(document: Mapping[str, Any], namespace: Mapping[str, Any]) -> Plan:
    """The plan that recorded calls stand for; ``namespace`` has their kernels."""
    scratch = {
        name: Scratch(tuple(shape), getattr(torch, dtype)) for name, (shape, dtype) in document["scratch"].items()
    }
    return Plan(tuple(_launch(call, namespace) for call in document["calls"]), scratch)


def _launch(call: Call, namespace: Mapping[str, Any]) -> Launch:
    kernel = namespace[call["kernel"]]
    arguments: dict[str, Buffer | Descriptor | Scalar] = {}
    constants: dict[str, Any] = {}
    for (name, constant), (kind, value) in zip(_parameters(kernel), call["arguments"], strict=False):
        if constant:
            constants[name] = value
        else:
            arguments[name] = _made(kind, value)
    x, y, z = (*call["grid"], 1, 1)[:3]
    return Launch(kernel, (x, y, z), arguments, constants, call["options"])


def _parameters(kernel: Any) -> list[tuple[str, bool]]:
    """Name of each parameter and whether it is a compile-time constant, interpreted or not."""
    if hasattr(kernel, "params"):
        return [(parameter.name, parameter.is_constexpr) for parameter in kernel.params]
    return [(p.name, "constexpr" in str(p.annotation)) for p in signature(kernel.fn).parameters.values()]
