"""Damaged runs are reported as damaged by both accounts, and repaired by the same command if possible."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.runs.account import account
from analysis.runs.damage import damage as damage_of_analysis
from analysis.runs.load import load_study
from harness.run import code
from harness.run.code import code_digest
from harness.run.damage import damage
from harness.study.status import study_status
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.run.test_failures import FRAGILE, Fragile
from tests.harness.toy import write_toy

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"
Damage = Callable[[Path], None]


def given(tmp_path: Path, *overrides: str) -> tuple[str, ...]:
    path = tmp_path / f"{TASK}.parquet"
    if not path.exists():
        write_toy(tmp_path)
    common = (f"backend.landscape={path}", f"results={tmp_path / 'r'}", "budget.evaluations=20", "jobs=1")
    return ("run", "-m", *common, *overrides)


def states(results: Path) -> list[tuple[str, str, int, str, str]]:
    """Return the state of every run; both accounts have to agree."""
    ours = [(s.run.task, s.run.label, s.run.seed, str(s.state), s.message) for s in study_status(results).runs]
    theirs = [(s.run.task, s.run.label, s.run.seed, str(s.state), s.message) for s in account([results]).runs]
    assert ours == theirs
    return ours


def no_parquet(run: Path) -> None:
    (run / "evaluations.parquet").unlink()


def truncated(run: Path) -> None:
    data = (run / "evaluations.parquet").read_bytes()
    (run / "evaluations.parquet").write_bytes(data[: len(data) // 2])


def one_byte(run: Path) -> None:
    data = bytearray((run / "evaluations.parquet").read_bytes())
    data[len(data) // 3] ^= 1
    (run / "evaluations.parquet").write_bytes(bytes(data))


def too_early(run: Path) -> None:
    """Rewrite DONE as an older NearOpt wrote it, without a digest."""
    pq.write_table(pq.read_table(run / "evaluations.parquet").slice(0, 12), run / "evaluations.parquet")
    done = json.loads((run / "DONE").read_text())
    del done["evaluations_sha256"], done["check"]
    (run / "DONE").write_text(json.dumps(done))


def folder_for(name: str) -> Damage:
    def put(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        (run / name).mkdir()
        (run / name / "mine.txt").write_text("x")

    return put


def no_config(run: Path) -> None:
    (run / "config.yaml").unlink()


def bad_failed(run: Path) -> None:
    (run / "DONE").unlink()
    (run / "FAILED").write_text("{")


REPAIRED: dict[str, tuple[Damage, str]] = {
    "no parquet": (no_parquet, "DONE without evaluations.parquet"),
    "truncated": (truncated, "evaluations.parquet does not match the digest in DONE"),
    "one byte": (one_byte, "evaluations.parquet does not match the digest in DONE"),
    "too early": (too_early, "evaluations.parquet has 12 rows, DONE says 20"),
    "parquet a folder": (folder_for("evaluations.parquet"), "evaluations.parquet is not a file"),
    "log a folder": (folder_for("evaluations.jsonl"), "evaluations.jsonl is not a file"),
    "DONE a folder": (folder_for("DONE"), "DONE is not a file"),
    "FAILED a folder": (folder_for("FAILED"), "FAILED is not a file"),
    "environment a folder": (folder_for("environment.json"), "environment.json is not a file"),
    "no config": (no_config, "DONE without config.yaml"),
    "bad FAILED": (bad_failed, "FAILED is not readable"),
}


def test_no_bit_of_done_can_be_another(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*given(tmp_path, "seed=0"))[0] == 0
    run = tmp_path / "r" / TASK / "random/seed-0"
    assert damage(run) == damage_of_analysis(run) == ""
    as_written = (run / "DONE").read_bytes()
    for at in range(len(as_written.rstrip())):
        flipped = bytearray(as_written)
        flipped[at] ^= 1 << at % 8
        (run / "DONE").write_bytes(flipped)
        assert damage(run) == damage_of_analysis(run) == "DONE is not readable", bytes(flipped)
    (run / "DONE").write_text(json.dumps(json.loads(as_written) | {"ended": "exhausted"}, indent=1))
    assert damage(run) == damage_of_analysis(run) == "DONE is not readable"
    old = json.loads(as_written)
    del old["check"]
    (run / "DONE").write_text(json.dumps(old))
    assert damage(run) == damage_of_analysis(run) == ""


@pytest.mark.parametrize("kind", REPAIRED)
def test_the_same_sweep_repairs_it(nearopt: Nearopt, tmp_path: Path, kind: str) -> None:
    break_it, said = REPAIRED[kind]
    assert nearopt(*given(tmp_path, "seed=0,1"))[0] == 0
    run = tmp_path / "r" / TASK / "random/seed-0"
    expected = trace(run)
    break_it(run)
    assert states(tmp_path / "r")[0] == (TASK, "random", 0, "damaged", said)
    assert f"damaged: {TASK}/random/seed-0: {said}" in nearopt("status", tmp_path / "r")[1]
    code, out, err = nearopt(*given(tmp_path, "seed=0,1"))
    assert (code, err) == (0, "") and out.startswith("1 runs done, 1 were done before, 0 failed")
    assert trace(run) == expected and (run / "aborted-0").is_dir()
    assert {state for *_, state, _ in states(tmp_path / "r")} == {"done"}


def text_for(name: str) -> Damage:
    return lambda run: (run / name).write_text("{") and None


def a_file_for_it(run: Path) -> None:
    run.rename(run.parents[3] / "away")
    run.write_text("")


REFUSED: dict[str, tuple[Damage, str]] = {
    "DONE": (text_for("DONE"), "DONE is not readable"),
    "config a folder": (folder_for("config.yaml"), "config.yaml is not a file"),
    "a file": (a_file_for_it, "is a file where a run's folder belongs"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_repaired_is_one_line_and_stays(nearopt: Nearopt, tmp_path: Path, kind: str) -> None:
    break_it, said = REFUSED[kind]
    assert nearopt(*given(tmp_path, "seed=0,1"))[0] == 0
    run = tmp_path / "r" / TASK / "random/seed-0"
    break_it(run)
    assert states(tmp_path / "r")[0] == (TASK, "random", 0, "damaged", said)
    code, out, err = nearopt(*given(tmp_path, "seed=0,1"))
    assert code == 2 and out.startswith("0 runs done, 1 were done before, 1 failed")
    assert err.count("\n") == 1 and said in err and "move it away" in err
    assert states(tmp_path / "r")[0][3:] == ("damaged", said)
    told_or_refused(tmp_path / "r")


def told_or_refused(results: Path) -> None:
    """A report must not include the damaged run's numbers without saying so."""
    try:
        study = load_study([results])
    except AnalysisError as error:
        assert "seed-0" in str(error)
        return
    assert study.runs["seed"].tolist() == [1]
    assert any("of 2 runs are damaged (seed 0)" in sentence for sentence in study.account.sentences())


