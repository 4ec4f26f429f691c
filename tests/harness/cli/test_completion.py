"""Tab completion: commands, options, and overrides as Hydra completes them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from harness.cli.commands import COMMANDS
from harness.cli.completion import candidates
from tests.harness.cli.test_cli import Nearopt, nearopt

__all__ = ["nearopt"]


def asked(line: str) -> list[str]:
    """Complete a line; in place of Hydra's answer, return the line that Hydra would be asked to complete."""
    return candidates(line, COMMANDS, lambda rest: [f"<{rest}>"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nearopt new", ["new-kernel", "new-strategy"]),
        ("nearopt landscapes e", ["export"]),
        ("nearopt run --c", ["--cfg", "--config-dir"]),
        ("nearopt check x.py --no", ["--no-compile"]),
        ("nearopt run task=soft", ["<task=soft>"]),
        ("nearopt run -m task=softmax strategy=lfbo strategy.", ["<task=softmax strategy=lfbo strategy.>"]),
        ("nearopt run task=softmax ", ["<task=softmax >"]),
        ("nearopt run 'task=so", ["<'task=so>"]),
        ("nearopt status resu", []),
        ("nearopt nosuch ", []),
    ],
)
def test_the_last_word_is_completed(line: str, words: list[str]) -> None:
    assert asked(line) == words


def test_every_command_is_offered() -> None:
    assert asked("nearopt ") == [command.name for command in COMMANDS if " " not in command.name]


def test_overrides_are_completed_up_to_the_cursor(nearopt: Nearopt, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "nearopt run task=softmax-4096x2560-bf16 strategy=optuna_tp"
    monkeypatch.setenv("COMP_LINE", f"{line} seed=3")
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    code, out, err = nearopt("-sc", "query=bash")
    assert (code, out.split(), err) == (0, [f"strategy=optuna_tpe{end}" for end in ("", "_hierarchical", "_tuned")], "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_what_bash_evaluates_is_bash(nearopt: Nearopt, action: str) -> None:
    code, out, _ = nearopt("-sc", f"{action}=bash")
    assert code == 0
    script = f"{nearopt('-sc', 'install=bash')[1]}\n{out}\ncomplete -p nearopt"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert ("_nearopt nearopt" in done.stdout) == (action == "install"), done.stderr
