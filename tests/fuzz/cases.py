"""Damaged files, one after another: what to run on each, and what must hold afterwards."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.cli import main
from harness.landscapes.landscape import METADATA_KEY, read_landscape
from tests.fuzz.mutations import damage_bytes, damage_expression, damage_value, damaged_json
from tests.harness.formats.samples import cache, t1, t4
from tests.harness.toy import write_toy

ODD_CELLS = (1e999, -1.0, "x", [1], 0, 2**40, True)
TYPES = (pa.string(), pa.float64(), pa.int8())
KINDS = ("cache", "t4", "t1", "landscape")


class Wrong(AssertionError):
    """A case that neither imported correctly nor failed with one clear line."""


def run_case(seed: int, folder: Path) -> str:
    """Make and run the case of a seed in an empty folder; return its kind and how it ended.

    Raises:
        Wrong: saying what must not be.
    """
    rng = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    ended = (_landscape if kind == "landscape" else _foreign)(rng, kind, folder)
    if any(path.name.startswith("PWNED") for path in folder.rglob("*")) or Path("PWNED").exists():
        raise Wrong("code from the file was run")
    return f"{kind}: {ended}"


def _foreign(rng: random.Random, kind: str, folder: Path) -> str:
    source, space, out = folder / "damaged.json", folder / "T1.json", folder / "k__device.parquet"
    document = t4() if kind != "cache" else cache()
    source.write_bytes(damaged_json(rng, document) if kind != "t1" else json.dumps(document).encode())
    space.write_bytes(damaged_json(rng, t1()) if kind == "t1" else json.dumps(t1()).encode())
    options = ["--space", str(space)] if kind == "t1" or (kind == "t4" and rng.random() < 0.5) else []
    code = _run(["landscapes", "import", str(source), "-o", str(out), *options], ("damaged.json", "T1.json"))
    if code == 0:
        landscape = read_landscape(out)
        _check_latencies(source, sorted(landscape.latency_ms[np.isfinite(landscape.latency_ms)].tolist()))
    elif out.exists():
        raise Wrong("a refused file left a landscape")
    return "imported" if code == 0 else "refused"


def _check_latencies(source: Path, found: list[float]) -> None:
    """Compare the latencies with those of a minimal reader, if that can read the file."""
    try:
        medians = _medians(json.loads(source.read_bytes()))
        missing = [m for m in medians if not any(abs(m - f) < 1e-9 * m for f in found)]
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    if missing and len(set(medians)) == len(medians) <= len(found):
        raise Wrong(f"latencies {found} without {missing}")


def _medians(document: Any) -> list[float]:
    if "cache" in document:
        samples = [r["times"] for r in document["cache"].values() if "__error__" not in r and r.get("times")]
    elif document["metadata"]["timeunit"] == "miliseconds":
        samples = [r["times"].get("runtimes") for r in document["results"] if r["invalidity"] == "correct"]
    else:
        return []
    return [median(given) for given in samples if given]


def _landscape(rng: random.Random, _kind: str, folder: Path) -> str:
    made = write_toy(folder / "made")
    damaged = folder / "damaged__device.parquet"
    damage = rng.choice((_damage_file, _damage_metadata, _damage_metadata, _damage_column))
    try:
        damage(rng, made, damaged)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return "not made"  # a table that Arrow itself does not write
    code = _run(["landscapes", str(damaged)], ("damaged__device",))
    if code == 0:
        _run(["landscapes", "export", str(damaged), "--format", "cache", "-o", str(folder / "x.json")], ("damaged",))
    return "read" if code == 0 else "refused"


def _damage_file(rng: random.Random, made: Path, damaged: Path) -> None:
    data = made.read_bytes()
    for _ in range(rng.choice((1, 1, 3))):
        data = damage_bytes(rng, data)
    damaged.write_bytes(data)


def _damage_metadata(rng: random.Random, made: Path, damaged: Path) -> None:
    table = pq.read_table(made)
    document = json.loads(table.schema.metadata[METADATA_KEY])
    for _ in range(rng.choice((1, 1, 2))):
        (damage_expression if rng.random() < 0.3 else damage_value)(rng, document)
    text = json.dumps(document).encode()
    text = damage_bytes(rng, text) if rng.random() < 0.1 else text
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: text}), damaged)


def _damage_column(rng: random.Random, made: Path, damaged: Path) -> None:
    table = pq.read_table(made)
    at = rng.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    other = table.column(rng.randrange(table.num_columns))
    changes: list[Callable[[], pa.Table]] = [
        lambda: table.drop_columns([name]),
        lambda: table.set_column(at, name, pa.nulls(table.num_rows, rng.choice((pa.null(), column.type)))),
        lambda: table.set_column(at, name, pa.array([rng.choice(ODD_CELLS)] * table.num_rows)),
        lambda: table.set_column(at, name, other),
        lambda: table.append_column(name, column),
        lambda: table.append_column("config.more", column),
        lambda: table.slice(0, rng.choice((0, 1, 5))),
        lambda: pa.concat_tables([table, table.slice(0, 1)]),
        lambda: table.set_column(at, name, pc.cast(column, rng.choice(TYPES), safe=False)),
        lambda: table.rename_columns({name: rng.choice(("config.x", "status", "y"))}),
    ]  # fmt: skip
    pq.write_table(rng.choice(changes)(), damaged)


def _run(arguments: list[str], names: tuple[str, ...]) -> int:
    """Check the command line's exit code; its message must be one line that names the file."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    said = err.getvalue()
    if code not in (0, 2):
        raise Wrong(f"exit code {code}: {said}")
    if code == 2:
        line = said.removesuffix("\n")
        if "\n" in line or "\r" in line or not line.startswith("nearopt: ") or "Traceback" in line or len(line) > 2100:
            raise Wrong(f"not one clear line: {said[:3000]!r}")
        if not any(name in line for name in names) or ": " not in line.removeprefix("nearopt: "):
            raise Wrong(f"names neither file nor field: {line!r}")
    elif said:
        raise Wrong(f"said on stderr although it worked: {said[:500]!r}")
    return code
