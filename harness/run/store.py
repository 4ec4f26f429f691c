"""A run's directory: append-only while alive, Parquet and an atomic DONE when finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Self

import orjson
import pyarrow.parquet as pq

from harness.errors import Busy, UserError
from harness.evaluation import Evaluation
from harness.run import contract
from harness.run.config_file import check_owner, config_text
from harness.run.damage import read_done, to_move
from harness.run.log_lines import read_lines
from harness.run.rows import evaluation_of, table_of
from harness.run.utilisation import utilisation
from harness.run.version import check_run_version
from harness.system.atomic import replacing, write_text, writing
from harness.system.lease import Held, Lease
from harness.system.sealed_lines import sealed
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Finished:
    """The content of DONE."""

    evaluations: int
    ended: str


def finished(path: Path) -> Finished | None:
    """The content of a run directory's DONE; ``None`` if there is none.

    Raises:
        UserError: DONE is damaged (a finished run is repeated only on request), or a newer NearOpt made the
            directory.
    """
    check_run_version(path)
    try:
        done, _ = read_done(path / contract.DONE)
        return Finished(done["evaluations"], done["ended"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        raise UserError(f"{path / contract.DONE}: not readable: move it away to run again") from None


class RunDirectory:
    """``RESULTS/<task>/<strategy label>/seed-<n>/``, held by one process at a time.

    Args:
        path: the directory.
        config: JSON-able; written to ``config.yaml``. ``config["config_hash"]`` determines whether an earlier
            run in the same place is this one.
        allow_mixed_code: see :func:`check_owner`.

    Attributes:
        unverified: number of evaluations from log lines without a checksum, which an older NearOpt wrote.

    Raises:
        Busy: another process holds the directory.
        Unwritable: the directory cannot be written, now or later.
        UserError: the directory belongs to another configuration.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], allow_mixed_code: bool = False) -> None:
        self.path = path
        self._allow_mixed_code = allow_mixed_code
        self._log: FileIO | None = None
        self._lease: Lease | None = None
        self._logged: list[Evaluation] = []
        self._check = 0
        self.unverified = 0
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            self._check_owner(config)
            try:
                self._lease = Lease(path)
            except Held as error:
                raise Busy(path, f"{error} is running this: wait for it, or choose another results=") from None
            try:
                self._prepare(config)
            except BaseException:
                self._lease.close()
                raise

    def _prepare(self, config: Mapping[str, Any]) -> None:
        self._check_owner(config)  # another process may have claimed it first
        for left_by_a_killed_process in self.path.glob(contract.TEMPORARY):
            left_by_a_killed_process.unlink(missing_ok=True)
        if aside := to_move(self.path):
            folder = self._aborted_folder()
            for name in aside:
                (self.path / name).rename(folder / name)
        if not (self.path / contract.CONFIG).exists():
            self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.yaml``: rewritten if a run resumes with other code, which must then reproduce its log
        exactly."""
        with writing(self.path):
            write_text(self.path / contract.CONFIG, config_text(config))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for held in (self._log, self._lease):
            if held is not None:
                held.close()

    def _check_owner(self, config: Mapping[str, Any]) -> None:
        check_owner(self.path, config, self._allow_mixed_code)

    @property
    def _log_path(self) -> Path:
        return self.path / contract.LOG

    def logged(self) -> list[Evaluation]:
        """The log's evaluations in order, up to a truncated last line.

        A log that is damaged elsewhere is copied to ``aborted-k/`` before it is truncated.
        """
        data = self._log_path.read_bytes() if self._log_path.exists() else b""
        lines = read_lines(data)
        evaluations: list[Evaluation] = []
        with suppress(ValueError, KeyError, TypeError):  # the log is truncated at the first line that cannot be parsed
            evaluations.extend(map(evaluation_of, lines.rows))
        whole = len(evaluations)
        intact, self._check = (lines.ends[whole - 1], lines.checks[whole - 1]) if whole else (0, 0)
        self.unverified = min(lines.unverified, whole)
        if intact < len(data):
            with writing(self.path):
                if b"\n" in data[intact:]:
                    (self._aborted_folder() / self._log_path.name).write_bytes(data)
                with self._log_path.open("r+b") as stream:
                    stream.truncate(intact)
        self._logged = evaluations
        return list(evaluations)

    def append(self, evaluations: Sequence[Evaluation]) -> None:
        """Log evaluations; they are written to the file when this returns."""
        lines = []
        for evaluation in evaluations:
            line, self._check = sealed(orjson.dumps(evaluation), self._check)
            lines.append(line)
        left = memoryview(b"".join(lines))
        with writing(self._log_path):
            if self._log is None:
                self._log = FileIO(str(self._log_path), "a")
            while left:  # a full disk may accept a part before it reports the error
                left = left[self._log.write(left) :]
        self._logged.extend(evaluations)

    def set_aside(self) -> Path:
        """Move the log to ``aborted-k/`` so that the run can start again; returns that folder."""
        if self._log is not None:
            self._log.close()
            self._log = None
        with writing(self.path):
            folder = self._aborted_folder()
            self._log_path.rename(folder / self._log_path.name)
        self._logged, self._check, self.unverified = [], 0, 0
        return folder

    def _aborted_folder(self) -> Path:
        k = 0
        while (folder := self.path / f"{contract.ABORTED_PREFIX}{k}").exists():
            k += 1
        folder.mkdir()
        return folder

    def started(self) -> str | None:
        """When the run first began, as ``environment.json`` states; ``None`` if it does not."""
        try:
            said = json.loads((self.path / contract.ENVIRONMENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        started = said.get("started") if isinstance(said, dict) else None
        return started if isinstance(started, str) else None

    def write_environment(self, document: Mapping[str, Any]) -> None:
        """Write ``environment.json``."""
        with writing(self.path):
            write_text(self.path / contract.ENVIRONMENT, json.dumps(document, indent=1, default=str))

    def finish(
        self,
        space: SearchSpace,
        ended: str,
        config_hash: str,
        facts: Mapping[str, Any] | None = None,
        workers: int | None = None,
    ) -> None:
        """Turn the log into ``evaluations.parquet``, store the strategy's facts, and write DONE last.

        Args:
            workers: number of compile workers of an asynchronous run, whose utilisation DONE states.
        """
        evaluations = self._logged
        table = table_of(evaluations, space)
        done: contract.DoneDocument = {
            "status": "complete",
            "evaluations": len(evaluations),
            "ended": ended,
            "config_hash": config_hash,
        }
        if workers is not None and (share := utilisation(evaluations, workers)) is not None:
            done["utilisation"] = round(share, 4)
        with writing(self.path):
            if facts:
                write_text(self.path / contract.STRATEGY, json.dumps(dict(facts), indent=1))
            with replacing(self.path / contract.EVALUATIONS) as temporary:
                pq.write_table(table, temporary, compression="zstd")
                done["evaluations_sha256"] = hashlib.sha256(Path(temporary).read_bytes()).hexdigest()
            line, _ = sealed(json.dumps(done).encode(), 0)
            write_text(self.path / contract.DONE, line.decode("ascii"))
            self._log_path.unlink(missing_ok=True)
