"""Failed runs are recorded, left as they are, and retried on request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.config.compose import Composer
from harness.errors import MachineError, UserError
from harness.evaluation import Configuration
from harness.run.execute import RunResult, execute
from harness.run.failures import Failed, failed
from harness.strategies.random import RandomSearch
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
RUN = "toy-8x8-bf16__toy/fragile/seed-0"
FRAGILE = (f"strategy._target_={__name__}.Fragile", "strategy.label=fragile")


class Fragile(RandomSearch):
    """Random search that raises ``error``, if any, at its 8th ask."""

    error: BaseException | None = None
    asks = 0

    def ask(self, n: int) -> Sequence[Configuration]:
        self.asks += 1
        if self.asks > 7 and self.error is not None:
            raise self.error
        return super().ask(n)


def run(tmp_path: Path, *overrides: str) -> RunResult:
    path = write_toy(tmp_path)
    given = [f"backend.landscape={path}", f"results={tmp_path / 'results'}", "budget.evaluations=20", *FRAGILE]
    one = Composer().single([*given, *overrides])
    return execute(one.runs[0], one.options)


def breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, *overrides: str) -> Path:
    monkeypatch.setattr(Fragile, "error", error)
    with pytest.raises(type(error)):
        run(tmp_path, *overrides)
    monkeypatch.setattr(Fragile, "error", None)
    return tmp_path / "results" / RUN


def test_a_run_that_breaks_down_is_left_until_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trace(run(tmp_path, f"results={tmp_path / 'whole'}").path)
    folder = breaks(tmp_path, monkeypatch, ValueError("a\nsingular matrix"))
    failure = failed(folder)
    assert failure is not None
    assert (failure.message, failure.final) == ("ValueError: a singular matrix", True)
    assert 'raise self.error\nValueError: a' in failure.trace  # fmt: skip
    logged = (folder / "evaluations.jsonl").read_bytes()

    left = run(tmp_path)
    assert (left.ended, left.message) == ("failed", failure.message)
    assert (folder / "evaluations.jsonl").read_bytes() == logged
    assert failed(folder) == failure

    assert run(tmp_path, "resume=retry_failed").ended == "budget"
    assert failed(folder) is None
    assert trace(folder) == expected
    assert not list(folder.glob("aborted-*")), "measured evaluations are used again"
    assert run(tmp_path).ended == "skipped"


@pytest.mark.parametrize(
    "error",
    [UserError("the device is taken"), OSError(28, "No space left"), MemoryError(), MachineError("device lost")],
)
def test_a_run_that_its_surroundings_stopped_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    folder = breaks(tmp_path, monkeypatch, error)
    failure = failed(folder)
    assert failure is not None
    assert not failure.final
    assert run(tmp_path).ended == "budget"
    assert failed(folder) is None


def test_ctrl_c_is_no_failure_and_ends_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = breaks(tmp_path, monkeypatch, RuntimeError("enough"))
    breaks(tmp_path, monkeypatch, KeyboardInterrupt(), "resume=retry_failed")
    assert failed(folder) is None
    assert run(tmp_path).ended == "budget"


def test_another_configuration_is_refused_rather_than_called_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(tmp_path, monkeypatch, RuntimeError("enough"))
    with pytest.raises(UserError, match="another configuration"):
        run(tmp_path, "batch=2")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"message": "x"}', b"\xff\xfe"])
def test_a_damaged_note_is_a_failure_all_the_same(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "FAILED").write_bytes(text)
    assert failed(tmp_path) == Failed("FAILED is not readable", final=True, trace="")


def test_the_command_line_says_what_it_left_and_how_to_go_on(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_toy(tmp_path)
    one = ("run", f"backend.landscape={path}", "budget.evaluations=20", *FRAGILE)
    sweep = ("run", "-m", *one[1:], "jobs=1", "seed=range(0,3)")
    monkeypatch.setattr(Fragile, "error", ArithmeticError("enough"))
    code, out, err = nearopt(*sweep)
    assert code == 1
    assert out == "0 runs done, 0 were done before, 3 failed (3 of 3 runs failed): results\n"
    assert err.count("\n") == 3
    monkeypatch.setattr(Fragile, "error", None)

    code, out, _ = nearopt(*one)
    assert code == 1
    assert out.startswith("failed before (ArithmeticError: enough), resume=retry_failed retries it: results/toy")

    code, out, err = nearopt("run", "-m", *one[1:], "jobs=1", "seed=range(0,4)")
    assert code == 1
    assert out == "1 runs done, 0 were done before, 0 failed, 3 had failed before (3 of 4 runs failed): results\n"
    assert err.count("\n") == 1
    assert "ArithmeticError: enough" in err
    assert "resume=retry_failed" in err

    code, out, err = nearopt(*sweep, "resume=retry_failed")
    assert (code, out, err) == (0, "3 runs done, 0 were done before, 0 failed: results\n", "")


def test_resume_takes_two_words(nearopt: Nearopt, tmp_path: Path) -> None:
    code, _, err = nearopt("run", f"backend.landscape={write_toy(tmp_path)}", "resume=maybe")
    assert code == 2
    assert err == "nearopt: resume=maybe: expected one of unfinished, retry_failed\n"


def test_resume_is_in_no_hash(tmp_path: Path) -> None:
    folder = run(tmp_path).path
    assert run(tmp_path, "resume=retry_failed").ended == "skipped"
    assert "resume" not in (folder / "config.yaml").read_text()
    assert json.loads((folder / "DONE").read_text())["status"] == "complete"
