"""Turn a log of Helion's into configurations to replay.

    python -m experiments.helion_2.proposals LOG.csv TASK -o FILE

LOG.csv is what any of Helion's searches writes with ``HELION_AUTOTUNE_LOG``, such as its LLM-guided ones, which need a
key and are no strategies here. FILE has its proposals, each once and in order, for ``start=FILE``. TASK is a task of
conf/task, or a landscape file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments.helion_2.own import in_space, read_trials
from harness.backends.task import build_kernel
from harness.config.compose import Composer
from harness.errors import UserError
from harness.landscapes.landscape import read_landscape
from kernels.helion.base import HelionKernel
from search_spaces.device import H100
from search_spaces.space import SearchSpace


def proposals(configs: Iterable[Mapping[str, Any]], space: SearchSpace) -> tuple[list[Mapping[str, Any]], int]:
    """Return the distinct configurations in the order proposed, and how many proposals the space does not have."""
    found: dict[str, Mapping[str, Any]] = {}
    outside = 0
    for config in configs:
        if (configuration := in_space(config, space)) is None:
            outside += 1
        else:
            found.setdefault(space.key(configuration), configuration)
    return list(found.values()), outside


def space_of(task: str) -> SearchSpace:
    """Return the space of a landscape file, or of a Helion task on an H100.

    Raises:
        UserError: neither is there, or it is not one of Helion's.
    """
    if task.endswith(".parquet"):
        return read_landscape(Path(task)).space
    spec = Composer().compose([f"task={task}"]).task
    kernel = None if spec is None else build_kernel(spec)
    if spec is None or not isinstance(kernel, HelionKernel):
        raise UserError(f"{task}: expected a task whose kernel is written in Helion")
    return kernel.space(H100, spec.space.get("pinned") or ())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("task")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        trials = read_trials(given.log)
        if not trials:
            raise UserError(f"{given.log}: no evaluation: expected a log of Helion's")
        found, outside = proposals((trial.config for trial in trials), space_of(given.task))
        if not found:
            raise UserError(f"{given.log}: none of its {len(trials)} proposals is in the space of {given.task}")
    except UserError as error:
        print(f"proposals: {error}", file=sys.stderr)
        return 2
    given.output.write_text(json.dumps([dict(each) for each in found]) + "\n", encoding="utf-8")
    print(f"{len(found)} of {len(trials)} proposals ({outside} outside the space, the others repeated): {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
