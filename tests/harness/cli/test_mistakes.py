"""Common mistakes and their messages: one line, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.cli.test_cli import Nearopt, nearopt

__all__ = ["nearopt"]
TASK = "task=softmax-4096x2560-bf16"
FOREIGN = ("Mandatory", "Multiple values", "Config group", "full_key", "object_type", "Schema", "struct", "OmegaConf",
           "append to", "multirun", "merging", "Traceback", "Key '",
           "argparse", "locating", "Ambiguous", "override '")  # fmt: skip
"""Words of Hydra's, OmegaConf's and Python's."""

RUN_MISTAKES = {
    # names
    "strategy=optuna_tp": "strategy=optuna_tp: no such strategy: expected optuna_tpe or optuna_gp",
    "strategy=rndom": "strategy=rndom: no such strategy: expected random",
    "strategy=zzz": "expected one of ax, ax_botorch, ax_generation, botorch_acquisition, botorch_hierarchical, "
                    "botorch_mixed, catcma, conditional_gp and ",
    "task=softmx-4096x2560-bf16": "no such task: expected softmax-4096x2560-bf16",
    "task=softmax-512x65536": "no such task: expected softmax-512x65536-bf16, the only one",
    "task=softmax-4096x2560": "no such task: expected one of softmax-4096x2560-bf16, softmax-4096x2560-fp16",
    "task=absent.py": "absent.py: no such file: expected FILE.py:NAME, or a task's name",
    "backend=replya": "backend=replya: no such backend: expected replay",
    "rules=hopless": "rules=hopless: no such rules: expected hopeless",
    "tracker=wandbb": "tracker=wandbb: no such tracker: expected wandb",
    "experiment=quickstrat": "no such experiment: expected quickstart",
    "strategy=": "strategy=: expected the name of a strategy",
    "strategy=[random,lfbo]": "expected the name of one strategy (a sweep is strategy=A,B with -m)",
    "strategy=random,lfbo": "strategy=random,lfbo: a list: expected -m for a sweep, or one value",
    "task=glob(softmax-*)": "task=glob(softmax-*): has several values: add -m",
    "task=all": "task=all: has several values: add -m",
    "strategy=null": "strategy=null: expected the name of a strategy",
    "backend=3": "backend=3: expected the name of a backend",
    "experiment=null": "experiment=null: expected the name of a experiment",
    "+strategy=lfbo": "+strategy=lfbo: already set: expected strategy=lfbo",
    "+seed=3": "+seed=3: already set: expected seed=3",
    # options
    "strateg=random": "strateg=random: unknown option: expected strategy",
    "bugdet.evaluations=3": "bugdet.evaluations=3: unknown option: expected budget.evaluations",
    "budget.evaluation=10": "budget.evaluation=10: unknown option: expected budget.evaluations",
    "+budget.evaluation=10": "budget.evaluation=10: unknown option: expected budget.evaluations",
    "++budget.evaluation=10": "budget.evaluation=10: unknown option: expected budget.evaluations",
    "backend.nois=none": "backend.nois=none: unknown option: expected backend.noise",
    "+backend.nois=none": "backend.nois=none: unknown option: expected backend.noise",
    "rules.compile_facto=3": "rules.compile_facto=3: unknown option: expected rules.compile_factor",
    "tracker.mode=offline": "tracker.mode=offline: unknown option: expected tracker=NAME as well, with a tracker "
    "that has mode",
    "foo=1": "foo=1: unknown option: expected one of task, strategy, backend, budget, seed, batch, workers, schedule "
             "and 13 more",
    "seed.x=3": "seed.x=3: unknown option: expected seed=VALUE",
    "+strategy.depth=3": "strategy.depth=3: unknown option: expected an argument of harness.strategies.random.",
    "+strategy.seed=3": "strategy.seed=3: unknown option: expected an argument of harness.strategies.random.",
    "++strategy.space=3": "strategy.space=3: unknown option: expected an argument of harness.strategies.random.",
    "+backend.seed=3": "backend.seed=3: unknown option: expected",
    "strategy=optuna_sampler": "strategy.sampler: missing: expected strategy.sampler=VALUE",
    "~strategy": "~strategy: expected strategy=VALUE: a run needs this option",
    "=3": "=3: expected NAME=VALUE",
    "budget.evaluations": "budget.evaluations: expected NAME=VALUE",
    # values
    "budget.evaluations=many": "budget.evaluations=many: expected a whole number or null",
    "budget.evaluations=1e3": "budget.evaluations=1e3: expected a whole number or null, such as 1000",
    "budget.evaluations=1k": "budget.evaluations=1k: expected a whole number or null without k",
    "budget.evaluations=10.5": "budget.evaluations=10.5: expected a whole number or null",
    "budget.seconds=2parsec": "parsec is not a unit of time: expected seconds, or a number with ms, s, min or h",
    "batch=four": "batch=four: expected a whole number",
    "batch=1,2": "batch=1,2: expected a whole number (lists and ranges need -m)",
    "seed=range(0,3)": "seed=range(0,3): expected a whole number (lists and ranges need -m)",
    "jobs=all": "jobs=all: expected a whole number or null",
    "dry_run=maybe": "dry_run=maybe: expected true or false",
    "allow_mixed_code=2": "allow_mixed_code=2: expected true or false",
    "schedule=asynch": "schedule=asynch: expected async",
    "results=[a]": "results=[a]: expected text",
    "results=${nope}": "results=${nope}: refers to nope, which is not set",
    "strategy._target_=harness.strategies.lfbo.LFB": "no LFB in harness.strategies.lfbo: expected LFBO",
    "strategy._target_=harness.strategys.lfbo.LFBO": "no module harness.strategys",
}  # fmt: skip

