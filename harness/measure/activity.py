"""How the time of measuring was spent, and what limited it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Activity:
    """How an engine spent its time, in wall seconds unless stated otherwise, summed over several GPUs.

    Attributes:
        wall_s: from the first configuration to the last result.
        gpus: number of measuring devices.
        what: kind of device, GPU or CPU.
        verify_s, benchmark_s: seconds of work of the GPU processes; their sum over ``wall_s * gpus`` is the busy
            fraction.
        compile_wait_s: GPU processes idle because nothing was compiled yet.
        idle_s: GPU processes waiting for their next job, by their own clocks.
        setup_s: GPU processes warming up after idle times, and building launchers.
        respawn_s: GPU processes starting or being replaced.
        compile_charged_s, compile_spent_s: CPU seconds charged, and actually spent (the cache saves some).
        compile_timeouts, compile_cut_s: number of compiles that were cut off, and the wall seconds they had used.
        compile_longest_s: CPU seconds of the longest compile that ended by itself.
        compile_workers, compile_busy_s: number of workers, and the wall seconds that they worked, summed over them.
        aliases: configurations that run the same machine code as an earlier one.
        finished: number of results so far.
    """

    wall_s: float = 0.0
    gpus: int = 1
    verify_s: float = 0.0
    benchmark_s: float = 0.0
    compile_wait_s: float = 0.0
    idle_s: float = 0.0
    setup_s: float = 0.0
    respawn_s: float = 0.0
    compile_charged_s: float = 0.0
    compile_spent_s: float = 0.0
    compile_timeouts: int = 0
    compile_cut_s: float = 0.0
    compile_longest_s: float = 0.0
    compile_workers: int = 0
    compile_busy_s: float = 0.0
    aliases: int = 0
    finished: int = 0
    what: str = "GPU"

    @property
    def busy_fraction(self) -> float:
        """Share of the wall time in which the GPU processes checked or timed something."""
        return (self.verify_s + self.benchmark_s) / (self.wall_s * self.gpus) if self.wall_s else 0.0

    @property
    def handoff_s(self) -> float:
        """Seconds in which GPU processes waited although something was compiled."""
        return max(0.0, self.idle_s - self.compile_wait_s)

    @property
    def rate(self) -> float:
        """Results per wall second."""
        return self.finished / self.wall_s if self.wall_s else 0.0

    @property
    def compile_limit(self) -> float:
        """Results per second if the compile workers never waited; inf if they did nothing."""
        return self.finished * self.compile_workers / self.compile_busy_s if self.compile_busy_s else float("inf")

    @property
    def device_limit(self) -> float:
        """Results per second if the GPU processes never waited; inf if they did nothing."""
        busy_s = self.verify_s + self.benchmark_s
        return self.finished * self.gpus / busy_s if busy_s else float("inf")
