"""Default results folders, and a results folder beside the user's own configuration."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from harness.cli.parser import parse
from harness.config.compose import Composer
from harness.errors import UserError


def test_no_default_folder_lies_in_another() -> None:
    """``nearopt report results`` reads runs at any depth: it must not find those of the quickstart or of a gate."""
    _, gate = parse(["gate", "random", "--against", "sobol"])
    _, report = parse(["report", "results"])
    one_task = ["task=softmax-4096x2560-bf16", "seed=0"]
    plain, quickstart = (
        Composer().expand([*more, *one_task]).options.results for more in ([], ["experiment=quickstart"])
    )
    folders = [plain, quickstart, gate.results, report.output]
    for one, other in permutations(folders, 2):
        assert one != other and other not in one.parents, f"{one} lies in {other}"


@pytest.mark.parametrize("results", ["theirs", "deeper/down", "'with = sign'"])
def test_a_results_folder_beside_the_configuration_is_no_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("strategy", "results/task", "jobs"):
        Path(folder).mkdir(parents=True)
    Path("strategy/mine.yaml").write_text("_target_: harness.strategies.random.RandomSearch\nlabel: mine\n")
    given = ["task=softmax-4096x2560-bf16", "strategy=mine", f"results={results}", "jobs=1", "seed=0,1"]
    sweep = Composer(Path()).expand(given)
    assert (sweep.options.results, sweep.options.jobs) == (Path(results.strip("'")), 1)
    assert [run.label for run in sweep.runs] == ["mine", "mine"]
    with pytest.raises(UserError, match=r"results=\[a,b\]: expected text"):
        Composer(Path()).single([*given[:2], "results=[a,b]"])
    with pytest.raises(UserError, match="jobs=many"):
        Composer(Path()).single([*given[:2], "jobs=many"])
