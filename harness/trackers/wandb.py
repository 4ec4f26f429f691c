"""Weights & Biases: one W&B run per run, grouped by study, with the strategy label as job type.

W&B's own process only ever gets copies: the run directory is complete without it. It is kept from the GPU and from
the timed regions: its system monitor (NVML queries every few seconds) and console capture are off, and evaluations
leave in bundles between two asks.
"""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.parquet as pq

from harness.errors import UserError
from harness.evaluation import Evaluation
from harness.system.atomic import write_text
from harness.system.digest import digest
from harness.system.temporaries import remove_left_over
from harness.system.text import printable
from harness.trackers.base import TrackedRun, TrackedStudy
from harness.trackers.curve import BY_EVALUATIONS, BY_SECONDS, Curve

if TYPE_CHECKING:
    from wandb import Run

MODES = ("online", "offline")
NAME_LENGTH, JOB_TYPE_LENGTH = 128, 64
"""Most characters that W&B's server accepts in names of projects, groups, runs and artifacts, and in a job type."""
UNWANTED = "/\\#?%:"
"""Characters that a project's name must not have."""
FINISH_TIMEOUT_S = 300.0
"""Most seconds of uploading at the end of a run; the rest can be sent with ``wandb sync``."""
INIT_TIMEOUT_S = 30.0
"""Most seconds that a run waits for an unresponsive server before it continues without."""


class WandbTracker:
    """Mirrors runs and studies to W&B; see ``conf/tracker/wandb.yaml``.

    A run's files are in ``wandb/`` of its directory, with its W&B id, so that an interrupted run resumes as the same
    W&B run.

    Args:
        mode: ``online``, or ``offline`` for ``wandb sync`` later.
        project, entity: destination; ``entity=None`` is W&B's default for the account.
        group: name of the group; default: the study's name.
        every_s: seconds between two bundles of evaluations.

    Raises:
        UserError: values out of range, or ``online`` without an API key: reported before the runs start.
    """

    def __init__(
        self,
        mode: str = "online",
        project: str = "nearopt",
        entity: str | None = None,
        group: str | None = None,
        every_s: float = 30.0,
    ) -> None:
        if mode not in MODES:
            raise UserError(f"tracker.mode={mode}: expected one of {', '.join(MODES)}")
        _check_name("project", project, UNWANTED)
        if entity is not None:
            _check_name("entity", entity, UNWANTED)
        if group is not None:
            _check_name("group", group)
        if not every_s >= 0:
            raise UserError(f"tracker.every_s={every_s}: expected seconds, 0 or more")
        if mode == "online":
            _check_key()
        self._mode: Literal["online", "offline"] = "online" if mode == "online" else "offline"
        self._project = project
        self._entity = entity
        self._group = group
        self._every_s = every_s
        self._run: Run | None = None
        self._curve = Curve()
        self._pending: list[dict[str, Any]] = []
        self._sent_at = 0.0

    def start(self, run: TrackedRun, again: bool) -> None:
        """Open the W&B run; ``again`` makes it another one."""
        folder = run.path / "wandb"
        folder.mkdir(exist_ok=True)
        remove_left_over(folder)
        name = folder / "id"
        if again or not name.exists() or not name.stat().st_size:
            write_text(name, uuid.uuid4().hex[:12])
        if self._mode == "offline":
            # All evaluations of an interrupted run are logged again: two files with one id would be merged in sync.
            for earlier in folder.glob("offline-run-*"):
                shutil.rmtree(earlier)
        self._curve, self._pending, self._sent_at = Curve(), [], monotonic()
        self._run = self._init(
            run.path,
            id=name.read_text(encoding="utf-8"),
            name=shortened(f"{run.task} {run.label} seed-{run.seed}", NAME_LENGTH),
            group=self._group or shortened(run.study, NAME_LENGTH),
            job_type=shortened(run.label, JOB_TYPE_LENGTH),
            config={**run.config, "environment": dict(run.environment), "study": run.study},
            resume="allow" if self._mode == "online" else None,
        )
        self._run.define_metric("evaluation", hidden=True)
        self._run.define_metric("tuning_s", hidden=True)
        self._run.define_metric(BY_EVALUATIONS, step_metric="evaluation", summary="min")
        self._run.define_metric(BY_SECONDS, step_metric="tuning_s", summary="min")

    def log(self, evaluation: Evaluation) -> None:
        """Buffer a row; send the buffer if the last time was long ago."""
        self._pending.append(self._curve.row(evaluation))
        if monotonic() - self._sent_at >= self._every_s:
            self._send()

    def finish(self, ended: str, evaluations: Path | None) -> None:
        """Send the rest and the table of all evaluations, and close the W&B run."""
        run = self._run
        if run is None:
            return
        complete = evaluations is not None
        try:
            self._send()
            if evaluations is not None:
                run.log({"evaluations": _table(evaluations)})
            run.summary.update({"ended": ended, **self._curve.summary()})
        finally:
            self._run = None
            run.finish(exit_code=0 if complete else 1)

    def log_study(self, study: TrackedStudy) -> None:
        """One W&B run of job type ``study`` with one artifact of type ``study``, from copies in the run's folder."""
        import wandb

        run = self._init(
            study.folder,
            name=shortened(f"{study.name} report", NAME_LENGTH),
            group=self._group or shortened(study.name, NAME_LENGTH),
            job_type="study",
            config={"study": study.name},
        )
        code = 1
        try:
            # Copies: the next report may change the originals before an offline run is synced.
            copies = Path(run.settings.sync_dir) / "study"
            for name, original in study.files.items():
                copy = copies / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                if original.is_dir():
                    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("wandb"))
                else:
                    shutil.copyfile(original, copy)
            artifact = wandb.Artifact(_artifact_name(study.name), type="study", metadata=dict(study.summary))
            artifact.add_dir(str(copies), policy="immutable")
            run.log_artifact(artifact)
            run.summary.update(dict(study.summary))
            code = 0
        finally:
            run.finish(exit_code=code)

    def _init(self, folder: Path, **arguments: Any) -> Run:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            disable_job_creation=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            init_timeout=INIT_TIMEOUT_S,
            finish_timeout=FINISH_TIMEOUT_S,
        )
        return wandb.init(
            project=self._project,
            entity=self._entity,
            mode=self._mode,
            dir=str(folder.resolve()),
            reinit="create_new",
            settings=settings,
            **arguments,
        )

    def _send(self) -> None:
        assert self._run is not None
        pending, self._pending, self._sent_at = self._pending, [], monotonic()
        for row in pending:
            self._run.log(row, step=row["evaluation"])