@pytest.mark.parametrize("kind", [kind for kind in REPAIRED if kind != "environment a folder"])
def test_no_report_counts_a_damaged_run(nearopt: Nearopt, tmp_path: Path, kind: str) -> None:
    assert nearopt(*given(tmp_path, "seed=0,1"))[0] == 0
    REPAIRED[kind][0](tmp_path / "r" / TASK / "random/seed-0")
    told_or_refused(tmp_path / "r")


def test_a_word_in_a_log_where_a_number_belongs(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fragile, "error", KeyboardInterrupt())
    nearopt(*given(tmp_path, *FRAGILE, "seed=0"))
    log = tmp_path / "r" / TASK / "fragile/seed-0/evaluations.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[3]["compile_s"] = "fast"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert states(tmp_path / "r")[0][3:] == ("damaged", "evaluations.jsonl, line 4: compile_s is 'fast'")
    monkeypatch.setattr(Fragile, "error", None)
    assert nearopt(*given(tmp_path, *FRAGILE, "seed=0"))[0] == 0
    assert trace(log.parent) == trace_of_fresh(nearopt, tmp_path)
    assert (log.parent / "aborted-0/evaluations.jsonl").exists()


def trace_of_fresh(nearopt: Nearopt, tmp_path: Path) -> object:
    assert nearopt(*given(tmp_path, *FRAGILE, "seed=0", f"results={tmp_path / 'fresh'}"))[0] == 0
    return trace(tmp_path / "fresh" / TASK / "fragile/seed-0")


