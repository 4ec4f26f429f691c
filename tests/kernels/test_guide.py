"""The table of kernels/README.md against the recordings that it names."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from harness.system.resources import CHECKOUT
from tests.harness.measure.kernel_tasks import KERNELS

Cells = list[str]


def rows() -> dict[str, Cells]:
    """Return the cells of each kernel's row: structural choice, other choices, feasible configurations."""
    page = (CHECKOUT / "kernels/README.md").read_text(encoding="utf-8")
    table = page[page.index("| kernel | its structural choice") :].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table if line.startswith("| ")]
    return {name: rest for name, *rest in cells}


def test_the_guide_names_every_kernel() -> None:
    assert sorted(rows()) == sorted(KERNELS) and len(KERNELS) == 14


@pytest.mark.parametrize("name", KERNELS)
def test_the_guide_has_the_structure_and_the_sizes_that_were_recorded(name: str) -> None:
    structure, others, feasible = rows()[name]
    files = sorted(CHECKOUT.glob(f"experiments/landscapes/{name}-*__h100.parquet"))
    metadata = [json.loads(pq.read_schema(file).metadata[b"nearopt"]) for file in files]
    whole = [i for i, of in enumerate(metadata) if of["coverage"]["kind"] == "exhaustive"]
    assert feasible == " · ".join(f"{pq.read_metadata(files[i]).num_rows:,}" for i in whole)
    parameters = {p["name"]: p for i in whole for p in metadata[i]["space"]["parameters"]}
    choice, _, values = structure.partition(": ")
    assert parameters[choice.strip("`")]["values"] == values.split(", ")
    activates = [p["name"] for p in parameters.values() if choice.strip("`") in p.get("active_when", "")]
    assert activates, "a structural choice activates parameters of its own"
    categorical = {p for p in parameters if parameters[p]["kind"] == "categorical" and "eviction" not in p}
    assert {other.strip("`") for other in others.split(", ")} - {"–"} == categorical - {choice.strip("`")}
