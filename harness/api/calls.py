"""``tune``, ``replay`` and ``sweep``: they check Python values as the command line does, and return runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.api.run import Run, done
from harness.api.words import strategy_words, task_words
from harness.config.compose import Composer, Sweep
from harness.config.overrides import budget_words, quoted
from harness.config.schema import RunConfig
from harness.errors import UserError
from harness.run.execute import RunResult
from harness.study.attempt import Failure
from harness.study.mixed_code import check_code
from harness.study.plan import check_apart, planned, without_repeats
from harness.study.sweep import check_wanted, run_alone
from harness.study.sweep import sweep as run_sweep
from harness.tuning.auto import AUTO
from harness.tuning.of_run import outcome_of_run
from harness.tuning.prepare import prepare
from harness.tuning.request import TuneRequest
from harness.tuning.tune import check_folder, search, triton_lines, write_best

if TYPE_CHECKING:
    import optuna


def tune(
    what: str | None = None,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    strategy: str = AUTO,
    workers: int | None = None,
    landscape: str | Path | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    **shape: object,
) -> Run:
    """Search for the best configuration of one kernel, on this machine or in a recording, as ``nearopt tune`` does.

    Args:
        what: a task's name, ``FILE.py:NAME``, or an installed kernel's name; ``None`` for the task of ``landscape``.
        evaluations, seconds: the budget, whichever ends first; tuning seconds are compile, check, time and ask.
            The default is 100 evaluations.
        strategy: a strategy's name; ``auto`` chooses one.
        workers: compile workers; ``None`` chooses a number that suits the device.
        landscape: a recording to search instead of a device; needs no GPU.
        out: the folder of results and ``best.json``; ``None`` for ``tuned/TASK``.
        overrides: further options of a run, such as ``"backend.noise=none"``.
        shape: fields of the kernel, such as ``rows=4096``.

    Raises:
        UserError: an argument is wrong, or there is no device.

    >>> from harness import tune
    >>> run = tune("softmax-4096x2560-bf16", landscape=landscape, evaluations=15, out=results / "tuned")
    >>> run.outcome.task, run.outcome.evaluations, sorted(run.best)[:2]
    ('softmax-4096x2560-bf16__h100', 15, ['load_eviction', 'num_warps'])
    """
    values = tuple(f"{key}={value}" for key, value in shape.items())
    request = TuneRequest(
        what=what,
        values=(*values, *overrides),
        landscape=None if landscape is None else Path(landscape),
        evaluations=evaluations,
        seconds=seconds,
        out=None if out is None else Path(out),
        strategy=strategy,
        workers=workers,
    )
    tuning = prepare(request, Composer())
    check_folder(tuning)
    outcome = search(tuning)
    if outcome.best is not None:
        write_best(tuning, outcome, triton_lines(tuning, outcome))
    return Run(outcome)


def replay(
    task: str | Path,
    strategy: str | type[Any] | optuna.samplers.BaseSampler | optuna.Study = "conditional_gp",
    *,
    seed: int = 0,
    evaluations: int | None = None,
    seconds: float | None = None,
    results: str | Path = "results",
    label: str | None = None,
    overrides: Sequence[str] = (),
) -> Run:
    """One run on a recorded landscape; the same call again returns the finished run.

    Args:
        task: a recorded task's name, or the path of a landscape file (``.parquet``).
        strategy: a strategy's name; a class that can be imported, either one of Optuna's samplers or one with ``ask``
            and ``tell``; a sampler object, which the run copies and seeds; or an empty study that minimises: its
            sampler searches, and the study gets the run's evaluations as trials, in ms.
        seed: same seed, same trace.
        evaluations, seconds: the budget, whichever ends first. The default is 100 evaluations.
        results: the folder that the run's directory goes to.
        label: the strategy's name in results; a variant needs one of its own.
        overrides: further options of a run as on the command line, such as ``"strategy.gamma=0.2"``.

    Raises:
        UserError: an argument is wrong, or the run failed before.

    >>> from harness import replay
    >>> import optuna
    >>> study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True))
    >>> run = replay("softmax-4096x2560-bf16", study, evaluations=15, label="my_tpe", results=results)
    >>> len(study.trials), study.best_params.keys() <= run.best.keys()
    (15, True)
    """
    words = [*task_words(task), *budget_words(evaluations, seconds), f"seed={seed}", f"results={quoted(results)}"]
    if not isinstance(strategy, str | type):
        from harness.api.optuna_objects import replay_object  # this imports Optuna, which not every run needs

        return Run(outcome_of_run(replay_object([*words, *overrides], strategy, label)))
    words += [*strategy_words(strategy), *([] if label is None else [f"strategy.label={quoted(label)}"])]
    one = Composer().single([*words, *overrides])
    check_code(one.runs, one.options)
    return Run(outcome_of_run(done(run_alone(one.runs[0], one.options))))


def sweep(
    tasks: str | Path | Sequence[str | Path],
    strategies: str | type[Any] | Sequence[str | type[Any]],
    seeds: int | Sequence[int] = 1,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    results: str | Path = "results",
    jobs: int | None = None,
    overrides: Sequence[str] = (),
) -> pd.DataFrame:
    """Run every strategy on every task with every seed, in separate processes; finished runs are skipped.

    In a script, call it below ``if __name__ == "__main__":``: the processes import the script.

    Args:
        tasks: recorded tasks' names, or paths of landscape files.
        strategies: names or classes.
        seeds: the number of seeds, counted from 0, or the seeds themselves.
        evaluations, seconds: the budget of a run, whichever ends first. The default is 100 evaluations.
        results: the folder that run directories go to: ``analysis.load_study`` reads it.
        jobs: runs at once; ``None`` for one per core.
        overrides: further options of all runs, as on the command line.

    Returns: one row per run: task (as asked; for a recording its file's stem), strategy, seed, ended (``budget``,
        ``exhausted``, ``skipped`` if it was done before, or ``failed``), evaluations, best_ms (lowest observed latency;
        nan if nothing succeeded or the run was skipped), message (why it failed) and path. Failed runs are rows too.

    Raises:
        UserError: an argument is wrong.
    """
    composer, folder = Composer(), f"results={quoted(results)}"
    own = [f"jobs={jobs}"] if jobs is not None else []
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    runs: list[RunConfig] = []
    options = composer.single([folder, *own]).options
    for task in [tasks] if isinstance(tasks, str | Path) else tasks:
        for strategy in [strategies] if isinstance(strategies, str | type) else strategies:
            words = [
                *task_words(task),
                *strategy_words(strategy),
                *budget_words(evaluations, seconds),
                folder,
                *own,
                *overrides,
            ]
            one = [composer.single([*words, f"seed={seed}"]) for seed in numbers]
            runs += [run for part in one for run in part.runs]
            options = one[0].options if one else options
    asked = Sweep(without_repeats(tuple(runs)), options)
    if not asked.runs:
        raise UserError("sweep: nothing to run: expected at least one task, one strategy and one seed")
    check_wanted(asked.options)
    check_apart(asked.runs, asked.options.results)
    check_code(asked.runs, asked.options)
    with planned(asked.runs, asked.options.results) as plan:
        outcomes = run_sweep(asked.runs, asked.options)
        plan.refused = all(isinstance(outcome, Failure) and not outcome.trace for outcome in outcomes)
    return pd.DataFrame([_row(config, outcome) for config, outcome in zip(asked.runs, outcomes, strict=True)])


def _row(config: RunConfig, outcome: RunResult | Failure) -> dict[str, Any]:
    recording = config.backend.get("landscape")
    task = config.task.name if config.task is not None else Path(str(recording)).stem
    row: dict[str, Any] = {"task": task, "strategy": config.label, "seed": config.seed}
    if isinstance(outcome, Failure):
        return row | {
            "ended": "failed",
            "evaluations": 0,
            "best_ms": float("nan"),
            "message": outcome.message,
            "path": None,
        }
    best = float("nan") if outcome.best_ms is None else outcome.best_ms
    return row | {"ended": outcome.ended, "evaluations": outcome.evaluations, "best_ms": best,
                  "message": outcome.message, "path": outcome.path}  # fmt: skip
