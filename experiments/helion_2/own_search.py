"""One search of Helion's own, in this process: ``python -m experiments.helion_2.own_search TASK SEED JOBS FOLDER``.

Helion's benchmark workers import the main module of the process that starts them. So this module imports nothing but
what Helion imports, and the rest of the comparison is in :mod:`experiments.helion_2.own`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

LOG, DONE = "helion", "done.json"
"""In the folder: the stem of Helion's own logs, and what is written when the search has ended by itself."""


def autotune(program: Any, inputs: Sequence[torch.Tensor], seed: int, jobs: int, log: Path) -> dict[str, Any]:
    """Run Helion's search and return its choice, its real seconds and its own counts.

    All settings are Helion's defaults, but for the seed, the number of compile processes, the log and the progress bar.

    Args:
        program: a ``helion.kernel``, of which only the function is used.
        inputs: its arguments.
        seed: ``autotune_random_seed``.
        jobs: ``autotune_precompile_jobs``; by default Helion starts one for each core of the host.
        log: the stem of Helion's logs.
    """
    import helion
    from helion.autotuner.metrics import register_post_autotune_hook, remove_post_autotune_hook

    kernel = helion.kernel(
        program.fn,
        static_shapes=True,
        autotune_random_seed=seed,
        autotune_precompile_jobs=jobs,
        autotune_log=str(log),
        autotune_progress_bar=False,
    )
    counts: list[Any] = []
    hook = counts.append
    register_post_autotune_hook(hook)
    try:
        bound = kernel.bind(tuple(inputs))
        begun = time.perf_counter()
        chosen = bound.autotune(tuple(inputs))
        seconds = time.perf_counter() - begun
    finally:
        remove_post_autotune_hook(hook)
    metrics = {name: value for name, value in counts[-1].to_dict().items() if name != "kernel_source"}
    return {"seconds": seconds, "chosen": dict(chosen.config), "metrics": metrics}


def main(task: str, seed: str, jobs: str, folder: str) -> None:
    from harness.backends.task import build_kernel
    from harness.config.compose import Composer
    from kernels.helion.base import HelionKernel

    spec = Composer().compose([f"task={task}"]).task
    assert spec is not None
    kernel = build_kernel(spec)
    assert isinstance(kernel, HelionKernel), f"{task}: expected a task of the live study"
    inputs = kernel.inputs(torch.Generator("cuda").manual_seed(0))
    result = autotune(kernel.program, tuple(inputs.values()), int(seed), int(jobs), Path(folder) / LOG)
    hidden = Path(folder) / f".{DONE}"
    hidden.write_text(json.dumps(result, default=str), encoding="utf-8")
    hidden.replace(Path(folder) / DONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
