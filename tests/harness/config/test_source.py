from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import Composer
from harness.config.source import Source, source_of
from harness.errors import UserError
from tests.harness.toy import write_toy

WARM = ["strategy=warm", "task=softmax-4096x2560-bf16"]


def document(source: object, evaluations: object = None, runs: object = None) -> dict[str, object]:
    return {"source": source, "source_evaluations": evaluations, "source_runs": runs}


def test_words_paths_and_sizes(tmp_path: Path) -> None:
    assert source_of(document(None)) is None
    assert source_of(document("sibling")) == Source(("sibling",))
    assert source_of(document([str(tmp_path), "sibling"], 120, 3)) == Source((str(tmp_path), "sibling"), 120, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (document("siblin"), "source=siblin: no such path: expected sibling"),
        (document("/nowhere/x"), "source=/nowhere/x: no such path: expected sibling, "),
        (document(3), "source=3: expected sibling, "),
        (document([]), r"source=\[\]: expected sibling, "),
        (document(["sibling", "sibling"]), "expected each source once"),
        (document("sibling", 0), "source_evaluations=0: expected a whole number, 1 or more"),
        (document("sibling", None, 0), "source_runs=0: expected a whole number, 1 or more"),
        (document(None, 5), "source_evaluations=5: expected source= as well"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        source_of(given)
    assert "\n" not in str(error.value)


def labels(*overrides: str) -> list[str]:
    return [run.label for run in Composer().expand([*WARM, *overrides]).runs]


def test_a_source_is_in_the_label_and_nothing_else_is(tmp_path: Path) -> None:
    file = write_toy(tmp_path)
    assert labels() == ["warm"]
    assert labels("source=sibling", "seed=0,1") == ["warm(source=sibling)"] * 2
    assert labels("source=null,sibling") == ["warm", "warm(source=sibling)"]
    assert labels("source=sibling", "strategy.label=x") == ["x"]
    assert labels("source=sibling", "source_evaluations=120", "source_runs=30") == [
        "warm(source=sibling,source_evaluations=120,source_runs=30)"
    ]
    assert labels("source=sibling", "strategy.tries=1,2") == [f"warm(source=sibling,tries={n})" for n in (1, 2)]
    (label,) = labels(f"source={file}")
    assert label.startswith("warm(source=toy-8x8-bf16_")
    alone = Composer().compose([*WARM, "source=sibling"])
    assert alone == Composer().expand([*WARM, "source=sibling"]).runs[0]
    assert Composer().compose([*WARM, "source=sibling", "strategy.label=x"]).label == "x"
    assert Composer().compose([*WARM, f"source=[{file},sibling]"]).label.startswith("warm(source=toy-8x8")
