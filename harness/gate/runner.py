"""Make the missing runs of a gate: one strategy on a suite, in parallel; finished runs are reused."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.compose import Composer
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.gate.suite import Suite
from harness.run.code import code_digest
from harness.run.execute import RunResult
from harness.run.provenance import versions
from harness.strategies.base import Budget
from harness.study.sweep import sweep
from harness.system.digest import digest

ALLOWED = ("strategy.", "+strategy.", "++strategy.", "~strategy.")


class RunsFailed(RuntimeError):
    """Runs of one side failed, so that there is nothing to judge."""


@dataclass(frozen=True)
class Runner:
    """Runs one strategy on one suite.

    Attributes:
        folder: the folder of its runs, named after the code, arguments and versions that decide them.
        keep_diff: see :class:`~harness.config.schema.SweepOptions`.
    """

    config: RunConfig
    suite: Suite
    folder: Path
    jobs: int | None
    keep_diff: bool = True

    @property
    def label(self) -> str:
        return self.config.label

    @property
    def folders(self) -> list[Path]:
        """The folders of its runs, one per task."""
        return [self.folder / task / self.label for task in self.suite.landscapes]

    def run(self, count: int) -> None:
        """Make sure that the first ``count`` seeds of every task are done.

        Raises:
            UserError: the input of a run is wrong.
            RunsFailed: a run failed.
        """
        options = SweepOptions(self.folder, self.jobs, resume="retry_failed", keep_diff=self.keep_diff)
        results = sweep(self.configs(count), options)
        failures = [result for result in results if not isinstance(result, RunResult)]
        if not failures:
            return
        first = failures[0]
        of = f"{len(failures)} of {len(results)} runs of {self.label} failed; the first"
        task = Path(str(first.config.backend["landscape"])).stem
        line = f"{of} ({task}, seed {first.config.seed}): {first.message}"
        raise RunsFailed(line) if any(failure.trace for failure in failures) else UserError(line)

    def configs(self, count: int) -> list[RunConfig]:
        """The runs in order of seeds, so that an interrupted gate is a smaller gate."""
        return [
            replace(self.config, seed=seed, backend={**self.config.backend, "landscape": str(path)})
            for seed in self.suite.seeds(count)
            for path in self.suite.landscapes.values()
        ]


def runner(
    name: str,
    overrides: Sequence[str],
    suite: Suite,
    results: Path,
    jobs: int | None,
    composer: Composer,
    keep_diff: bool = True,
) -> Runner:
    """Build a runner from a strategy's name and its own overrides.

    Raises:
        UserError: no such strategy, or an override is not the strategy's.
    """
    for override in overrides:
        if not override.startswith(ALLOWED):
            raise UserError(f"{override}: expected strategy.…=VALUE: the suite decides everything else")
    composed = composer.compose([f"strategy={name}", f"backend.noise={suite.noise}", *overrides])
    config = replace(composed, budget=Budget(suite.evaluations), batch=1)
    decides = {
        "code": code_digest(config.strategy, config.backend),
        "strategy": dict(config.strategy),
        "backend": dict(config.backend),
        "versions": dict(versions()),  # not in the code digest, but another library version may be slower
        "python": platform.python_version(),
    }
    folder = results / f"{config.label}-{digest(decides)[:12]}"
    return Runner(config, suite, folder, jobs, keep_diff)
