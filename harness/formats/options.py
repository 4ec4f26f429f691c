"""Options for facts that a file does not state itself."""

from __future__ import annotations

from dataclasses import dataclass

REPEATS = ("samples", "first")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of ``nearopt landscapes import``, as the user typed them.

    Attributes:
        format: the format's name in the registry; ``None``: it is recognised by the file's content.
        config_columns, time_column, status_column: the columns of a table that have these roles.
        unit: the unit of the latencies.
        repeats: whether several rows of one configuration are its ``samples``, or all but the ``first`` are left out.
    """

    format: str | None = None
    config_columns: tuple[str, ...] = ()
    time_column: str | None = None
    status_column: str | None = None
    unit: str | None = None
    repeats: str | None = None

    def given(self) -> dict[str, object]:
        """Return the given options that not every format takes, by their names."""
        every = {
            "--config-columns": self.config_columns,
            "--time-column": self.time_column,
            "--status-column": self.status_column,
            "--unit": self.unit,
            "--repeats": self.repeats,
        }
        return {name: value for name, value in every.items() if value}
