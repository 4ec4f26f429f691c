"""Labels of a sweep's variants: ``lfbo(gamma=0.3)`` where a strategy's argument, or ``start``, is given as a list.

A run with a source has it in its label: ``warm(source=sibling)``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.config.overrides import ARGUMENTS, LABEL, TARGET
from harness.config.schema import RunConfig
from harness.system.digest import digest

OWN, START = "strategy.", "start"
SOURCES = ("source", "source_evaluations", "source_runs")
LONGEST_VALUE, LONGEST_SUFFIX = 24, 60
ALLOWED = frozenset("_.+-")


def swept_arguments(overrides: Sequence[tuple[str, bool]]) -> list[str]:
    """The strategy's arguments, and ``start``, that are given as lists; empty if a label is given.

    Args:
        overrides: for each its key, and whether its value is a list or a range.
    """
    keys = [(key.lstrip("+"), listed) for key, listed in overrides]
    if any(key == LABEL for key, _ in keys):
        return []
    return [key for key, listed in keys if listed and (key == START or key.startswith(OWN)) and key != TARGET]


def labelled(runs: Sequence[RunConfig], chosen: Sequence[Mapping[str, str]], keys: Sequence[str]) -> list[RunConfig]:
    """The runs of a sweep, each with the arguments in its label that distinguish it.

    An argument is left out if the strategy's own YAML already has it in the label. A run's label depends only on
    its own values, so that a longer list does not rename the other runs.

    Args:
        chosen: for each run the text of every override, by key.
        keys: of :func:`swept_arguments`.
    """
    named = [key for key in keys if not _in_label_already(runs, chosen, key)]
    return [_with_suffix(run, [*named, *_sources(run)]) for run in runs]


def label_given(overrides: Sequence[str]) -> bool:
    """Whether the overrides contain a label, to which nothing is added then."""
    return any(override.lstrip("+").startswith(f"{LABEL}=") for override in overrides)


def labelled_alone(run: RunConfig) -> RunConfig:
    """A single run, outside a sweep, with its source in its label."""
    return _with_suffix(run, _sources(run))


def _with_suffix(run: RunConfig, keys: Sequence[str]) -> RunConfig:
    return replace(run, label=f"{run.label}({_suffix(run, keys)})") if keys else run


def _sources(run: RunConfig) -> list[str]:
    """The options of :data:`SOURCES` that a run sets."""
    if run.source is None:
        return []
    return [key for key in SOURCES if _given(run, key) is not None]


def _in_label_already(runs: Sequence[RunConfig], chosen: Sequence[Mapping[str, str]], key: str) -> bool:
    """Whether runs that differ only in this argument already have different labels."""
    by_rest: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for run, choices in zip(runs, chosen, strict=True):
        rest = tuple(sorted((name, value) for name, value in choices.items() if name != key))
        by_rest.setdefault(rest, {})[choices[key]] = run.label
    return all(len(set(labels.values())) == len(labels) for labels in by_rest.values()) and any(
        len(labels) > 1 for labels in by_rest.values()
    )


def _suffix(run: RunConfig, keys: Sequence[str]) -> str:
    pairs = [(_short(key), _given(run, key)) for key in sorted(keys)]
    whole = ",".join(f"{name}={_value(value)}" for name, value in pairs)
    return whole if len(whole) <= LONGEST_SUFFIX else f"{len(pairs)}-arguments-{digest(pairs)[:10]}"


def _short(key: str) -> str:
    return _plain(key.removeprefix(ARGUMENTS).removeprefix(OWN))


def _given(run: RunConfig, key: str) -> Any:
    if key == START:
        return None if run.start is None else run.start.option
    if key in SOURCES:
        source = run.source
        return (
            source
            and {"source": source.short, "source_evaluations": source.evaluations, "source_runs": source.runs}[key]
        )
    return _argument(run.strategy, key.removeprefix(OWN).split("."))


def _argument(strategy: Any, path: Sequence[str]) -> Any:
    for part in path:
        strategy = strategy[part] if isinstance(strategy, Mapping) else strategy[int(part)]
    return strategy


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    plain = _plain(text)
    if plain == text and len(text) <= LONGEST_VALUE:
        return text
    return f"{plain[: LONGEST_VALUE - 9]}-{digest(value)[:8]}"


def _plain(text: str) -> str:
    kept: Callable[[str], bool] = lambda c: c.isascii() and (c.isalnum() or c in ALLOWED)  # noqa: E731
    return "".join(c if kept(c) else "-" for c in text)