COMMANDS = {
    "runn task=softmax": "nearopt runn: no such command: expected run",
    "run --confg": "nearopt run: --confg: no such option: expected --cfg",
    "run --seed 3": "nearopt run: --seed: no such option: expected seed=VALUE if it is an override",
    "record task=softmax --limt 3": "nearopt record: --limt: no such option: expected --limit",
    "status --jsn x": "nearopt status: --jsn: no such option: expected --json",
    "gate lfb --against random": "strategy=lfb: no such strategy: expected lfbo",
    "strategies lfb": "nearopt: strategies lfb: no such strategy: expected lfbo",
    "run -m task=glob(sftmax-*)": "task=glob(sftmax-*): no task matches: expected one of attention-",
    "run -m task=all,softmax": "task=all,softmax: expected task=all alone, or a list of tasks",
    "run -m task=all backend.device=h20": "task=all: no task matches: expected another device",
    "strategies --config-dir nope": "--config-dir nope: expected a folder",
    "tune softmax --seconds 2parsec": "--seconds: 2parsec: parsec is not a unit of time: expected seconds, or a number",
    "record task=softmax --deadline-s many": "--deadline-s: many: expected seconds, or a number with ms, s, min",
    "run task=softmax task.kernel.rows=4095": "expected softmax-4096x2560-bf16 or softmax-4096x2560-fp16, or backend",
    "run -m task=glob(softmax-*": "expected glob(PATTERN) or glob([PATTERN,…],exclude=PATTERN)",
    "run -m strategy=random,optuna_tp task=softmax": "no such strategy: expected optuna_tpe or optuna_gp",
    "run -m budget.evaluations=10,many": "budget.evaluations=many: expected a whole number or null",
    "landscapes import x.csv": "nearopt landscapes import: expected -o OUT.parquet, or a folder for it",
    "landscapes import x.csv -o y.parquet": "x.csv: cannot be read (no such file): expected a recording",
    "landscapes import x.csv -o y.parquet --unit parsec": "--unit parsec: not a unit of time: expected one of ns, us,",
    "landscapes import x.csv -o y.parquet --format heliom": "--format heliom: there is no such format: expected helion",
    "landscapes import x.csv -o y.parquet --repeats mean": "--repeats mean: expected samples or first",
    "landscapes import x.csv -o y.parquet --tme-column t": "--tme-column: no such option: expected --time-column",
    "fetch nowhere": "nearopt fetch: expected -o FOLDER",
    "fetch nowhere -o here": "nowhere: no archive here (SHA256SUMS: no such file): expected the output of `nearopt",
    "fetch ftp://host/a -o here": "unsupported address ftp: expected one of http, https, file",
    "-sc install=bsh": "nearopt -sc install=bsh: expected install=bash",
    "-sc": "nearopt -sc: expected install=SHELL",
}


