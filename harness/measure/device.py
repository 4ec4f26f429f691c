"""Facts about the accelerator that a measurement was made on."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from search_spaces.device import DeviceLimits

# Dense bf16/fp16 matrix rate in FLOP/s and memory bandwidth in bytes/s, from the vendor's datasheets (SXM).
DATASHEET: Mapping[str, tuple[float, float]] = {
    "a100": (312e12, 2.04e12),
    "h100": (989e12, 3.35e12),
    "h200": (989e12, 4.8e12),
    "b200": (2250e12, 8.0e12),
}

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
"""Environment variable with the devices that a process sees, by UUID or number; the driver reads it on first use."""

NVIDIA_SMI_FIELDS = (
    "uuid", "driver_version", "clocks.sm", "clocks.mem", "clocks.max.sm", "temperature.gpu", "power.draw",
    "power.limit",
)  # fmt: skip
NVIDIA_SMI_EXTRAS = ("mig.mode.current", "clocks_event_reasons.active")
"""Fields that some versions lack; one unknown field makes the whole query fail."""


def device_slug(name: str) -> str:
    """Short name for files: ``h100`` from ``NVIDIA H100 80GB HBM3``; otherwise the whole name in kebab case."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    models = [word for word in words if re.fullmatch(r"[a-z]{1,3}\d{2,4}[a-z]?", word) and word != "hbm3"]
    return models[0] if models else "-".join(word for word in words if word != "nvidia") or "gpu"


@dataclass(frozen=True, slots=True)
class AccelDevice:
    """One accelerator.

    Attributes:
        name, slug: the driver's name and the short one used in file names.
        capability: compute capability as one number, 90 for 9.0; 0 for a CPU.
        sm_count: streaming multiprocessors.
        shared_memory_bytes: most shared memory that a block may request.
        l2_bytes, memory_bytes: cache and device memory.
        peak_flops, peak_bytes_per_s: datasheet rates (dense 16-bit matrix FLOP/s, bytes/s); 0 if unknown.
        uuid, driver: identify card and driver.
    """

    name: str
    slug: str
    capability: int
    sm_count: int
    shared_memory_bytes: int
    l2_bytes: int
    memory_bytes: int
    max_threads_per_block: int = 1024
    registers_per_sm: int = 65_536
    warp_size: int = 32
    peak_flops: float = 0.0
    peak_bytes_per_s: float = 0.0
    uuid: str = ""
    driver: str = ""

    @property
    def kind(self) -> str:
        """``GPU`` or ``CPU``, for messages."""
        return "GPU" if self.capability else "CPU"

    def limits(self) -> DeviceLimits:
        """The limits from which a search space's constraints are derived."""
        return DeviceLimits(
            sm_count=self.sm_count,
            shared_memory_bytes=self.shared_memory_bytes,
            max_threads_per_block=self.max_threads_per_block,
            registers_per_sm=self.registers_per_sm,
            warp_size=self.warp_size,
        )

    def to_json(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return asdict(self)


class NoDevice(RuntimeError):
    """There is no usable GPU; the message says why in one line."""


_ATTRIBUTES = {  # CUdevice_attribute in cuda.h
    "max_threads_per_block": 1,
    "warp_size": 10,
    "sm_count": 16,
    "l2_bytes": 38,
    "major": 75,
    "minor": 76,
    "registers_per_sm": 82,
    "shared_memory_bytes": 97,
}


def probe_device(library: str = "libcuda.so.1") -> AccelDevice:
    """The first visible device; see :func:`probe_devices`."""
    return probe_devices(library)[0]


def probe_devices(library: str = "libcuda.so.1") -> list[AccelDevice]:
    """The visible devices as the driver describes them. Creates no CUDA context, so any process may call it.

    Args:
        library: the CUDA driver library.

    Raises:
        NoDevice: no driver, no GPU, or a driver that answers with an error.
    """
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        raise NoDevice(f"{library} cannot be loaded: is an NVIDIA driver installed?") from None
    _call(cuda, "cuInit", 0)
    count = ctypes.c_int()
    _call(cuda, "cuDeviceGetCount", ctypes.byref(count))
    if count.value < 1:
        raise NoDevice("the driver shows no GPU")
    return [_described(cuda, ordinal) for ordinal in range(count.value)]


def _call(cuda: ctypes.CDLL, name: str, *arguments: Any) -> None:
    code = getattr(cuda, name)(*arguments)
    if code:
        raise NoDevice(f"{name} failed with CUDA error {code}")


def _described(cuda: ctypes.CDLL, ordinal: int) -> AccelDevice:
    handle, total = ctypes.c_int(), ctypes.c_size_t()
    text, uuid = ctypes.create_string_buffer(256), ctypes.create_string_buffer(16)
    _call(cuda, "cuDeviceGet", ctypes.byref(handle), ordinal)
    _call(cuda, "cuDeviceGetName", text, 256, handle)
    _call(cuda, "cuDeviceTotalMem_v2", ctypes.byref(total), handle)
    _call(cuda, "cuDeviceGetUuid", uuid, handle)
    facts: dict[str, int] = {}
    for name, attribute in _ATTRIBUTES.items():
        value = ctypes.c_int()
        _call(cuda, "cuDeviceGetAttribute", ctypes.byref(value), attribute, handle)
        facts[name] = value.value
    major, minor = facts.pop("major"), facts.pop("minor")
    name = text.value.decode(errors="replace")
    slug = device_slug(name)
    peak_flops, peak_bytes_per_s = DATASHEET.get(slug, (0.0, 0.0))
    return AccelDevice(
        name=name,
        slug=slug,
        capability=major * 10 + minor,
        memory_bytes=total.value,
        peak_flops=peak_flops,
        peak_bytes_per_s=peak_bytes_per_s,
        uuid=f"GPU-{UUID(bytes=uuid.raw)}",
        driver=driver_version(),
        **facts,
    )


def driver_version() -> str:
    """The kernel driver's version, or an empty string."""
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:  # noqa: PTH123
            version = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", file.read())
            return version.group(1) if version else ""
    except OSError:
        return nvidia_smi().get("driver_version", "")


def nvidia_smi(uuid: str = "") -> dict[str, str]:
    """Current clocks, temperature, power and throttling of a GPU (default: the first); empty if they cannot be read."""
    return _query(uuid, (*NVIDIA_SMI_FIELDS, *NVIDIA_SMI_EXTRAS)) or _query(uuid, NVIDIA_SMI_FIELDS)


def _query(uuid: str, names: tuple[str, ...]) -> dict[str, str]:
    command = ["nvidia-smi", "-i", uuid or "0", "--format=csv,noheader", f"--query-gpu={','.join(names)}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in answer.strip().split("\n", maxsplit=1)[0].split(",")]
    return dict(zip(names, values, strict=True)) if len(values) == len(names) else {}
