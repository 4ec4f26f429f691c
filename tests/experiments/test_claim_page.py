"""The page of the second study agrees with its committed files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import gmean

from experiments.claim_2 import law, readme
from experiments.contenders import table as contenders
from experiments.contenders import times
from experiments.contenders.table import UNIFORM
from experiments.transfer import study as transfer
from experiments.transfer import table as transfer_table

pytestmark = pytest.mark.usefixtures("undrawn")

SECOND = Path(readme.__file__).parent
HERE = SECOND.parent / "claim_5_10x"
OTHERS = SECOND / "others.csv.gz"
REGISTERED = ("conditional_gp", "lfbo", "helion_lfbo_tree", "optuna_tpe")
CONTENDERS = SECOND.parent / "contenders/speedups.csv"


def test_the_page_says_what_the_law_and_the_recordings_of_others_say() -> None:
    page = (SECOND / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    fit = pd.read_csv(SECOND / "report/law-fit.csv").set_index(["baseline", "model", "coefficient"])
    for kind, model, told in (
        ("uniform", law.STUDY, "{0}, {1}, {2} or {3} times as fast"),
        ("by parameter", law.STUDY, "{0}, {1}, {2} or {3} times:"),
        ("uniform", law.ALONE, "{0}, {1}, {2} or {3} times, and"),
        ("by parameter", law.ALONE, "by parameter {0}, {1}, {2} or {3} times:"),
    ):
        level, slope = (fit.loc[(kind, model, name), "estimate"] for name in ("at 100", "difficulty"))
        factors = [level * (x / 100) ** slope for x in (30, 100, 300, 1000)]
        assert told.format(*(f"{x:.1f}" if x < 9.95 else f"{x:.0f}" for x in factors)) in page
    for model in (law.ALONE, law.STUDY):
        (_, first), (_, second) = ((kind, fit.loc[(kind, model, "difficulty")]) for kind in law.BASELINES.values())
        of = [(f"{row['estimate']:.2f}th", f"({row['low']:.2f} to {row['high']:.2f})") for row in (first, second)]
        assert f"the {of[0][0]} power {of[0][1]} and the {of[1][0]} {of[1][1]}" in page
    assert page.index("On the ten test kernels alone") < page.index("Over 14 kernels")  # the headline first


def test_the_page_says_what_the_runs_on_recordings_of_others_say() -> None:
    page = (SECOND / "README.md").read_text(encoding="utf-8")
    external = pd.read_csv(SECOND / "external.csv")
    external = external[(external["baseline"] == "exact_random") & (external["axis"] == "evaluations")]
    rows = {cells[0].partition(" (")[0]: cells[1:] for line in page.splitlines() if len(cells := cells_of(line)) == 5}
    for task, own in external.groupby("task"):
        for row, cell in zip(own.to_dict("records"), rows[str(task)], strict=True):  # both by name
            said = [float(number) for number in re.findall(r"[\d.]+", cell)]
            ends = [row[name] for name in ("speedup", "speedup_low", "speedup_high")]
            assert said == pytest.approx([*ends, row["hits"], 10], rel=0.05, abs=0.005)  # as printed
    for (_, own), cell in zip(external.groupby("strategy"), rows["ALL, over kernels like these four"], strict=True):
        assert float(cell.split()[0].rstrip(",")) == pytest.approx(gmean(own["speedup"]), rel=0.01)
        assert cell.endswith(f"{own['hits'].sum()}/50")


def cells_of(line: str) -> list[str]:
    return line.strip("| ").split(" | ")


def test_the_page_says_what_the_verdict_says() -> None:
    page = (SECOND / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    verdict = json.loads((SECOND / "report/verdict.json").read_text(encoding="utf-8"))

    def speedup(axis: str, kind: str, target: float = 0.05, strategy: str = "conditional_gp") -> float:
        (cell,) = [cell for cell in verdict["cells"] if (cell["question"], cell["stratum"]) == ("these tasks", "useful")
                   and (cell["strategy"], cell["axis"], cell["baseline"]) == (strategy, axis, kind)
                   and cell["target"] == target]  # fmt: skip
        return float(cell["speedup"])

    uniform, by_parameter = "exact_random", "exact_random_by_parameter"
    assert (
        f"{speedup('evaluations', uniform):.1f} times as fast as uniform random search and "
        f"{speedup('evaluations', by_parameter):.1f} times as fast as random search by parameter "
        f"({speedup('seconds', by_parameter):.1f} in tuning seconds)"
    ) in page
    others = [speedup("evaluations", by_parameter, strategy=name) for name in ("optuna_tpe", "lfbo")]
    assert f"are refuted: {others[0]:.1f}, {others[1]:.1f} and less than 0.9 times." in page
    assert "refuted for helion_lfbo_tree (less than 0.9×)" in verdict["details"]
    assert "5.0× in tuning seconds (1 worker each), at least 4.8" in verdict["notes"][0]
    assert "only 5.0 times as slow (in seconds; one-sided 95%: 4.8)" in page
    near, far = ([speedup("evaluations", kind, target) for kind in (uniform, by_parameter)] for target in (0.01, 0.1))
    assert (
        f"is {near[0]:.0f} times as fast as uniform and {near[1]:.0f} times as fast as random search by parameter"
        in page
    )
    assert f"at 10% {far[0]:.1f} and {far[1]:.1f} times" in page
    first = json.loads((HERE / "report/verdict.json").read_text(encoding="utf-8"))["sentence"]
    assert "4.3 times (3.6 to 4.8; p" in first
    assert "4.3 times (3.6 to 4.8) as fast as runs of random search by parameter" in page


@pytest.mark.slow
def test_the_table_of_the_page_is_computed_from_the_committed_results() -> None:
    found = contenders.speedups([SECOND / "results", OTHERS])
    printed = contenders.markdown(contenders.summary(found)).splitlines()
    page = (SECOND / "README.md").read_text(encoding="utf-8").splitlines()
    begin = page.index(printed[0])
    assert page[begin : begin + len(printed) + 1] == [*printed, ""]
    seconds = contenders.summary(contenders.speedups([SECOND / "results", OTHERS], "seconds")).set_index("strategy")
    gp, tpe, lfbo, check = (
        contenders.with_interval(*seconds.loc[f"{name}_16", [UNIFORM, f"{UNIFORM} low", f"{UNIFORM} high"]])
        for name in ("conditional_gp", "optuna_tpe", "lfbo", "random")
    )
    words = " ".join(line.strip() for line in page)
    assert f"On these tasks, it is {gp.replace(' ', ' times ')} as fast as uniform random search in seconds" in words
    assert f"`optuna_tpe_16` {tpe}, `lfbo_16` {lfbo} and `random_16`, a check, {check}." in words


def test_every_other_strategy_of_the_study_is_kept_with_every_task_and_seed_or_named_as_left_out() -> None:
    kept = times.long(times.read_times(OTHERS))
    of = kept.groupby("strategy").agg(tasks=("task", "nunique"), seeds=("seed", "nunique"), last=("seed", "max"))
    assert (of["tasks"] == 20).all() and (of["seeds"] == 30).all() and (of["last"] == 3029).all()
    page = (SECOND / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    (told,) = re.findall(r"left out because they have not run on all seeds: ([^.]*)\.", page) or [""]
    assert {*of.index} | {*re.findall(r"`(\w+)`", told)} == labels() - {*REGISTERED, "conditional_gp_16"}


def test_what_the_page_says_of_other_strategies_is_in_its_table() -> None:
    study, _, _ = (SECOND / "README.md").read_text(encoding="utf-8").partition("## Later defaults")
    lines = study.splitlines()
    first = {cells[0]: cells[1].split(",")[0] for line in lines if len(cells := cells_of(line)) == 4}
    alone = {name: cell.split(" ")[0] for name, cell in first.items()}
    page = " ".join(line.strip() for line in lines)
    assert (
        f"`conditional_gp` is {first['conditional_gp_from_default']} instead of {alone['conditional_gp']} times as "
        f"fast, `optuna_tpe` {alone['optuna_tpe_from_default']} instead of {alone['optuna_tpe']}, and random search "
        f"{alone['random_from_default']} instead of {alone['random']} times"
    ) in page
    assert (
        f"(`conditional_gp_1`) give {first['conditional_gp_1']} times over uniform random search, those of this study "
        f"without the features that the spaces declare {first['conditional_gp_without_features']}, with them "
        f"{first['conditional_gp']}:"
    ) in page
    assert f"are {first['rf_ei']} and {first['trust_region']} times as fast" in page


def labels() -> set[str]:
    """The labels of run.sh."""
    script = (SECOND / "run.sh").read_text(encoding="utf-8")
    found = set()
    for loop, body in re.findall(r"^for strategy in (.*?); do\n(.*?)^done", script, flags=re.MULTILINE | re.DOTALL):
        (suffix,) = re.findall(r"strategy\.label=\$\{strategy%_2\}(\w+)", body)
        found |= {name.removesuffix("_2") + suffix for name in loop.split()}
    for line in re.findall(r"^sweep (.*)", script, flags=re.MULTILINE):
        label = re.search(r"strategy\.label=(\w+)", line)
        found |= {label[1]} if label else set(re.findall(r"strategy=([\w,]+)", line)[0].split(","))
    return found


def test_a_bound_is_no_estimate_in_the_tables() -> None:
    assert contenders.with_interval(7.13, 6.8, 7.5) == "7.1 (6.8–7.5)"
    assert contenders.with_interval(1.077, float("nan"), float("nan")) == "≤ 1.1 (–)"


@pytest.mark.parametrize(
    ("main", "given", "said"),
    [
        (law.main, ["nowhere.csv", "-o", "out"], "nowhere.csv: no such file"),
        (law.main, [str(CONTENDERS), "-o", "out", "--strategy", "conditional"], "--strategy conditional: not in these"),
        (contenders.main, ["nowhere"], "nowhere: no such file or directory: expected a folder of runs"),
        (transfer_table.main, ["nowhere.csv"], "nowhere.csv: no such file"),
        (transfer.main, ["3000", "-o", "runs.csv"], "seeds 3000: expected FROM:TO"),
        (transfer.main, ["1:2", "-o", "runs.csv", "--groups", "shap"], "--groups shap: expected some of cold, shape"),
    ],
)
def test_scripts_refuse_bad_input_in_a_line(
    main: Callable[[Sequence[str]], int], given: list[str], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2 and said in capsys.readouterr().err and not [*tmp_path.iterdir()]
