"""When a hypothesis was registered, by Git or by its own statement, and whether results are older.

A file can be added early and changed late, so its age is that of its last change, that is, of the commit with the
judged bytes. If no commit has these bytes, the age is that of the field ``registered``, or unknown.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NEWER, OLDER, MIXED, UNKNOWN = "newer", "older", "mixed", "unknown"
"""The possible ages of results relative to their hypothesis."""


@dataclass(frozen=True)
class Commit:
    """A commit's full hash and its time, ISO 8601."""

    hash: str
    time: str


@dataclass(frozen=True)
class Registration:
    """What is known about a hypothesis's age.

    Attributes:
        added, changed: the commits that first added the file and that gave it its present content; ``None`` outside a
            repository or without Git.
        uncommitted: whether no commit has the content of the file; ``None`` outside a repository.
        registered: the time stated in the file, ISO 8601.
    """

    added: Commit | None
    changed: Commit | None
    uncommitted: bool | None
    registered: str | None

    @property
    def since(self) -> str | None:
        """The time since which the hypothesis has been unchanged."""
        return self.changed.time if self.changed is not None and not self.uncommitted else self.registered

    def document(self) -> dict[str, Any]:
        found = {name: None if of is None else asdict(of) for name, of in
                 (("added", self.added), ("changed", self.changed))}  # fmt: skip
        return {**found, "uncommitted": self.uncommitted}


def registration(path: Path, registered: str | None) -> Registration:
    """Ask Git about the file; a link is followed."""
    file = path.resolve()
    prefix = _git(file.parent, "rev-parse", "--show-prefix")
    commits = _commits(file, "--diff-filter=A") if prefix is not None else []
    if prefix is None or not commits:
        return Registration(None, None, None if prefix is None else True, registered)
    name = f"HEAD:{prefix.decode('utf-8', 'surrogateescape').rstrip(chr(10))}{file.name}"
    return Registration(
        added=commits[-1],
        changed=next(iter(_commits(file, "-1")), None),
        uncommitted=_git(file.parent, "cat-file", "blob", name) != file.read_bytes(),
        registered=registered,
    )


def age(found: Registration, path: Path, environment: Mapping[str, Any]) -> tuple[str, str]:
    """Whether results are newer than the hypothesis, and a sentence on how that is known.

    Args:
        environment: ``Study.environment``, with ``started`` and ``last_started`` if runs record when they began;
            otherwise the commit of their code is looked up in the hypothesis's repository.
    """
    first, last = _moment(environment.get("started")), _moment(environment.get("last_started"))
    since = _moment(found.since)
    if since is None:
        why = "changed since its last commit" if found.uncommitted and found.added else "in no commit"
        return (
            UNKNOWN,
            f"The hypothesis is {why} and has no registered date: so it cannot be shown to be older than the runs.",
        )
    stood = f"The hypothesis is unchanged since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if first is not None and last is not None:
        word = NEWER if first >= since else OLDER if last < since else MIXED
        runs = {NEWER: "all runs began later", OLDER: "all runs began earlier", MIXED: "some runs began earlier"}[word]
        return word, f"{stood}; {runs} (the first on {first.astimezone(UTC):%Y-%m-%d %H:%M})."
    code = (environment.get("git") or {}).get("commit")
    if found.changed is not None and not found.uncommitted and isinstance(code, str) and _is_hash(code):
        if _is_ancestor(path, found.changed.hash, code):
            return NEWER, f"{stood}; the runs are by code of commit {code[:12]}, which includes it."
        if _is_ancestor(path, code, found.changed.hash):
            return OLDER, f"{stood}; the runs are by older code, of commit {code[:12]}, and do not say when they began."
    return UNKNOWN, f"{stood}; the runs do not say when they began."


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_hash(text: str) -> bool:
    return 7 <= len(text) <= 64 and all(c in "0123456789abcdef" for c in text)


def _commits(file: Path, option: str) -> list[Commit]:
    """The commits of a file, newest first."""
    listed = _git(file.parent, "log", option, "--format=%H %ct", "--", f":(literal){file.name}")
    commits = []
    for line in (listed or b"").decode("ascii", "replace").splitlines():
        name, _, seconds = line.partition(" ")
        commits.append(Commit(name, datetime.fromtimestamp(int(seconds), UTC).isoformat(timespec="seconds")))
    return commits


def _is_ancestor(path: Path, older: str, newer: str) -> bool:
    return _git(path.resolve().parent, "merge-base", "--is-ancestor", older, newer) is not None


def _git(folder: Path, *arguments: str) -> bytes | None:
    """The output of Git; ``None`` if it fails or is missing, or if the folder is in no repository."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-pager", "-C", str(folder), *arguments],
            capture_output=True, timeout=20, check=True, env=settings | {"GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
