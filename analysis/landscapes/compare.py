"""Compare two recordings of one space, joined on their configurations: do they agree, and does the optimum transfer?

This shows repeatability (the same configurations recorded twice) and transfer between devices, cards or shapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET, is_hit, space_rows, true_latency

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
LATENCIES = {"latency_ms": "as measured", "oracle_ms": "re-timed"}
FASTEST = 0.1


@dataclass(frozen=True)
class Agreement:
    """The agreement of the latencies of configurations that succeeded in both recordings.

    Attributes:
        n: number of configurations compared.
        spearman: rank correlation; nan with fewer than 2, or if one side is constant.
        median_difference, p95_difference: of ``|b - a| / a``; nan with none.
        median_ratio: of ``b / a``; nan with none.
    """

    n: int
    spearman: float
    median_difference: float
    p95_difference: float
    median_ratio: float


@dataclass(frozen=True)
class Transfer:
    """What one recording's best configuration costs in the other.

    Attributes:
        slowdown: its true latency there over the optimum there; inf if it failed.
        status: its status there.
        is_optimum: False if the optimum is not in the other recording; then the best common configuration is used.
    """

    slowdown: float
    status: str
    is_optimum: bool


@dataclass(frozen=True)
class Near:
    """Configurations within the headline target of a recording's own optimum: ``k`` of its ``n`` rows of the space."""

    k: int
    n: int


@dataclass(frozen=True)
class Comparison:
    """The comparison of two recordings, A and B.

    Attributes:
        common: number of configurations in both; ``only_a``, ``only_b``: in only one.
        statuses: (status in A, status in B) to the number of configurations that differ so, most frequent first.
        agreements: (column, share) to how they agree; share 1 for all, ``FASTEST`` for the fastest in A.
            ``oracle_ms`` is absent if neither recording was re-timed.
        a_on_b, b_on_a: transfer of the optimum; ``None`` if nothing succeeded on one of the sides.
        near_a, near_b, near_both: configurations near each recording's own optimum, and common ones near both.
    """

    common: int
    only_a: int
    only_b: int
    statuses: dict[tuple[str, str], int]
    agreements: dict[tuple[str, float], Agreement]
    a_on_b: Transfer | None
    b_on_a: Transfer | None
    near_a: Near
    near_b: Near
    near_both: int


def compare(a: pd.DataFrame, b: pd.DataFrame) -> Comparison:
    """Join two landscape tables (columns key, status, latency_ms, optionally oracle_ms and origin) on ``key``.

    Raises:
        AnalysisError: fewer than 2 configurations in common.
    """
    a, b = a.reset_index(drop=True), b.reset_index(drop=True)
    index_a, index_b = (pd.Index(table["key"].astype(str)) for table in (a, b))
    if not (index_a.is_unique and index_b.is_unique):
        raise AnalysisError("a configuration occurs twice in one landscape: expected one row per configuration")
    matched = index_b.get_indexer(index_a)
    rows_a = np.flatnonzero(matched >= 0)
    rows_b = matched[rows_a]
    if len(rows_a) < 2:
        shared = "one configuration" if len(rows_a) else "no configuration"
        raise AnalysisError(f"A and B: {shared} in common (of {len(a)} and {len(b)}): expected at least 2")
    in_a, in_b = a.iloc[rows_a], b.iloc[rows_b]
    near_a, near_b = _is_near(a), _is_near(b)
    return Comparison(
        common=len(rows_a),
        only_a=len(a) - len(rows_a),
        only_b=len(b) - len(rows_b),
        statuses=_differing(in_a["status"], in_b["status"]),
        agreements=_agreements(in_a, in_b),
        a_on_b=_transfer(a, b, rows_a, rows_b),
        b_on_a=_transfer(b, a, rows_b, rows_a),
        near_a=Near(int((near_a & _in_space(a)).sum()), int(_in_space(a).sum())),
        near_b=Near(int((near_b & _in_space(b)).sum()), int(_in_space(b).sum())),
        near_both=int((near_a[rows_a] & near_b[rows_b]).sum()),
    )


def _differing(a: pd.Series[str], b: pd.Series[str]) -> dict[tuple[str, str], int]:
    pairs = [(str(one), str(other)) for one, other in zip(a, b, strict=True) if one != other]
    return dict(Counter(pairs).most_common())


def _agreements(a: pd.DataFrame, b: pd.DataFrame) -> dict[tuple[str, float], Agreement]:
    """Agreement by column and share of the fastest; the rows of ``a`` and ``b`` correspond."""
    ok = (a["status"].to_numpy() == "ok") & (b["status"].to_numpy() == "ok")  # by position, because the labels differ
    agreements = {}
    for column in LATENCIES:
        if column == "oracle_ms" and not (_retimed(a) or _retimed(b)):
            continue
        x, y = (table.loc[ok, column].to_numpy(np.float64, na_value=np.nan) for table in (a, b))
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        order = np.argsort(x, kind="stable")
        fastest = order[: max(min(2, len(order)), int(np.ceil(FASTEST * len(order))))]
        agreements[column, 1.0] = agreement(x, y)
        agreements[column, FASTEST] = agreement(x[fastest], y[fastest])
    return agreements


