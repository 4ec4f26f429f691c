"""Execute the notebooks' code cells in this process, and write their printed output into the notebooks.

`python -m experiments.notebooks.execute` from the root of the clone; needs no Jupyter. The value at the end of a cell
is not shown, so cells must print, and no pictures are embedded, which keeps outputs small.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOTEBOOKS = tuple(sorted(HERE.glob("*.ipynb")))


def executed(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run a notebook's code cells in order in one namespace; return the notebook with their outputs.

    Raises:
        Exception: whatever a cell raises.
    """
    namespace: dict[str, Any] = {"__name__": "notebook"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            printed = io.StringIO()
            with redirect_stdout(printed), redirect_stderr(io.StringIO()):  # progress is not a result
                exec(compile("".join(cell["source"]), f"cell {count}", "exec"), namespace)
            lines = printed.getvalue().splitlines(keepends=True)
            outputs = [{"output_type": "stream", "name": "stdout", "text": lines}] if lines else []
            cell = {**cell, "execution_count": count, "outputs": outputs}
        cells.append(cell)
    return {**notebook, "cells": cells}


def outputs(notebook: dict[str, Any]) -> list[str]:
    """The printed output of each code cell."""
    return [
        "".join(line for output in cell["outputs"] for line in output["text"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def main(paths: Sequence[Path] = NOTEBOOKS) -> None:
    """Execute and write each notebook."""
    for path in paths:
        done = executed(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(done, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or NOTEBOOKS)
