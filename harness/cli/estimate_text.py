"""The estimate of a sweep as text for the terminal."""

from __future__ import annotations

from harness.cli.text_table import aligned
from harness.study.estimate import Estimate, GroupEstimate


def format_estimate(estimate: Estimate) -> str:
    """A row per task and strategy, totals, and the source of the numbers."""
    heads = ["task", "strategy", "costs from", "runs", "done", "failed", "to do", "evaluations"]
    held = ["run min" if estimate.shared else f"{estimate.device} min", "measuring min"]
    heads += held if estimate.on_device else ["CPU min"]
    body = [_row(group, estimate.on_device) for group in estimate.groups]
    return "\n".join([*aligned([heads, *body, _total(estimate)], left=3), *_notes(estimate)])


def _row(group: GroupEstimate, on_device: bool) -> list[str]:
    counts = [group.runs, group.done, group.left, group.open]
    evaluations = "?" if group.evaluations is None else str(group.evaluations)
    costs = [group.clock_s, group.measuring_s] if on_device else [group.cpu_s]
    return [group.task, group.label, group.source, *map(str, counts), evaluations, *map(_minutes, costs)]


def _total(estimate: Estimate) -> list[str]:
    groups = estimate.groups
    counts = [sum(getattr(group, name) for group in groups) for name in ("runs", "done", "left", "open")]
    evaluations = sum(group.evaluations or 0 for group in groups)
    costs = [estimate.clock_s, estimate.measuring_s] if estimate.on_device else [estimate.cpu_s]
    return ["total", "", "", *map(str, counts), str(evaluations), *map(_minutes, costs)]


def _notes(estimate: Estimate) -> list[str]:
    groups = estimate.groups
    to_do = sum(group.open for group in groups)
    wall = "not known" if to_do and estimate.unknown == to_do else _wall(estimate.wall_s)
    lines = [f"wall time: {wall}, {estimate.jobs} at once; nothing was started or written"]
    if 0 < estimate.unknown < to_do:
        lines.append(f"not included: {estimate.unknown} runs of unknown cost")
    if estimate.shared:
        gpus = "the GPU that the runs share is" if estimate.gpus == 1 else f"the {estimate.gpus} GPUs of the runs are"
        lines.append(f"{gpus} held for {_wall(estimate.wall_s)}")
    if estimate.on_device:
        lines.append("configurations as random search draws them; starting a run's processes comes on top")
    if any(group.left for group in groups):
        lines.append("failed runs are skipped unless resume=retry_failed is given")
    return lines


def _minutes(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds / 60:.1f}"


def _wall(seconds: float) -> str:
    return f"about {seconds / 60:.1f} min" if seconds < 2 * 3600 else f"about {seconds / 3600:.1f} h"
