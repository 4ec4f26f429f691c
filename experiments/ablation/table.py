"""Tables from ``results.csv``: each ingredient's worth, and defaults chosen without the kernel they are tested on.

python -m experiments.ablation.table > tables.md
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import difficulty, kernel_of
from analysis.statistics import random_search
from analysis.statistics.ert import LogEstimate, combine, estimate
from analysis.study.workers import one_after_another
from experiments.ablation.run import EVALUATIONS, RESULTS, landscape

TARGETS = {0.05: "hit_5", 0.10: "hit_10"}
DEFAULT = "default"
BOOTSTRAPS = 2000
Floats = NDArray[np.float64]


def whole_seeds(results: pd.DataFrame) -> pd.DataFrame:
    """Rows of the seeds that every variant has finished on every landscape."""
    cells = results["variant"].nunique() * results["landscape"].nunique()
    counts = results.groupby("seed").size()
    return results[results["seed"].isin(counts.index[counts == cells])]


def speedups(results: pd.DataFrame, target: float) -> pd.DataFrame:
    """Speedup over exact random search by variant and landscape: variant, landscape, kernel, log (LogEstimate)."""
    rows = []
    for (variant, name), runs in results.groupby(["variant", "landscape"], sort=False):
        table = landscape(str(name)).frame()
        known = difficulty(table, float(table["oracle_ms"].min()), target)
        random = LogEstimate(float(np.log(random_search.ert(known.n, known.k, EVALUATIONS))))
        times = runs[TARGETS[target]]
        ert = estimate(times.fillna(EVALUATIONS), times.notna()).log
        rows.append((variant, name, kernel_of(str(name)), random - ert))
    return pd.DataFrame(rows, columns=["variant", "landscape", "kernel", "log"])


def by_kernel(table: pd.DataFrame) -> dict[str, LogEstimate]:
    """Geometric mean over the landscapes of each kernel."""
    return {
        str(kernel): combine(list(logs), [1 / len(logs)] * len(logs)) for kernel, logs in table.groupby("kernel")["log"]
    }


def overall(kernels: dict[str, LogEstimate]) -> LogEstimate:
    """Geometric mean over kernels."""
    return combine(list(kernels.values()), [1 / len(kernels)] * len(kernels))


def paired_ratios(results: pd.DataFrame, target: float, seed: np.random.SeedSequence) -> dict[str, Floats]:
    """Each variant's overall ERT over the default's, its 2.5%, 50% and 97.5% quantiles over resampled seeds.

    Seeds are resampled jointly for all variants, which share their noise and initial points.
    """
    seeds = np.sort(results["seed"].unique())
    drawn = np.random.default_rng(seed).integers(len(seeds), size=(BOOTSTRAPS, len(seeds)))
    logs: dict[str, list[tuple[str, Floats]]] = {}
    for (variant, name), runs in results.groupby(["variant", "landscape"], sort=False):
        times = runs.set_index("seed")[TARGETS[target]].reindex(seeds)
        cost, hit = times.fillna(EVALUATIONS).to_numpy()[drawn].sum(axis=1), times.notna().to_numpy()[drawn].sum(axis=1)
        logs.setdefault(str(variant), []).append((kernel_of(str(name)), np.log(cost / np.maximum(hit, 1))))
    total = {variant: _mean_over_kernels(parts) for variant, parts in logs.items()}
    return {v: np.exp(np.quantile(total[v] - total[DEFAULT], (0.025, 0.5, 0.975))) for v in total}


def _mean_over_kernels(parts: list[tuple[str, Floats]]) -> Floats:
    kernels = {kernel for kernel, _ in parts}
    means = [np.mean([log for k, log in parts if k == kernel], axis=0) for kernel in kernels]
    return np.asarray(np.mean(means, axis=0))


def ablation(results: pd.DataFrame, target: float) -> str:
    """Speedups by kernel and overall, and what a variant costs, as Markdown."""
    table = speedups(results, target)
    ratios = paired_ratios(results, target, np.random.SeedSequence(0))
    kernels = sorted(table["kernel"].unique())
    lines = [f"| at {target:.0%} | {' | '.join(kernels)} | all | ERT / default's |", "|" + "---|" * (len(kernels) + 3)]
    for variant in table["variant"].unique():
        each = by_kernel(table[table["variant"] == variant])
        whole = overall(each)
        low, high = whole.interval()
        ratio = ratios[variant]
        against = "1" if variant == DEFAULT else f"{ratio[1]:.2f} [{ratio[0]:.2f}, {ratio[2]:.2f}]"
        cells = " | ".join(f"{each[kernel].value:.1f}" for kernel in kernels)
        lines.append(f"| {variant} | {cells} | {whole.value:.1f} [{low:.1f}, {high:.1f}] | {against} |")
    return "\n".join(lines)


def leave_one_out(results: pd.DataFrame, target: float) -> str:
    """The variant that is best on all kernels but one, and its speedup on that one, as Markdown."""
    table = speedups(results, target)
    each = {str(variant): by_kernel(rows) for variant, rows in table.groupby("variant", sort=False)}
    lines = [f"| left out, at {target:.0%} | best on the others | its speedup | the default's | the best there |"]
    lines.append("|---|---|---|---|---|")
    for kernel in sorted(table["kernel"].unique()):
        rest = {v: overall({k: e for k, e in kernels.items() if k != kernel}).log for v, kernels in each.items()}
        chosen = max(rest, key=rest.__getitem__)
        best = max(each, key=lambda v: each[v][kernel].log)
        row = [kernel, chosen, *(f"{each[v][kernel].value:.1f}" for v in (chosen, DEFAULT)), ""]
        row[-1] = f"{each[best][kernel].value:.1f} ({best})"
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def seconds(results: pd.DataFrame) -> str:
    """Geometric mean over kernels of the tuning seconds to 5% (ERT), as Markdown."""
    lines = [f"| variant | {one_after_another()} to 5% |", "|---|---|"]
    for variant, rows in results.groupby("variant", sort=False):
        logs = []
        for name, runs in rows.groupby("landscape"):
            cost = runs["hit_5_s"].fillna(runs["spent_s"])
            logs.append((kernel_of(str(name)), np.asarray(estimate(cost, runs["hit_5"].notna()).log.log)))
        lines.append(f"| {variant} | {float(np.exp(_mean_over_kernels(logs))):.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Print all tables."""
    results = whole_seeds(pd.read_csv(RESULTS))
    print(f"{results['seed'].nunique()} seeds, {results['landscape'].nunique()} landscapes, B = {EVALUATIONS}\n")
    print("\n\n".join(ablation(results, target) for target in TARGETS))
    print("\n" + "\n\n".join(leave_one_out(results, target) for target in TARGETS))
    print("\n" + seconds(results))


if __name__ == "__main__":
    main()