def told(nearopt: Nearopt, tmp_path: Path, *words: str) -> str:
    code, out, err = nearopt(*words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert not [word for word in FOREIGN if word in err], err
    assert not list(tmp_path.iterdir())
    return err


@pytest.mark.parametrize("mistake", RUN_MISTAKES)
def test_a_mistake_of_a_run_is_told_with_what_was_expected(nearopt: Nearopt, tmp_path: Path, mistake: str) -> None:
    others = [] if mistake.startswith("task") else [TASK]
    assert RUN_MISTAKES[mistake] in told(nearopt, tmp_path, "run", *others, mistake)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_mistake_of_a_command_is_told_with_what_was_expected(nearopt: Nearopt, tmp_path: Path, line: str) -> None:
    assert COMMANDS[line] in told(nearopt, tmp_path, *line.split())


def test_there_are_forty_of_them() -> None:
    assert len(RUN_MISTAKES) + len(COMMANDS) >= 40


def test_an_argument_of_a_strategys_own_that_no_yaml_lists_is_taken(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(
        "from harness.strategies.random import RandomSearch\n\n\nclass Given(RandomSearch):\n"
        "    def __init__(self, space, seed, budget, *, depth: int = 1) -> None:\n"
        "        super().__init__(space, seed, budget)\n"
    )
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy/given.yaml").write_text("_target_: given.Given\nlabel: given\n")
    run = ("run", "--config-dir", tmp_path, TASK, "strategy=given", "budget.evaluations=2")
    code, _, err = nearopt(*run, "strategy.depth=3")
    assert code == 2 and "strategy.depth=3: not listed in any YAML: expected +strategy.depth=3" in err
    assert nearopt(*run, "+strategy.depth=3")[0] == 0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2min", 120.0), ("120s", 120.0), ("'2 min'", 120.0), ("1h30min", 5400.0), ("500ms", 0.5), ("1.5h", 5400.0)],
)
def test_time_may_have_its_unit(nearopt: Nearopt, written: str, seconds: float) -> None:
    code, out, err = nearopt("run", "--cfg", TASK, f"budget.seconds={written}")
    assert code == 0 and f"seconds: {seconds}\n" in out, err


def test_all_and_globs_are_the_tasks_with_a_shape_that_are_recorded(nearopt: Nearopt) -> None:
    rest = ("budget.evaluations=2", "dry_run=true")
    code, out, _ = nearopt("run", "-m", "task=glob(softmax-*)", *rest)
    named = [line.split()[0].split("__")[0] for line in out.splitlines() if line.startswith("softmax")]
    assert code == 0 and named == ["softmax-16384x2560-bf16", "softmax-32768x1024-fp16", "softmax-4096x2560-bf16",
                                   "softmax-4096x2560-fp16", "softmax-512x65536-bf16"]  # fmt: skip
    code, out, _ = nearopt("run", "-m", "task=glob([soft*,layer*],exclude=*fp16)", "backend.device=h200", *rest)
    named = [line.split()[0].split("__")[0] for line in out.splitlines() if line.startswith(("softmax", "layernorm"))]
    assert code == 0 and named == ["layernorm-8192x4096-bf16", "softmax-16384x2560-bf16", "softmax-4096x2560-bf16"]