def _table(evaluations: Path) -> Any:
    import wandb

    columns = pq.read_table(evaluations).to_pydict()
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return wandb.Table(columns=list(columns), data=rows, allow_mixed_types=True)


def _artifact_name(study: str) -> str:
    """The study's name as an artifact name; W&B allows letters, digits and ``-_.`` in an artifact's name."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in study)
    return shortened(plain, NAME_LENGTH) or "study"


def shortened(name: str, limit: int) -> str:
    """A name of at most ``limit`` characters; a shortened one ends in a digest of the whole name."""
    return name if len(name) <= limit else f"{name[: limit - 9]}-{digest(name)[:8]}"


def _check_name(field: str, name: str, unwanted: str = "") -> None:
    """Refuse names that the server would refuse after the sweep, since a user's own names are not shortened."""
    if not name:
        raise UserError(f"tracker.{field}: empty: expected a name")
    if len(name) > NAME_LENGTH:
        raise UserError(f"tracker.{field}={name[:20]}…: {len(name)} characters: expected at most {NAME_LENGTH} for W&B")
    if any(character in unwanted for character in name) or not name.isprintable():
        expected = f"W&B takes none of {' '.join(unwanted)}" if unwanted else "expected a line of text"
        raise UserError(f"tracker.{field}={printable(name)}: {expected}")


def _check_key() -> None:
    """Raise a UserError if no API key is configured; needs no network."""
    import wandb

    try:
        from wandb.sdk.lib.wbauth import authenticate_session
    except ImportError:  # not part of W&B's public API; without it, each run's init reports the error
        return
    login = None
    with suppress(wandb.Error):
        login = authenticate_session(
            host=wandb.setup().settings.base_url, source="nearopt", prompt=False, update_session=False
        )
    if login is None:
        raise UserError(
            "tracker.mode=online: no W&B API key: expected `wandb login`, WANDB_API_KEY, or tracker.mode=offline"
        )
