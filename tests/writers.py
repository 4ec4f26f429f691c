"""Every place that writes a file, found in the source, and a command that makes it write."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CALLS = frozenset({
    "replacing", "write_text", "write_bytes", "write_csv", "write_table", "ParquetWriter", "savefig", "to_csv",
    "to_parquet", "to_pickle", "tofile", "savez", "mkstemp", "NamedTemporaryFile", "copyfile", "copytree",
})  # fmt: skip
OPENING = frozenset({"open", "fdopen", "FileIO"})
"""Calls that write where they are given a mode, or flags, that do."""


def writers() -> set[str]:
    """List ``path::function`` for each function of either half that writes a file."""
    return {
        f"{file.relative_to(ROOT).as_posix()}::{where}"
        for half in ("harness", "analysis")
        for file in (ROOT / half).rglob("*.py")
        for where, call in _calls(ast.parse(file.read_text(encoding="utf-8")), "")
        if _writes(call)
    }


def _calls(node: ast.AST, where: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        inside = where
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = f"{where}.{child.name}" if where else child.name
        if isinstance(child, ast.Call):
            yield where, child
        yield from _calls(child, inside)


def _writes(call: ast.Call) -> bool:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name in CALLS:
        return True
    given = [*call.args, *(word.value for word in call.keywords if word.arg in ("mode", "flags"))]
    modes = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return name in OPENING and (
        any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
        or any("O_CREAT" in ast.dump(each) for each in given)
    )


RUN, SWEEP, STUDY = ("run",), ("run", "-m", "jobs=1", "seed=0,1"), ("report", "s", "-o", "out")
COMPARE = ("report", "--compare", "s", "s", "-o", "out")
GATE = ("gate", "random", "--against", "random", "--rerun", "--suite", "suite.yaml", "--results", "g", "--jobs", "1")
PROFILE = ("profile", "random", "--beside", "random", "-o", "out", "--observations", "20")
COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    "harness/run/store.py::RunDirectory.write_config": {"config.yaml": RUN},
    "harness/run/store.py::RunDirectory.write_environment": {"environment.json": RUN},
    "harness/run/store.py::RunDirectory.append": {"evaluations.jsonl": RUN},
    "harness/run/store.py::RunDirectory.finish": {"evaluations.parquet": RUN, "strategy.json": RUN, "DONE": SWEEP},
    "harness/run/store.py::RunDirectory.logged": {"cut.jsonl": ("damaged log",)},
    "harness/run/execute.py::_environment": {"*.diff": RUN},
    "harness/run/reference.py::_write": {"reference.parquet": RUN, "reference.yaml": SWEEP},
    "harness/study/plan.py::_write": {"planned": SWEEP},
    "harness/cli/gate.py::_run": {
        "g.json": (*GATE, "--json", "g.json"), "g.xml": (*GATE, "--junit", "g.xml"),
        "g.md": (*GATE, "--markdown", "g.md"),
    },
    "harness/cli/gate.py::_write_baseline": {
        "random.json": ("gate", "random", "--update-baseline", *GATE[5:], "--baselines", "b")
    },
    "harness/cli/profile.py::_run": {"growth.csv": PROFILE},
    "harness/authoring/writing.py::write_templates": {
        "test_near.py": ("new-strategy", "near", "-o", "out"), "near.yaml": ("new-strategy", "near", "-o", "out"),
        "near.py": ("new-kernel", "near", "--kind", "cpu", "-o", "out"),
    },
    "harness/tuning/tune.py::write_best": {
        "best.json": ("tune", "--landscape", "TOY", "--evaluations", "5", "--strategy", "random", "-o", "out"),
    },
    "harness/formats/export.py::export": {
        "x.json": ("landscapes", "export", "TOY", "--format", "t4", "-o", "out/x.json"),
        "x.json.gz": ("landscapes", "export", "TOY", "--format", "cache", "-o", "out/x.json.gz"),
    },
    "harness/formats/archive.py::_write": dict.fromkeys(
        ("SHA256SUMS", "README.md", "croissant.json"), ("landscapes", "archive", "TOY", "-o", "archived")
    ),
    "harness/formats/archive.py::_copy": {
        "toy-8x8-bf16__toy.parquet": ("landscapes", "archive", "TOY", "-o", "archived")
    },
    "harness/landscapes/write.py::write_landscape": {
        "new__toy.parquet": ("landscapes", "import", "t4.json", "-o", "out/new__toy.parquet")
    },
    "analysis/figures/style.py::save_as": {"fig.csv": ("landscapes", "TOY", "--figure", "out/fig.pdf")},
    "analysis/figures/style.py::save": {"best-so-far.csv": STUDY},
    "analysis/figures/style.py::_write": {"fig.pdf": ("landscapes", "TOY", "--figure", "out/fig.pdf"),
                                          "best-so-far.png": STUDY, "ask-cost.pdf": PROFILE},
    "analysis/tables/table.py::write": {"quality.csv": STUDY, "quality.md": STUDY, "quality.tex": STUDY,
                                        "comparison-evaluations.md": COMPARE},
    "analysis/report/build.py::build_report": {"verdict.json": STUDY},
    "analysis/report/build.py::_write": {"speedups.csv": STUDY, "runs.csv": STUDY, "index.html": STUDY},
    "analysis/report/compare.py::compare_studies": {"comparison.json": COMPARE, "index.html": COMPARE},
    "analysis/runs/bundle.py::write_bundle": {"consolidated.parquet": ("bundle",), "account.json": ("bundle",)},
    "harness/record/log.py::RecordLog.__init__": {"x.log": ("record log",)},
    "harness/record/log.py::_drop_torn_line": {"x.log": ("record torn",)},
    "harness/record/retime_study.py::_write": {"retimed.parquet": ("retime",)},
}  # fmt: skip
"""Function to the names that it writes, each with the command that makes it."""

BY_OTHERS = {
    "harness/run/extension.py::extend": "a full disk on the way to a larger budget: harness/run/test_extension.py",
    "harness/run/extension.py::_log_again": "a full disk on the way to a larger budget: harness/run/test_extension.py",
    "harness/formats/fetch.py::fetch": "the list of what was fetched: harness/formats/test_fetch.py",
    "harness/formats/fetch.py::_take": "a full disk in the middle of an archive: harness/formats/test_fetch.py",
    "harness/cli/reference.py::main": "a page of this repository: harness/cli/test_reference.py",
    "harness/system/atomic.py::write_text": "what the others write through",
    "analysis/runs/writing.py::write_bytes": "what the others write through",
    "analysis/runs/writing.py::write_text": "what the others write through",
    "analysis/runs/writing.py::write_csv": "what the others write through",
    "analysis/runs/consolidated.py::write": "by write_bundle; where a report keeps it up to date, see QUIET",
    "analysis/report/replication.py::write_replication": "nearopt replicate: harness/cli/test_replicate.py",
    "harness/system/lease.py::Lease.__init__": "by every run: harness/system/test_lease.py",
    "harness/system/lease.py::Lease._write_note": "by every run: harness/system/test_lease.py",
    "harness/system/lease.py::_age_s": "empty, and gone at once: harness/system/test_lease.py",
    "harness/measure/folders.py::_descriptor": "the device's lock: harness/measure/test_device_lock.py",
    "harness/measure/process.py::_redirect_output": "a worker's log in a private folder: harness/measure",
    "harness/measure/cuda/compiler.py::NvccCompiler._build": "a worker's private folder: harness/measure",
    "harness/measure/triton/compiler.py::_write": "a worker's private folder: harness/measure",
    "harness/trackers/wandb.py::WandbTracker.start": "a mirror decides nothing: harness/trackers/test_tracker.py",
    "harness/trackers/wandb.py::WandbTracker.log_study": "the library's own folder: harness/trackers/test_wandb.py",
}
"""Writers without a command in the table, and where they are tried instead."""

QUIET = {
    "harness/run/failures.py::failure_kept": "the failure itself is told",
    "harness/system/cache.py::keep": "slower next time, nothing worse",
}
"""Writers whose failure is no reason to fail."""
