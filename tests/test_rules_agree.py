"""Rules that the harness and the analysis both implement, since neither imports the other, agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from analysis import media
from analysis.gate.exact import WORDS
from analysis.runs import documents, folders
from analysis.runs import log_lines as read_there
from analysis.runs import names as names_there
from analysis.runs import own_name as own_name_there
from analysis.runs import temporaries as temporaries_there
from analysis.runs.account import account
from analysis.statistics import hopeless as rules_there
from analysis.study.baseline import Baseline
from harness import rules as rules_here
from harness.backends.replay import ReplayBackend
from harness.config.names import check_label, check_stem, check_task_name
from harness.errors import UserError
from harness.evaluation import Budget, Status
from harness.landscapes.landscape import read_landscape
from harness.run import log_lines as read_here
from harness.run import own_name as own_name_here
from harness.run.loop import run_loop
from harness.run.overlapped import run_overlapped
from harness.strategies.random import RandomSearch
from harness.study.status import study_status
from harness.system import names as names_here
from harness.system import temporaries as temporaries_here
from harness.system import text, yaml_text
from harness.system.lease import LEASE_S
from harness.system.sealed_lines import sealed
from tests.harness.toy import write_toy
from tests.test_account import LINE

GOOD = (
    "random", "lfbo(gamma=0.3)", "matmul-512x512x512-bf16__h100", "task-1__*", "a..b", "2024", "=1+1", "@x", "+1",
    "$a$", "_x", "a b", "Größe", "<b>", "a|b", "x" * 255, "-x", "~", "a`b", "seed-0", "__", "ALLs",
)  # fmt: skip
BAD = (
    "", "..", ".", ".hidden", "../x", "a/b", "/etc", "a\\b", "..\\x", "a\nb", "\x1b[2J", "a\x07", "a\x00b", "a\tb",
    "\x9b2J", "a\u202eb", "a\u2028b", "a\u200bb", "\udcff", " a", "a ", "x" * 256, "é" * 128, None, 7, 1.5, True,
    ["a"], b"a",
)  # fmt: skip
TAKEN = ("ALL", "kernel:x")
LAWS = ("exact_random", "exact_random_by_parameter", "noisy_random_without_restarts", "exact_random(x=1)")


@pytest.mark.parametrize("name", [*GOOD, *BAD, *TAKEN, *LAWS], ids=repr)
def test_names(name: object) -> None:
    for rule in ("name_fault", "task_fault", "label_fault", "place_fault"):
        assert getattr(names_here, rule)(name) == getattr(names_there, rule)(name)
    assert bool(names_here.name_fault(name)) == (name not in (*GOOD, *TAKEN, *LAWS))
    assert bool(names_here.task_fault(name)) == (name not in (*GOOD, *LAWS))
    assert bool(names_here.label_fault(name)) == (name not in (*GOOD, *TAKEN))


def test_the_laws_of_the_gate_are_baselines_of_the_analysis() -> None:
    assert names_here.LAWS == names_there.LAWS == tuple(WORDS)
    assert all(Baseline(name).from_table for name in names_here.LAWS)


@pytest.mark.parametrize("name", [name for name in (*GOOD, *BAD) if isinstance(name, str)], ids=repr)
def test_what_may_be_typed_may_be_read(name: str) -> None:
    for check, rule in (
        (check_label, names_there.label_fault),
        (check_task_name, names_there.name_fault),
        (lambda stem: check_stem("backend.landscape", stem), names_there.task_fault),
    ):
        with suppress(UserError):
            check(name)
            assert not rule(name)


@pytest.mark.parametrize(
    ("place", "good"),
    [
        ("task/label/seed-0", True),
        ("deeper/task/label/seed-0", True),
        ("/etc/label/seed-0", False),
        ("../task/label/seed-0", False),
        ("task/../../label/seed-0", False),
        ("task/\x1b[2J/seed-0", False),
        ("task\\label\\seed-0", False),
        ("", False),
    ],
)
def test_places(place: str, good: bool) -> None:
    assert (names_here.place_fault(place) == "") is good
    assert names_here.place_fault(place) == names_there.place_fault(place)


@pytest.mark.parametrize(
    "seen", ["plain", "\x1b]0;x\x07", "a\tb\n", "Größe × ≤", "\u202etxt", "\x85", "\udcff", "n₀ 🚀", "\u200d", "a\xa0b"]
)
def test_what_is_printed(seen: str) -> None:
    assert text.printable(seen) == media.printable(seen)
    assert text.printable(seen, "\n") == media.printable(seen, "\n")
    media.printable(seen).encode()  # halves of characters would not be


def laughs(depth: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join([*lines, *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, depth))])


MERGED = "a: &a {k: 1}\n" + "".join(
    f"{c}: &{c} {{<<: [{','.join(['*' + p] * 20)}]}}\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)
)
BOMBS = {
    "aliases": laughs(9),
    "merges": MERGED,
    "circle": "a: &a [*a]",
    "lists": "[" * 100_000,
    "mappings": "{a: " * 100_000,
    "blocks": "- " * 100_000,
    "keys": "? " * 100_000,
    "indented": "\n".join(" " * i + "a:" for i in range(900)),
    "long": "a" * (yaml_text.MAX_CHARACTERS + 1),
    "digits": "1" * 5000,
    "sixties": "1" + ":1" * 3000,
    "date": "2024-99-99",
    "object": "!!python/object/apply:os.system [exit 1]",
    "nul": "a: \0",
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("load", [yaml_text.load_yaml, documents.load_yaml], ids=["harness", "analysis"])
def test_yaml_that_stands_for_too_much_is_refused_before_anything_is_made_of_it(load: object, bomb: str) -> None:
    assert callable(load)
    with pytest.raises(yaml.YAMLError):
        load(BOMBS[bomb])


@pytest.mark.parametrize("plain", ["a: [1, 2.5, x]", "&a {b: 1}", "x: &x 1\ny: *x", "", "'" + "[" * 5000 + "'", "1e3"])
def test_other_yaml_is_read_alike(plain: str) -> None:
    assert yaml_text.load_yaml(plain) == documents.load_yaml(plain) == yaml.safe_load(plain)


LINES = [json.dumps({**LINE, "index": i}, separators=(",", ":")).encode() for i in range(4)]


def log(unsealed: int = 0) -> list[bytes]:
    """Return a log whose first lines an older NearOpt wrote."""
    lines = [line + b"\n" for line in LINES[:unsealed]]
    check = 0
    for line in LINES[:unsealed]:
        check = zlib.crc32(line, check)
    for line in LINES[unsealed:]:
        written, check = sealed(line, check)
        lines.append(written)
    return lines


def changed(lines: list[bytes], i: int, old: bytes, new: bytes) -> list[bytes]:
    assert old in lines[i]
    return [*lines[:i], lines[i].replace(old, new), *lines[i + 1 :]]


WHOLE, OLD, MIXED = log(), log(4), log(2)
LOGS = {
    "whole": (WHOLE, 4, 0, False),
    "old": (OLD, 4, 4, False),
    "mixed": (MIXED, 4, 2, False),
    "empty": ([], 0, 0, False),
    "cut off": ([*WHOLE[:3], WHOLE[3][:-5]], 3, 0, False),
    "latency": (changed(WHOLE, 1, b'"latency_ms":1.0', b'"latency_ms":0.5'), 1, 0, True),
    "sample": (changed(WHOLE, 3, b'"samples_ms":[1.0]', b'"samples_ms":[0.5]'), 3, 0, True),
    "cost": (changed(WHOLE, 0, b'"compile_s":0.1', b'"compile_s":0.2'), 0, 0, True),
    "configuration": (changed(WHOLE, 2, b"c0", b"c1"), 2, 0, True),
    "white space": (changed(WHOLE, 2, b'"ok"', b' "ok"'), 2, 0, True),
    "check taken off": ([*WHOLE[:2], LINES[2] + b"\n", WHOLE[3]], 2, 0, True),
    "line of another log": ([*WHOLE[:2], *changed(log(), 2, b"c0", b"c7")[2:]], 2, 0, True),
    "lost line": ([*WHOLE[:1], *WHOLE[2:]], 1, 0, True),
    "twice": ([*WHOLE[:2], WHOLE[1], *WHOLE[2:]], 2, 0, True),
    "old lines changed later": (changed(MIXED, 0, b'"latency_ms":1.0', b'"latency_ms":0.5'), 2, 2, True),
}


@pytest.mark.parametrize("case", LOGS)
def test_logs(case: str) -> None:
    lines, rows, unverified, wrong = LOGS[case]
    here, there = (reader.read_lines(b"".join(lines)) for reader in (read_here, read_there))
    assert (len(here.rows), here.unverified, bool(here.fault)) == (rows, unverified, wrong)
    assert (len(there.rows), there.unverified, there.fault) == (rows, unverified, here.fault)


def dead() -> int:
    """Return the number of a process that has ended."""
    return subprocess.run([sys.executable, "-S", "-c", "import os; print(os.getpid())"], capture_output=True).stdout


def test_temporary_files_of_ended_processes_go_and_others_stay(tmp_path: Path) -> None:
    machine, gone = temporaries_here.machine(), int(dead())
    assert temporaries_there.machine() == machine
    late = time.time() - LEASE_S - 30
    left_over = {
        f".x.parquet.{machine}-{gone}-0123abcd.tmp": None,
        f".x.parquet.0000ffff-{os.getpid()}-0123abcd.tmp": late,  # of another machine
        f".x.json.{os.getpid()}-0123abcd.tmp": late,  # an older name says no machine
        f".y\n.{machine}-{gone}-0123abcd.tmp": None,
    }
    stays = {
        f".x.parquet.{machine}-1-0123abcd.tmp": late,  # it is being written, however slowly
        f".x.parquet.0000ffff-{gone}-0123abcd.tmp": None,
        f".x.json.{gone}-0123abcd.tmp": None,
        ".somebody.tmp": late,
        ".somebody.123.tmp": late,
        "x.parquet": late,
    }
    for module in (temporaries_here, temporaries_there):
        for name, touched_s in {**left_over, **stays}.items():
            (tmp_path / name).write_text("")
            if touched_s is not None:
                os.utime(tmp_path / name, (touched_s, touched_s))
        (tmp_path / f".folder.{machine}-{gone}-0123abcd.tmp").mkdir(exist_ok=True)
        module.remove_left_over(tmp_path)
        assert {entry.name for entry in tmp_path.iterdir()} == {
            *stays, f".folder.{machine}-{gone}-0123abcd.tmp",
        }, module  # fmt: skip
        module.remove_left_over(tmp_path / "not there")


def test_a_number_that_another_process_has_now_is_no_owner(tmp_path: Path) -> None:
    file = tmp_path / f".x.{temporaries_here.machine()}-{os.getpid()}-0123abcd.tmp"
    for module in (temporaries_here, temporaries_there):
        file.write_text("")
        os.utime(file, (1e9, 1e9))  # long before this process began
        module.remove_left_over(tmp_path)
        assert not file.exists()


@pytest.mark.parametrize("name", ["x.parquet", "x" * 250, "é" * 120, "a\nb"])
def test_temporary_names_are_short_and_known_to_both(tmp_path: Path, name: str) -> None:
    for module in (temporaries_here, temporaries_there):
        file = module.temporary(tmp_path / name)
        file.write_text("")  # a folder has room for it
        for other in (temporaries_here, temporaries_there):
            other.remove_left_over(tmp_path)
            assert file.exists()  # this process is alive


def linked_study(tmp_path: Path) -> Path:
    """Make runs in place, behind links at every level, twice, in a circle and behind a broken link."""
    results, elsewhere = tmp_path / "r", tmp_path / "elsewhere"
    for folder in (results / "t1/s/seed-0", elsewhere / "t2/s/seed-0", elsewhere / "x/seed-0", elsewhere / "run"):
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("{}")
    (results / "t2").symlink_to(elsewhere / "t2")
    (results / "again").symlink_to(elsewhere / "t2")
    (results / "t1/u").symlink_to(elsewhere / "x")
    (results / "t1/s/seed-1").symlink_to(elsewhere / "run")
    (results / "t1/s/seed-2").symlink_to(tmp_path / "nowhere")
    (results / "t1/v").symlink_to(results / "t1/s")
    (results / "t1/circle").symlink_to(results)
    (results / "loop").symlink_to(results / "loop")
    return results


def test_linked_folders_are_seen_by_both(tmp_path: Path) -> None:
    results = linked_study(tmp_path)
    here = {(run.run.task, run.run.label, run.run.seed): str(run.state) for run in study_status(results).runs}
    there = {(run.run.task, run.run.label, run.run.seed): str(run.state) for run in account([results]).runs}
    assert here == there
    assert here == {
        ("t1", "s", 0): "interrupted",
        ("t1", "s", 1): "interrupted",
        ("t1", "s", 2): "damaged",
        ("t1", "u", 0): "interrupted",
        ("again", "s", 0): "interrupted",  # the first of two links
    }


def test_a_link_leads_no_further_than_a_study_is_deep(tmp_path: Path) -> None:
    deep = tmp_path / "disk/a/b/c/d/e"
    deep.mkdir(parents=True)
    (tmp_path / "r").mkdir()
    (tmp_path / "r/all").symlink_to(tmp_path / "disk")
    seen = [place.name for place, _, _ in folders.folders(tmp_path / "r")]
    assert seen == ["r", "all", "a", "b", "c"]


@pytest.mark.parametrize(
    "said",
    [
        "task: t__d\nstrategy:\n  label: s\n  _target_: x\nseed: 3\n",
        "task: other__d\nstrategy:\n  label: s\nseed: 3\n",
        "task: t__d\nstrategy:\n  label: 'a/b'\nseed: 3\n",
        "task: t__d\nstrategy:\n  label: s\nseed: 4\n",
        "task: t__d\nstrategy: {label: s}\nseed: 3\n",
        "seed: 3\n",
        "strategy: 7\nseed: 3\n",
        "task: [\n",
        "",
    ],
)
@pytest.mark.parametrize("place", ["t__d/s/seed-3", "t__d/s/mine", "seed-3"])
def test_whether_a_run_is_what_its_place_says(tmp_path: Path, said: str, place: str) -> None:
    run = tmp_path / place
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(f"format_version: 1\n{said}")
    assert own_name_here.misnamed(run) == own_name_there.misnamed(run)


@pytest.mark.parametrize("q", [0.0, 0.5, 0.9, 1.0])
def test_limits_of_hopeless_evaluations(q: float) -> None:
    rng = np.random.default_rng(int(q * 10))
    here, there = rules_here.Rules(2.5, q, 4, 0.02), rules_there.Rules(2.5, q, 4, 0.02)
    told: list[tuple[float, float]] = []
    successes = rules_there.Successes(there)
    for latency_ms, compile_s in rng.integers(1, 12, (200, 2)) / 4:  # with ties
        limits = here.limits(told)
        assert limits.compile_s == successes.compile_limit_s() and limits.incumbent_ms == successes.incumbent_ms
        told = sorted([*told, (float(latency_ms), float(compile_s))])
        successes.tell(float(latency_ms), float(compile_s))
        samples = rng.normal(1.0, 0.1, 60).tolist()
        tested = rules_here.Limits(incumbent_ms=1.0, sample_error=0.02)
        assert tested.samples_taken(samples) == there.taken(samples, 1.0)
    for above, other in ((0, 0), (8, 0), (3, 2), (40, 9)):
        assert rules_here.missing(above, other, 0.02) == there.missing(above, other)
    assert rules_here.Rules() == rules_here.Rules(**asdict(rules_there.Rules()))


@pytest.mark.parametrize("workers", [1, 4])
def test_random_search_under_rules_ends_what_a_replay_of_it_ends(workers: int, tmp_path: Path) -> None:
    landscape = read_landscape(write_toy(tmp_path))
    backend = ReplayBackend(landscape, np.random.SeedSequence(1), "none")
    options = (1.3, 0.6, 3, 0.2)  # three samples above the incumbent end what has nine
    strategy, log = RandomSearch(backend.space, np.random.SeedSequence(2), Budget(80)), []
    how = (np.random.default_rng(0), [], log.extend, lambda _: None)
    if workers == 1:
        run_loop(strategy, backend, Budget(80), 1, *how, rules=rules_here.Rules(*options))
    else:
        run_overlapped(strategy, backend, Budget(80), workers, *how, rules=rules_here.Rules(*options))
    asked = log if workers == 1 else sorted(log, key=lambda one: one.asked)
    rows = np.array([backend.space.row_of(one.configuration) for one in asked])
    counts = np.array([len(samples) for samples in landscape.samples_ms])
    true = np.where(np.isfinite(landscape.oracle_ms), landscape.oracle_ms, np.inf)
    table = rules_there.Recorded(*landscape.costs_s.T, true, counts)
    search = rules_there.RuledSearch(table, rules_there.Rules(*options), workers, workers == 1)
    ended = list(search.run(rows, np.random.default_rng(0)))
    assert [one.end_s for one in ended] == pytest.approx([one.clock_end_s for one in log])
    readings = [np.inf if one.latency_ms is None else one.latency_ms for one in log]
    assert [one.reading_ms for one in ended] == readings
    assert sum(one.status is Status.COMPILE_TIMEOUT for one in log) > 5