def _retimed(table: pd.DataFrame) -> bool:
    """Whether ``oracle_ms`` differs from ``latency_ms``."""
    if "oracle_ms" not in table:
        return False
    oracle, latency = (table[name].to_numpy(np.float64, na_value=np.nan) for name in ("oracle_ms", "latency_ms"))
    return not np.array_equal(oracle, latency, equal_nan=True)


def agreement(a_ms: Floats, b_ms: Floats) -> Agreement:
    """The agreement of two latencies of the same configurations; shapes ``[n]``, all finite and positive."""
    ratio = b_ms / a_ms
    difference = np.abs(ratio - 1.0)
    varied = len(ratio) > 1 and np.ptp(a_ms) > 0 and np.ptp(b_ms) > 0
    nothing = float("nan")
    return Agreement(
        n=len(ratio),
        spearman=float(spearmanr(a_ms, b_ms).statistic) if varied else nothing,
        median_difference=float(np.median(difference)) if len(ratio) else nothing,
        p95_difference=float(np.quantile(difference, 0.95)) if len(ratio) else nothing,
        median_ratio=float(np.median(ratio)) if len(ratio) else nothing,
    )


def _transfer(giving: pd.DataFrame, taking: pd.DataFrame, rows: Rows, rows_there: Rows) -> Transfer | None:
    """The best configuration of one side (if necessary, of the common ones) on the other side.

    Args:
        rows, rows_there: positions of the common configurations, pairwise. [common]
    """
    own, there = true_latency(giving), true_latency(taking)
    if not np.isfinite(own[rows]).any() or not np.isfinite(there).any():
        return None
    best = int(np.argmin(own[rows]))
    return Transfer(
        slowdown=float(there[rows_there[best]] / there.min()),
        status=str(taking["status"].iloc[int(rows_there[best])]),
        is_optimum=bool(own[rows[best]] == own.min()),
    )


def _is_near(table: pd.DataFrame) -> Flags:
    """Whether each row is within the headline target of the table's optimum. [rows]"""
    latency = true_latency(table)
    return is_hit(latency, latency.min(), HEADLINE_TARGET) & np.isfinite(latency)


def _in_space(table: pd.DataFrame) -> Flags:
    """The rows that represent the space; see :func:`analysis.reference.space_rows`. [rows]"""
    return np.asarray(table.index.isin(space_rows(table).index))


def format_comparison(comparison: Comparison, a: str, b: str) -> str:
    """The comparison as lines of text; ``a`` and ``b`` are the names of the files."""
    return "\n".join(_lines(comparison, a, b))


def _lines(c: Comparison, a: str, b: str) -> Iterator[str]:
    yield f"A = {a}"
    yield f"B = {b}"
    yield f"configurations: {c.common} in common, {c.only_a} only in A, {c.only_b} only in B"
    yield f"statuses: {_statuses(c.statuses)}"
    yield from _table(c.agreements)
    yield _transferred(c.a_on_b, "A", "B")
    yield _transferred(c.b_on_a, "B", "A")
    yield (
        f"within {HEADLINE_TARGET:.0%} of its own optimum: {c.near_a.k} of {c.near_a.n} in A, {c.near_b.k} of "
        f"{c.near_b.n} in B, {c.near_both} in both"
    )


def _statuses(differing: Mapping[tuple[str, str], int]) -> str:
    if not differing:
        return "the same in both"
    pairs = ", ".join(f"{count} {one} in A, {other} in B" for (one, other), count in differing.items())
    return f"{sum(differing.values())} differ: {pairs}"


def _table(agreements: Mapping[tuple[str, float], Agreement]) -> Iterator[str]:
    rows = [["succeeded in both", "n", "Spearman", "median |B−A|/A", "95th percentile", "median B/A"]]
    for (column, share), agreed in agreements.items():
        name = f"{column} ({LATENCIES[column]})" if share == 1.0 else f"  fastest {share:.0%} of A"
        numbers = [f"{agreed.spearman:.4f}", f"{agreed.median_difference:.2%}", f"{agreed.p95_difference:.2%}"]
        numbers += [f"{agreed.median_ratio:.4f}"]
        rows.append([name, str(agreed.n), *["–" if text.startswith("nan") else text for text in numbers]])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells)
    if ("oracle_ms", 1.0) not in agreements:
        yield "neither was re-timed: oracle_ms equals latency_ms"


def _transferred(transfer: Transfer | None, giving: str, taking: str) -> str:
    if transfer is None:
        return f"optimum of {giving} on {taking}: unknown, because no configuration to compare succeeded"
    what = (
        f"optimum of {giving}"
        if transfer.is_optimum
        else f"best common configuration of {giving} (its optimum is not in {taking})"
    )
    if transfer.status != "ok":
        return f"{what} on {taking}: fails ({transfer.status})"
    return f"{what} on {taking}: {transfer.slowdown:.4f}× the optimum of {taking}"
