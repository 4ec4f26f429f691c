"""The request of one ``nearopt gate``, from its options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.compose import Composer
from harness.errors import UserError
from harness.gate.runner import Runner, runner
from harness.gate.sides import Folder, Law, Names, as_file, as_folder, as_law
from harness.gate.suite import Suite, load_suite
from harness.system.digest import digest
from harness.system.resources import baseline_directory, new_baseline_directory

Side = Runner | Folder | Path
"""A side of the gate: a strategy to run, existing runs, or a baseline file."""
Reader = Callable[[Sequence[Path]], tuple[Sequence[Any], Mapping[Path, str], Mapping[str, Any]]]
"""Reads the finished runs below folders, each with its ``config``, the damaged ones, and the environment of one run."""


@dataclass(frozen=True)
class Request:
    """A gate to run, or a baseline to write.

    Attributes:
        baseline: the baseline side; ``None`` for an update.
        new: the folder to write the candidate's baseline to.
    """

    suite: Suite
    candidate: Side
    baseline: Side | Law | None
    new: Path


def request(arguments: argparse.Namespace, consolidated: Names) -> Request:
    """Build the request, checking all that can be checked before anything runs.

    Args:
        consolidated: see :func:`~harness.gate.sides.as_folder`.

    Raises:
        UserError: an option or argument is wrong.
    """
    suite = load_suite(arguments.suite)
    suite = suite if arguments.seeds is None else suite.upto(arguments.seeds)
    for name in ("json", "junit", "markdown"):
        file = getattr(arguments, name)
        if file is not None and (file.is_dir() or not file.parent.is_dir()):
            raise UserError(f"--{name} {file}: expected a file in a folder that exists")
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: expected 1 or more")
    if arguments.update_baseline == (arguments.against is not None):
        raise UserError("nearopt gate: expected --against BASELINE, or --update-baseline, and not both")
    baselines = arguments.baselines or baseline_directory()
    if arguments.baselines is not None and not arguments.update_baseline and not baselines.is_dir():
        raise UserError(f"--baselines {baselines}: expected a folder")

    def side(word: str, overrides: list[str], committed: bool) -> Side:
        existing = as_file(word, baselines, committed) or as_folder(word, suite, consolidated)
        if existing is None:
            composer = Composer(arguments.config_dir)
            keep_diff = not arguments.no_diff
            return runner(word, overrides, suite, arguments.results, arguments.jobs, composer, keep_diff)
        if overrides:
            raise UserError(f"{overrides[0]}: {word} already has runs and takes no overrides")
        return existing

    new = arguments.baselines or new_baseline_directory()
    if as_law(arguments.candidate):
        raise UserError(f"{arguments.candidate}: is a law and has no runs: expected a strategy or a results folder")
    candidate = side(arguments.candidate, arguments.overrides, committed=False)
    if arguments.update_baseline:
        if isinstance(candidate, Path):
            raise UserError(f"{candidate}: is already a baseline: expected a strategy or a results folder")
        return Request(suite, candidate, None, new)
    if law := as_law(arguments.against):
        if arguments.rerun or arguments.against_override:
            option = "--rerun" if arguments.rerun else f"--against-override {arguments.against_override[0]}"
            raise UserError(f"{option}: {law.name} is a law, which needs no runs: expected a strategy after --against")
        return Request(suite, candidate, law, new)
    run_it = arguments.rerun or bool(arguments.against_override)
    baseline = side(arguments.against, arguments.against_override, committed=not run_it)
    return Request(suite, candidate, baseline, new)


def made_with(suite: Suite, side: Side | Law, read: Reader) -> dict[str, Any]:
    """Provenance for the record: the suite, and the strategy, code and versions of one of the side's runs."""
    made: dict[str, Any] = {"suite": {"name": suite.name, "sha256": suite_hash(suite)}}
    if isinstance(side, Path):
        return {**made, "file": str(side)}
    if isinstance(side, Law):
        return {**made, "law": side.name}
    logs, _, then = read(side.folders[:1])
    strategy = logs[0].config["strategy"]
    return {
        **made,
        "strategy": strategy,
        "strategy_sha256": digest(strategy),
        "git": {name: then["git"][name] for name in ("commit", "dirty")},
        **{name: then[name] for name in ("python", "platform", "packages")},
    }


def suite_hash(suite: Suite) -> str:
    """A digest of what decides a run: landscapes, budget and noise, but not seeds and looks."""
    return digest({"landscapes": suite.sha256(), "evaluations": suite.evaluations, "noise": suite.noise})
