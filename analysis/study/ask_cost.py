"""Growth of the cost of an ask with the number of observations: exponents, and the table of ``nearopt profile``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import linregress
from scipy.stats import t as student

from analysis.media import aligned

LAST_DECADE = 10.0
LEVEL = 0.95
SHOWN = (10, 100, 1000)
COLUMNS = ("strategy", "observations", "ask_s", "tell_s", "memory_bytes", "ended")


def growth(observations: pd.Series[float], seconds: pd.Series[float]) -> tuple[float, float, float]:
    """The exponent b of seconds = a · observations^b over the last decade of observations, and its 95% interval.

    Least squares on logarithms; Student's t interval of the slope with n − 2 degrees of freedom. Readings are assumed
    independent around a power law; a bend (an initial design, a refit) widens the interval. The exponent is nan with
    one reading, the interval with fewer than three.
    """
    n, s = observations.to_numpy(np.float64), seconds.to_numpy(np.float64)
    late = (n >= n.max(initial=0.0) / LAST_DECADE) & (s > 0)
    if late.sum() < 2:
        return np.nan, np.nan, np.nan
    fit = linregress(np.log(n[late]), np.log(s[late]))
    if late.sum() < 3:
        return float(fit.slope), np.nan, np.nan
    error = 0.0 if np.ptp(s[late]) == 0 else fit.stderr  # nan if nothing varies
    half = float(student.ppf((1 + LEVEL) / 2, int(late.sum()) - 2) * error)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half


def summarise(readings: pd.DataFrame) -> pd.DataFrame:
    """Summarise readings: one row per strategy in the order of ``readings``.

    Args:
        readings: columns :data:`COLUMNS`; seconds of one ask and tell, and bytes beyond the process without the
            strategy.

    Returns:
        ``strategy, observations, ended, ask_and_tell_ms_<n>`` (nan if it stopped earlier), ``memory_mb, exponent, low,
        high`` (of the last decade).
    """
    rows = []
    for strategy, own in readings.groupby("strategy", sort=False):
        total = own["ask_s"] + own["tell_s"]
        exponent, low, high = growth(own["observations"], total)
        last = own.iloc[-1]
        rows.append(
            {
                "strategy": strategy,
                "observations": int(last["observations"]),
                "ended": last["ended"],
                **{f"ask_and_tell_ms_{n}": 1e3 * float(total[own["observations"] == n].max()) for n in SHOWN},
                "memory_mb": float(last["memory_bytes"]) / 1e6,
                "exponent": exponent,
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)


def terminal_table(summary: pd.DataFrame) -> str:
    """The summary as an aligned table for the terminal."""
    head = ["strategy", "observations", *(f"ms at {n}" for n in SHOWN), "MB", "exponent"]
    rows = [head, *(_cells(row) for _, row in summary.iterrows())]
    return "\n".join(aligned(rows))


def _cells(row: pd.Series[float]) -> list[str]:
    how = str(row["ended"])
    ended = "" if how == "done" else f" ({how})"
    interval = "" if np.isnan(row["low"]) else f" [{row['low']:.2f}, {row['high']:.2f}]"
    exponent = "–" if np.isnan(row["exponent"]) else f"{row['exponent']:.2f}{interval}"
    times = [row[f"ask_and_tell_ms_{n}"] for n in SHOWN]
    return [
        str(row["strategy"]),
        f"{row['observations']}{ended}",
        *("–" if np.isnan(ms) else f"{ms:.3g}" for ms in times),
        f"{row['memory_mb']:.1f}",
        exponent,
    ]
