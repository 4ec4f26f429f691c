"""A run goes on with a larger budget, where its strategy asks the same whatever the budget is.

Its log comes back from ``evaluations.parquet``, and from then on it is an interrupted run of the larger budget, which
is rebuilt from its seed and its log as any other. Stopped anywhere on the way, the run is the old one, done, or an
interrupted one of either budget: each step leaves what the next one needs, and no evaluation is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.config.targets import target_object
from harness.errors import Busy, OtherRun, UserError
from harness.evaluation import Evaluation
from harness.run import contract
from harness.run.config_file import config_text, deciding
from harness.run.damage import damage
from harness.run.rows import DEVICE_COLUMNS, evaluation_of, table_of
from harness.run.version import check_run_version
from harness.strategies.base import ignores_budget
from harness.system.atomic import replacing, write_text, writing
from harness.system.digest import digest
from harness.system.documents import read_text
from harness.system.lease import Held, Lease
from harness.system.sealed_lines import sealed
from harness.system.text import one_line
from harness.system.yaml_text import load_yaml
from search_spaces.space import SearchSpace

BUDGET = "budget"


def holds_run(path: Path) -> bool:
    """Whether the directory has a ``config.yaml`` that this user may look at."""
    try:
        return (path / contract.CONFIG).is_file()
    except OSError:
        return False  # the run itself will say what is wrong


def extendable(path: Path, config: Mapping[str, Any], allow_mixed_code: bool) -> bool:
    """Whether the run in ``path`` is that of ``config`` but for a smaller budget, and may go on to the larger one.

    Args:
        config: what ``config.yaml`` would hold.

    Raises:
        OtherRun: it is that run, and why it may not.
        UserError: its strategy cannot be imported.
    """
    earlier = _earlier(path, config)
    if earlier is None:
        return False
    before, now = earlier[BUDGET], config[BUDGET]
    if not _larger(before, now) or damage(path) or (path / contract.FAILED).exists():
        return False
    code, mine = earlier.get("code_digest"), config.get("code_digest")
    target = str(config["strategy"]["_target_"])
    reason = ""
    if not ignores_budget(target_object("strategy._target_", target)):
        name = target.rpartition(".")[2]
        reason = f"{name} does not declare that its asks are the same whatever the budget (ignores_budget)"
    elif contract.SCHEDULE in config:
        reason = "in an asynchronous run the last asks were made knowing that no other would follow"
    elif config["batch"] > 1 and (contract.START in config or (before["evaluations"] or 0) % config["batch"]):
        reason = f"its last batch may have been smaller than batch={config['batch']}"
    elif None not in (code, mine) and code != mine and not allow_mixed_code:
        reason = f"it was made by other code than today's (code_digest={str(code)[:12]}, now {str(mine)[:12]})"
    if reason:
        raise OtherRun(
            f"{path}: holds a run of {_words(before)}, which cannot go on to {_words(now)}: {reason}",
            "choose another results= or strategy.label=, or move it away",
        )
    return True


def extend(path: Path, config: Mapping[str, Any], space: SearchSpace, allow_mixed_code: bool) -> None:
    """Make the run in ``path``, which was :func:`extendable`, an interrupted one of ``config``.

    It is left as it is where another process has made another run of it since: who claims it next is told so.

    Raises:
        Busy: another process is at it.
        OtherRun: as :func:`extendable`.
        UserError: its evaluations cannot be read back as they were written; it is left as it is.
        Unwritable: there is no room; it is left as it is.
    """
    with writing(path):
        try:
            lease = Lease(path)
        except Held as error:
            raise Busy(path, f"{error} is running this: wait for it, or choose another results=") from None
        with closing(lease):
            if not extendable(path, config, allow_mixed_code):
                return
            if (path / contract.DONE).exists():
                _log_again(path, space)
                (path / contract.DONE).unlink()
            write_text(path / contract.CONFIG, config_text(config))


def _earlier(path: Path, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """``config.yaml`` of a run that differs from ``config`` in its budget alone; else ``None``."""
    try:
        text = read_text(path / contract.CONFIG)
        if text == config_text(config):
            return None
        check_run_version(path)
        earlier = load_yaml(text)
        before, now = deciding(earlier), deciding(config)
        apart = {name for name in {*before, *now} if before.get(name) != now.get(name)}
        alone = apart == {BUDGET} and digest(before) == earlier["config_hash"]
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # the run itself will say what is wrong
    return earlier if alone else None


def _larger(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return all(
        now.get(name) is None or (before.get(name) is not None and now[name] >= before[name])
        for name in ("evaluations", "seconds")
    )


def _words(budget: Mapping[str, Any]) -> str:
    return ", ".join(f"{BUDGET}.{name}={value}" for name, value in budget.items() if value is not None)


def _log_again(path: Path, space: SearchSpace) -> None:
    """Write the log that ``evaluations.parquet`` was made of.

    Raises:
        UserError: what would be written is not what is in the file.
    """
    file = path / contract.EVALUATIONS
    try:
        table = pq.ParquetFile(file).read()
        kept = list(_evaluations(table, space))
        whole = table_of(kept, space).select(table.column_names).equals(table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise UserError(f"{file}: not readable ({one_line(error, 200)}): the run cannot go on") from None
    if not whole:
        raise UserError(f"{file}: cannot be turned into a log again: the run cannot go on")
    check, lines = 0, []
    for evaluation in kept:
        line, check = sealed(orjson.dumps(evaluation), check)
        lines.append(line)
    with replacing(path / contract.LOG) as written:
        written.write_bytes(b"".join(lines))


def _evaluations(table: pa.Table, space: SearchSpace) -> Iterator[Evaluation]:
    """What :func:`~harness.run.rows.table_of` made the table of. A column that an older NearOpt lacked is null."""
    columns = {parameter.name: contract.parameter_column(parameter.name) for parameter in space.parameters}
    spelled = {
        parameter.name: {str(value): value for value in parameter.values}
        for parameter in space.parameters
        if pa.types.is_string(table.schema.field(columns[parameter.name]).type)
    }
    for row in table.to_pylist():
        cells = {name: row.pop(column) for name, column in columns.items()}
        configuration = {
            name: spelled[name][value] if name in spelled else value
            for name, value in cells.items()
            if value is not None
        }
        state = {name: row.pop(name, None) for name in DEVICE_COLUMNS}
        known = None if all(value is None for value in state.values()) else state
        yield evaluation_of({**row, "configuration": configuration, "device_state": known})
