"""The commands in README.md and the pages beside the code, and a shell that finds them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = "README.md"
PAGES = (
    "harness/README.md",
    "harness/tuning/README.md",
    "harness/measure/README.md",
    "harness/gate/README.md",
    "harness/trackers/README.md",
    "analysis/README.md",
    "harness/strategies/README.md",
    "kernels/README.md",
    "kernels/helion/README.md",
    "harness/formats/README.md",
)
MARKS: Mapping[str | None, str] = {
    None: "run by a test as it stands",
    "samples": "run by a test as it stands, on small files of these names",
    "gpu": "measures on a GPU, for a minute at most",
    "gpu-long": "measures on a GPU, for many minutes",
    "ci": "what .ci/run does: a test of it would run itself",
    "account": "sends to an account",
}
"""What a block needs, by the comment before it."""
JUDGED = {"nearopt gate": (0, 3, 4)}
"""Exit codes that say something about a strategy, not about the command."""
_BLOCK = re.compile(r"(?:<!-- (?P<mark>[\w-]+) -->\n)?```console\n(?P<text>.*?)```", re.DOTALL)
_MODULES = {"nearopt": "harness.cli", "pytest": "pytest -q -p no:cacheprovider", "python": ""}


@dataclass(frozen=True)
class Command:
    """One command of a page; ``mark`` states what it needs, a key of :data:`MARKS`."""

    text: str
    mark: str | None


def commands(page: str) -> list[Command]:
    """Return the commands in the order of the page, with continuation lines joined."""
    found = []
    for block in _BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        lines = block["text"].replace("\\\n", " ").splitlines()
        assert all(line.startswith("$ ") for line in lines), f"{page}: a console block without a prompt: {lines}"
        found += [Command(line.removeprefix("$ "), block["mark"]) for line in lines]
    return found


def marked(page: str, *marks: str | None) -> list[Command]:
    """Return the commands with one of ``marks``."""
    return [command for command in commands(page) if command.mark in marks]


def write_shims(folder: Path, root: Path, site: Path | None, pip: str) -> None:
    """Write programs to ``folder`` that run this environment's ones with the code in ``root``.

    Args:
        site: a further folder of packages.
        pip: its first arguments, but for the command itself; ``{site}`` is filled in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # An empty entry would put the working directory on the path, where an installed script does not look.
    path = os.pathsep.join([str(root), *([str(site)] if site else [])]) + "${PYTHONPATH:+:$PYTHONPATH}"
    lines = {name: f'-m {module} "$@"' if module else '"$@"' for name, module in _MODULES.items()}
    lines["pip"] = f'-m pip "$1" {pip.format(site=site)} "${{@:2}}"'
    for name, line in lines.items():
        file = folder / name
        file.write_text(f'#!/bin/bash\nexport PYTHONPATH="{path}" PYTHONSAFEPATH=1\nexec {sys.executable} {line}\n')
        file.chmod(0o755)


def environment(programs: Path) -> dict[str, str]:
    """Return the environment of a shell that finds ``programs`` first, without the settings of tests."""
    kept = {name: value for name, value in os.environ.items() if name not in ("TRITON_INTERPRET", "PYTEST_ADDOPTS")}
    return {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def execute(
    command: Command, folder: Path, shell: Mapping[str, str], limit_s: float
) -> subprocess.CompletedProcess[str]:
    """Run one command in ``folder``."""
    words = ["bash", "-euc", command.text]
    return subprocess.run(words, cwd=folder, env=dict(shell), capture_output=True, text=True, timeout=limit_s)


def check(command: Command, folder: Path, shell: Mapping[str, str], limit_s: float = 900) -> None:
    """Run one command and expect it to succeed."""
    done = execute(command, folder, shell, limit_s)
    good = next((codes for start, codes in JUDGED.items() if command.text.startswith(start)), (0,))
    assert done.returncode in good, f"{command.text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    assert not re.search(r"runs done, .*\b[1-9]\d* failed", done.stdout), f"{command.text}\n{done.stdout}"
