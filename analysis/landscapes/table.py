"""The table of ``nearopt landscapes``: compact for the terminal; two tables and the commands in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.landscapes.reference_error import Uncertain
from analysis.landscapes.summary import UNKNOWN, LandscapeSummary
from analysis.media import aligned, markdown, markdown_code, markdown_table, printable
from analysis.reference import HEADLINE_TARGET, TARGETS, Difficulty, stratum

_TARGET_HEADERS = tuple(f"E{100 * target:.0f} (K)" for target in TARGETS)
BY_PARAMETER = f"by parameter {'/'.join(f'{100 * target:.0f}' for target in TARGETS)}%"
UNCERTAIN = f"E{100 * HEADLINE_TARGET:.0f} by reference error"
HEADERS = (
    "landscape",
    "N",
    "failed",
    "t* (ms)",
    *_TARGET_HEADERS,
    BY_PARAMETER,
    UNCERTAIN,
    "stratum",
    "roofline",
    "vendor/t*",
)
RECORDED_HEADERS = ("landscape", "device", "driver", "torch", "triton", "date", "command")


def terminal_table(summaries: Sequence[LandscapeSummary], faults: Mapping[str, str]) -> str:
    """One aligned table with failures as a number; then a line for each unknown number and each file without a summary.

    Args:
        faults: file to the reason why it has no summary.
    """
    rows = [list(HEADERS), *[_cells(s, str(sum(s.failures.values()))) for s in summaries]]
    lines = aligned(rows, left=len(HEADERS))
    told = [*_told(summaries), *(f"{name}: {reason}" for name, reason in faults.items())]
    return "\n".join([*lines, *map(printable, told)])


def markdown_tables(summaries: Sequence[LandscapeSummary], faults: Mapping[str, str]) -> str:
    """The landscapes, how each was recorded (commands by number), and the files without a summary."""
    what = [_cells(s, ", ".join(f"{count} {status}" for status, count in s.failures.items()) or "0") for s in summaries]
    commands = list(dict.fromkeys(s.provenance.command for s in summaries if s.provenance.command != UNKNOWN))
    numbers = {command: str(number) for number, command in enumerate(commands, start=1)}
    recorded = [_recorded(s, numbers.get(s.provenance.command, UNKNOWN)) for s in summaries]
    parts = [markdown_table(HEADERS, what), *map(markdown, _told(summaries))]
    parts.append(markdown_table(RECORDED_HEADERS, recorded))
    if commands:
        parts.append("\n".join(f"{number}. {markdown_code(command)}" for command, number in numbers.items()))
    if faults:
        parts.append(markdown_table(("not listed", "reason"), [[name, reason] for name, reason in faults.items()]))
    return "\n\n".join(parts)


def as_json(summary: LandscapeSummary) -> dict[str, Any]:
    """A landscape for scripts, with the hits and E[T] of both kinds of exact random search, noise-free, by target.

    E[T] is ``null`` if it is infinite (no hits) or unknown; ``by_parameter_unknown`` says why, and is null otherwise.
    The ``stratum`` is by uniform search, ``strata_by_parameter`` are by the other kind; no tuner can be more than E[T]
    times as fast as that random search. ``reference_error`` has the 95% intervals of both kinds of E[T] under the error
    of the recorded latencies; it is null if no error is stated.
    """
    targets = {
        f"{difficulty.target:g}": {
            "hits": difficulty.k,
            "uniform": _finite(difficulty.expected_evaluations),
            "by_parameter": _finite(difficulty.by_parameter),
            "stratum": stratum(difficulty.expected_evaluations),
        }
        for difficulty in summary.difficulties
    }
    return {
        "landscape": summary.task,
        "configurations": summary.n,
        "failed": sum(summary.failures.values()),
        "t_star_ms": summary.t_star_ms,
        "coverage": summary.coverage,
        "by_parameter_unknown": summary.by_parameter_unknown or None,
        "strata_by_parameter": {
            f"{difficulty.target:g}": None if difficulty.by_parameter is None else stratum(difficulty.by_parameter)
            for difficulty in summary.difficulties
        },
        "reference_error": _uncertain(summary.uncertain),
        "targets": targets,
    }


def _uncertain(of: Uncertain | None) -> dict[str, Any] | None:
    if of is None:
        return None
    kinds = {"uniform": of.uniform, "by_parameter": of.by_parameter}
    return {
        "relative_error": of.relative_error,
        "replicates": of.replicates,
        "targets": {
            f"{target:g}": {
                kind: None if (at := values[i]) is None else {"low": at[0], "high": at[1]}
                for kind, values in kinds.items()
            }
            for i, target in enumerate(TARGETS)
        },
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _cells(summary: LandscapeSummary, failed: str) -> list[str]:
    """The cells under ``HEADERS``."""
    return [
        summary.task,
        f"{summary.n}{' sampled' if summary.coverage == 'sample' else ''}",
        failed,
        f"{summary.t_star_ms:.4g}",
        *(_expected(difficulty) for difficulty in summary.difficulties),
        by_parameter_cell(summary.difficulties),
        uncertain_cell(summary.uncertain),
        strata_cell(summary.stratum, summary.difficulties),
        UNKNOWN if np.isnan(summary.roofline) else f"{summary.roofline:.0%}",
        UNKNOWN if np.isnan(summary.vendor) else f"{summary.vendor:.2f}",
    ]


def _expected(difficulty: Difficulty) -> str:
    """E[T] of exact random search, and the number of hits."""
    return f"{difficulty.expected_evaluations:.4g} ({difficulty.k})"


def by_parameter_cell(difficulties: Sequence[Difficulty]) -> str:
    """E[T] of exact random search by parameter at each target: ``1310/478/21.9``; ``–`` if it is not known."""
    known = [None if d.by_parameter is None else f"{d.by_parameter:.4g}" for d in difficulties]
    return "/".join(UNKNOWN if cell is None else cell for cell in known) if any(known) else UNKNOWN


def uncertain_cell(of: Uncertain | None) -> str:
    """95% intervals of E5 under the error of the recorded latencies, uniform and by parameter: ``93-610/40-251``."""
    at = TARGETS.index(HEADLINE_TARGET)
    both = (None, None) if of is None else (of.uniform[at], of.by_parameter[at])
    cells = [UNKNOWN if each is None else f"{_short(each[0])}-{_short(each[1])}" for each in both]
    return "/".join(cells) if any(both) else UNKNOWN


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def strata_cell(uniform: str, difficulties: Sequence[Difficulty]) -> str:
    """The stratum by uniform random search and, if different, by parameter: ``useful/trivial``."""
    known = difficulties[TARGETS.index(HEADLINE_TARGET)].by_parameter
    other = uniform if known is None else stratum(known)
    return uniform if other == uniform else f"{uniform}/{other}"


def _told(summaries: Sequence[LandscapeSummary]) -> list[str]:
    """The lines below the table."""
    return [*unknown_told(summaries), *uncertain_told(summaries)]


def unknown_told(summaries: Sequence[LandscapeSummary]) -> list[str]:
    """Why some landscapes have no E[T] by parameter, one line per reason."""
    reasons: dict[str, list[str]] = {}
    for summary in summaries:
        if summary.by_parameter_unknown:
            reasons.setdefault(summary.by_parameter_unknown, []).append(summary.task)
    return [f"by parameter {UNKNOWN} on {', '.join(tasks)}: {reason}" for reason, tasks in reasons.items()]


def uncertain_told(summaries: Sequence[LandscapeSummary]) -> list[str]:
    """What the intervals of E5 are based on, one line for each stated error."""
    stated = {(s.uncertain.relative_error, s.uncertain.replicates) for s in summaries if s.uncertain is not None}
    return [
        f"{UNCERTAIN} (uniform/by parameter): 95%, each recorded latency uncertain by {100 * error:.3g}%, "
        f"{replicates} disturbed tables"
        for error, replicates in sorted(stated)
    ]


def _recorded(summary: LandscapeSummary, command: str) -> list[str]:
    """The cells under ``RECORDED_HEADERS``; one command may have recorded several landscapes."""
    p = summary.provenance
    return [summary.task, p.device, p.driver, p.torch, p.triton, p.date, command]
