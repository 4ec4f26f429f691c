"""The commands of ``nearopt``, in the order of its help."""

from __future__ import annotations

from harness.cli.best import BEST
from harness.cli.check import CHECK
from harness.cli.command import Command
from harness.cli.fetch import FETCH
from harness.cli.gate import GATE
from harness.cli.import_export import ARCHIVE, EXPORT, IMPORT
from harness.cli.landscapes import COMPARE, LANDSCAPES
from harness.cli.new_kernel import NEW_KERNEL
from harness.cli.new_strategy import NEW_STRATEGY
from harness.cli.plan import PLAN
from harness.cli.profile import PROFILE
from harness.cli.record import RECORD, RETIME
from harness.cli.replicate import REPLICATE
from harness.cli.report import REPORT
from harness.cli.run import RUN
from harness.cli.status import STATUS
from harness.cli.strategies import STRATEGIES
from harness.cli.tune import TUNE

COMMANDS: tuple[Command, ...] = (
    TUNE,
    RUN,
    RECORD,
    BEST,
    STATUS,
    RETIME,
    REPORT,
    PLAN,
    REPLICATE,
    GATE,
    NEW_KERNEL,
    CHECK,
    NEW_STRATEGY,
    STRATEGIES,
    PROFILE,
    LANDSCAPES,
    IMPORT,
    EXPORT,
    ARCHIVE,
    FETCH,
    COMPARE,
)
BY_NAME = {command.name: command for command in COMMANDS}
