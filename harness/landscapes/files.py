"""Read several landscape files, and their rows with keys to join them by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from harness.errors import UserError
from harness.landscapes.landscape import Landscape, read_landscape


def read_landscapes(files: Iterable[Path]) -> tuple[list[Landscape], dict[str, str]]:
    """The landscapes of ``files`` in their order; and by file name the reason why a file cannot be read."""
    landscapes, faults = [], {}
    for file in files:
        try:
            landscapes.append(read_landscape(file))
        except UserError as error:
            faults[str(file)] = str(error).removeprefix(f"{file}: ").removeprefix(f"{file.resolve()}: ")
    return landscapes, faults


def keyed_frame(landscape: Landscape) -> pd.DataFrame:
    """``landscape.frame()`` with ``key``: equal in two landscapes of the same parameters for equal configurations.

    The space's own keys list parameters in the order of their declaration, which may differ between files.
    """
    space = landscape.space
    keys = [json.dumps(dict(space.decode(codes)), sort_keys=True) for codes in landscape.codes]
    return landscape.frame().assign(key=keys)


def keyed_table(path: Path) -> pd.DataFrame:
    """A landscape file's ``frame()`` with ``key`` as in reference.parquet, which is the space's own key.

    Raises:
        UserError: see :func:`read_landscape`.
    """
    landscape = read_landscape(path)
    return landscape.frame().assign(key=[landscape.space.key_of_codes(codes) for codes in landscape.codes])


def check_same_parameters(a: Landscape, b: Landscape) -> None:
    """Raise a UserError that names a parameter which only one of two landscapes has."""
    ours, theirs = set(a.space.names), set(b.space.names)
    for one, other, extra in ((a, b, sorted(ours - theirs)), (b, a, sorted(theirs - ours))):
        if extra:
            raise UserError(f"{one.path}: parameter {extra[0]!r} is not in {other.path}: expected the same parameters")