def test_runs_of_other_code_are_refused_unless_asked_for(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*given(tmp_path, "seed=0"))[0] == 0
    file = tmp_path / "r" / TASK / "random/seed-0/config.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**config, "code_digest": "0" * 64}, sort_keys=False))
    exit_code, out, err = nearopt(*given(tmp_path, "seed=0,1"))
    assert exit_code == 2 and "made by other code than today's (code_digest=000000000000, now" in err
    for others in (("seed=1",), ("seed=1", "dry_run=true")):  # not only in its own folder: it would be pooled
        exit_code, out, err = nearopt(*given(tmp_path, *others))
        assert (exit_code, out) == (2, "") and f"{TASK}/random: 1 of 1 runs made by other code" in err
    assert not (tmp_path / "r" / TASK / "random/seed-1").exists()
    assert nearopt(*given(tmp_path, "seed=1", "strategy.label=new"))[0] == 0
    exit_code, out, _ = nearopt(*given(tmp_path, "seed=0,1", "allow_mixed_code=true"))
    assert exit_code == 0 and out.startswith("1 runs done, 1 were done before")
    del config["code_digest"]
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    assert nearopt(*given(tmp_path, "seed=0,1"))[0] == 0  # unknown is never refused


@pytest.mark.slow
def test_a_report_counts_runs_of_other_code(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*given(tmp_path, "seed=range(0,3)"))[0] == 0
    for seed, digest in ((1, "0" * 64), (2, None)):
        file = tmp_path / "r" / TASK / f"random/seed-{seed}/config.yaml"
        config = {**yaml.safe_load(file.read_text()), "code_digest": digest}
        file.write_text(yaml.safe_dump({k: v for k, v in config.items() if v}, sort_keys=False))
    _, out, _ = nearopt("report", tmp_path / "r", "-o", tmp_path / "out")
    assert "random: its 3 runs were not made by the same code: 1 by " in out
    assert "1 by 00000000" in out and "1 by unknown code" in out
    assert "were not made by the same code" in (tmp_path / "out/index.html").read_text()


def test_a_digest_follows_a_strategys_own_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acct_own.py").write_text("import numpy\nimport acct_beside\nclass S: pass\n")
    (tmp_path / "acct_beside.py").write_text("from acct_deep import x\n")
    (tmp_path / "acct_deep.py").write_text("x = 1\n")
    (tmp_path / "acct_other.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)

    def now() -> str:
        for kept in (code._digest, code._closure, code._imports, code._sha256, code._folder):
            kept.cache_clear()
        return code_digest({"_target_": "acct_own.S"}, {"_target_": "harness.backends.replay.replay"})

    before = now()
    (tmp_path / "acct_other.py").write_text("x = 2\n")
    assert now() == before
    (tmp_path / "acct_deep.py").write_text("x = 2\n")
    assert now() != before


def test_a_digest_is_not_of_all_of_the_harness() -> None:
    own = set(code._closure("harness.strategies.random", code.OURS)) | set(code._closure("harness.run.loop", code.OURS))
    assert {"harness.strategies.random", "harness.run.loop", "harness.run.clock", "search_spaces.space"} <= own
    assert not {
        name for name in own if name.startswith(("harness.cli", "harness.study", "harness.measure", "harness.config"))
    }
