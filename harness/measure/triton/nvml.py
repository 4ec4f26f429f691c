"""The device's clock, temperature and reasons for lower clocks, read through NVML; settings are never changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.evaluation import DeviceState

REASONS = {  # nvmlClocksEventReasons in nvml.h
    0x01: "gpu_idle",
    0x02: "applications_clocks_setting",
    0x04: "sw_power_cap",
    0x08: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
HARMLESS = 0x01 | 0x02 | 0x100
"""Reasons that are ignored: an idle device between launches and permanent settings are not temporary slow-downs."""


class DeviceMonitor:
    """Reads the state of the device with a UUID. Without NVML, or without the device, every reading is ``None``."""

    def __init__(self, uuid: str) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
            self._nvml = pynvml
        except Exception as error:
            print(f"NVML: {type(error).__name__}: {error}")

    def read(self) -> DeviceState | None:
        """The state now, ``None`` where it cannot be read."""
        nvml = self._nvml
        if nvml is None:
            return None
        try:
            return DeviceState(
                sm_clock_mhz=int(nvml.nvmlDeviceGetClockInfo(self._handle, nvml.NVML_CLOCK_SM)),
                temperature_c=int(nvml.nvmlDeviceGetTemperature(self._handle, nvml.NVML_TEMPERATURE_GPU)),
                throttle_reasons=int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle)),
            )
        except nvml.NVMLError as error:
            print(f"NVML: {error}")
            self._nvml = None
            return None


def around(before: DeviceState | None, after: DeviceState | None) -> DeviceState | None:
    """The worse of two readings in every respect; ``None`` if either is missing."""
    if before is None or after is None:
        return None
    return DeviceState(
        sm_clock_mhz=min(before.sm_clock_mhz, after.sm_clock_mhz),
        temperature_c=max(before.temperature_c, after.temperature_c),
        throttle_reasons=before.throttle_reasons | after.throttle_reasons,
    )


def describe_states(states: Iterable[DeviceState]) -> str:
    """Ranges of clock and temperature, and counts of measurements by slow-down; empty without states."""
    known = list(states)
    if not known:
        return ""
    clocks, temperatures = ([getattr(s, name) for s in known] for name in ("sm_clock_mhz", "temperature_c"))
    counts = {
        name: sum(bool(state.throttle_reasons & bit) for state in known)
        for bit, name in REASONS.items()
        if not bit & HARMLESS
    }
    met = ", ".join(f"{name} at {count}" for name, count in counts.items() if count) or "none"
    return (
        f"SM clock {min(clocks)}-{max(clocks)} MHz, {min(temperatures)}-{max(temperatures)} °C; "
        f"slow-downs of {len(known)} measurements: {met}"
    )
