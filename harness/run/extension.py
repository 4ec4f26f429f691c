"""Extend a finished run to a larger budget, if its strategy's asks do not depend on the budget.

Its log is restored from ``evaluations.parquet``, and from then on it is an interrupted run of the larger budget, which
is rebuilt from its seed and log like any other. If the extension is interrupted, the run is either the finished old one
or an interrupted one of either budget: each step leaves what the next one needs, and no evaluation is made twice."""

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
    """Whether the directory has a ``config.yaml`` that this user may read."""
    try:
        return (path / contract.CONFIG).is_file()
    except OSError:
        return False  # the run itself will report what is wrong


def extendable(path: Path, config: Mapping[str, Any], allow_mixed_code: bool) -> bool:
    """Whether the run in ``path`` differs from ``config`` only by a smaller budget and may be extended.

    Args:
        config: the content of ``config.yaml`` for the larger budget.

    Raises:
        OtherRun: it is such a run but may not be extended; the message says why.
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
        reason = "the last asks of an asynchronous run depend on its budget"
    elif config["batch"] > 1 and (contract.START in config or (before["evaluations"] or 0) % config["batch"]):
        reason = f"its last batch may have been smaller than batch={config['batch']}"
    elif None not in (code, mine) and code != mine and not allow_mixed_code:
        reason = f"it was made by other code than today's (code_digest={str(code)[:12]}, now {str(mine)[:12]})"
    if reason:
        raise OtherRun(
            f"{path}: holds a run of {_words(before)}, which cannot be extended to {_words(now)}: {reason}",
            "choose another results= or strategy.label=, or move it away",
        )
    return True


def extend(path: Path, config: Mapping[str, Any], space: SearchSpace, allow_mixed_code: bool) -> None:
    """Turn the :func:`extendable` run in ``path`` into an interrupted run of ``config``.

    If another process has changed the run meanwhile, it is left as it is; claiming it then reports the difference.

    Raises:
        Busy: another process holds the run.
        OtherRun: as :func:`extendable`.
        UserError: its evaluations cannot be restored exactly; the run is left as it is.
        Unwritable: the log cannot be written; the run is left as it is.
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
    """``config.yaml`` of a run that differs from ``config`` only in its budget; otherwise ``None``."""
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
        return None  # the run itself will report what is wrong
    return earlier if alone else None


def _larger(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return all(
        now.get(name) is None or (before.get(name) is not None and now[name] >= before[name])
        for name in ("evaluations", "seconds")
    )


def _words(budget: Mapping[str, Any]) -> str:
    return ", ".join(f"{BUDGET}.{name}={value}" for name, value in budget.items() if value is not None)


def _log_again(path: Path, space: SearchSpace) -> None:
    """Restore the log from which ``evaluations.parquet`` was made.

    Raises:
        UserError: the restored log would not give the same table.
    """
    file = path / contract.EVALUATIONS
    try:
        table = pq.ParquetFile(file).read()
        kept = list(_evaluations(table, space))
        whole = table_of(kept, space).select(table.column_names).equals(table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise UserError(f"{file}: cannot be read ({one_line(error, 200)}): the run cannot be extended") from None
    if not whole:
        raise UserError(f"{file}: cannot be turned into a log again: the run cannot be extended")
    check, lines = 0, []
    for evaluation in kept:
        line, check = sealed(orjson.dumps(evaluation), check)
        lines.append(line)
    with replacing(path / contract.LOG) as written:
        written.write_bytes(b"".join(lines))


def _evaluations(table: pa.Table, space: SearchSpace) -> Iterator[Evaluation]:
    """The evaluations in a table of :func:`~harness.run.rows.table_of`. Columns that an older NearOpt lacked are
    null."""
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
