"""Optuna's samplers, Ax's generation strategies and BoTorch's acquisition functions, selected by configuration."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from ax.adapter.registry import Generators
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.generator_spec import GeneratorSpec
from botorch.acquisition import AcquisitionFunction
from botorch.utils.transforms import t_batch_mode_transform

from harness.errors import UserError
from harness.strategies.ax_botorch import sobol_then
from harness.strategies.base import Budget
from harness.strategies.botorch_mixed import BotorchMixed
from harness.testing import drive, spaces
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]


class FirstTile(AcquisitionFunction):
    """A user's own acquisition function, which ignores the model and prefers a large second input."""

    def __init__(self, model: object, weight: float = 1.0) -> None:
        super().__init__(model=model)
        self.weight = weight

    @t_batch_mode_transform(expected_q=1)
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.weight * X[:, 0, 1]


def own_generation(seed: int, initial: int = 3) -> GenerationStrategy:
    return sobol_then(seed, initial, GeneratorSpec(Generators.SOBOL, generator_kwargs={"seed": seed + 1}))


def no_generation(seed: int) -> int:
    return seed


def run(nearopt: Nearopt, folder: Path, evaluations: int, *overrides: str) -> tuple[int, str, str]:
    return nearopt("run", f"backend.landscape={write_toy(folder)}", f"budget.evaluations={evaluations}", *overrides)


def strategy_of(folder: Path, label: str) -> dict[str, object]:
    file = folder / f"results/toy-8x8-bf16__toy/{label}/seed-0/config.yaml"
    read: dict[str, object] = yaml.safe_load(file.read_text())["strategy"]
    return read


def test_a_sampler_by_its_class_and_arguments(nearopt: Nearopt, tmp_path: Path) -> None:
    sampler = ("strategy=optuna_sampler", "strategy.sampler=optuna.samplers.QMCSampler")
    assert run(nearopt, tmp_path, 12, *sampler, "strategy.arguments.qmc_type=halton")[0] == 0
    assert strategy_of(tmp_path, "optuna_QMCSampler")["arguments"] == {"qmc_type": "halton"}
    assert (
        run(nearopt, tmp_path, 12, "strategy=optuna_sampler", "strategy.sampler=optuna.samplers.BruteForceSampler")[0]
        == 0
    )
    own = ("strategy=optuna_sampler", "strategy.sampler=optuna.samplers.TPESampler", "strategy.label=tpe_small")
    assert run(nearopt, tmp_path, 12, *own, "strategy.arguments.n_startup_trials=4")[0] == 0


ACQUISITIONS = {
    "UpperConfidenceBound": {"beta": 2.0},
    "ProbabilityOfImprovement": {},
    "qLogNoisyExpectedImprovement": {"prune_baseline": False},
    "qMaxValueEntropy": {"num_mv_samples": 4},
    "qSimpleRegret": {},
}


@pytest.mark.parametrize(
    "name", [name if i % 2 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(ACQUISITIONS)]
)
@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_an_acquisition_function_by_its_class_and_arguments(name: str, batch: int) -> None:
    space = spaces.conditional()
    traces = []
    for state in (1, 2):
        torch.manual_seed(state)
        strategy = BotorchMixed(
            space, np.random.SeedSequence(0), Budget(), initial=4, iterations=10,
            acquisition=f"botorch.acquisition.{name}", arguments=ACQUISITIONS[name],
        )  # fmt: skip
        done = drive(strategy, space, evaluations=7, batch=batch)
        traces.append([space.key(evaluation.configuration) for evaluation in done])
    assert traces[0] == traces[1]


def test_an_acquisition_function_of_ones_own_decides(nearopt: Nearopt, tmp_path: Path) -> None:
    acquisition = ("strategy=botorch_acquisition", f"strategy.acquisition={__name__}.FirstTile")
    acquisition += ("strategy.initial=3", "strategy.iterations=5")
    assert run(nearopt, tmp_path, 8, *acquisition)[0] == 0
    assert run(nearopt, tmp_path, 8, *acquisition, "strategy.arguments.weight=-1", "strategy.label=smallest")[0] == 0
    path = "results/toy-8x8-bf16__toy/{}/seed-0/evaluations.parquet"
    blocks = {
        label: pd.read_parquet(tmp_path / path.format(label))["config.block"].tolist()
        for label in ("botorch_FirstTile", "smallest")
    }
    assert blocks["botorch_FirstTile"][:3] == blocks["smallest"][:3]  # random ones
    assert set(blocks["botorch_FirstTile"][3:]) == {128} and set(blocks["smallest"][3:]) == {16}


def test_a_generation_strategy_by_its_function_and_arguments(nearopt: Nearopt, tmp_path: Path) -> None:
    ax = ("strategy=ax_generation", f"strategy.generation={__name__}.own_generation")
    assert run(nearopt, tmp_path, 6, *ax, "strategy.arguments.initial=2")[0] == 0
    assert strategy_of(tmp_path, "ax_own_generation")["arguments"] == {"initial": 2}


@pytest.mark.slow
def test_a_generation_strategy_of_a_model_and_an_acquisition_function(nearopt: Nearopt, tmp_path: Path) -> None:
    ax = ("strategy=ax_generation", "strategy.arguments.acquisition=botorch.acquisition.qUpperConfidenceBound")
    model = "strategy.arguments.model=botorch.models.SingleTaskGP"
    assert run(nearopt, tmp_path, 5, *ax, model, "strategy.arguments.initial=3")[0] == 0
    assert strategy_of(tmp_path, "ax_sobol_then_botorch")["arguments"]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ("strategy=optuna_sampler", "strategy.sampler"),
        ("strategy=optuna_sampler strategy.sampler=optuna.samplers.Nope", "strategy.sampler=optuna.samplers.Nope: "),
        ("strategy=optuna_sampler strategy.sampler=optuna.Study", "expected a class derived from optuna.samplers"),
        ("strategy=optuna_sampler strategy.sampler=optuna.samplers.QMCSampler strategy.arguments.nope=1", "'nope'"),
        ("strategy=botorch_acquisition strategy.acquisition=botorch.acquisition.qKnowledgeGradient", "over fantasies"),
        ("strategy=botorch_acquisition strategy.acquisition=botorch.models.SingleTaskGP", "AcquisitionFunction"),
        ("strategy=ax_generation strategy.arguments.generator=NOPE", "arguments.generator=NOPE: expected one of SOBOL"),
        (
            f"strategy=ax_generation strategy.generation={__name__}.no_generation",
            "returned a int: expected a Gen",
        ),
    ],
)
def test_what_is_wrong_is_one_line(nearopt: Nearopt, tmp_path: Path, overrides: str, says: str) -> None:
    code, out, err = run(nearopt, tmp_path, 5, *overrides.split())
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1, err


@pytest.mark.skipif(find_spec("cmaes") is not None, reason="cmaes is installed")
def test_a_sampler_whose_library_is_missing_says_so(nearopt: Nearopt, tmp_path: Path) -> None:
    code, _, err = run(nearopt, tmp_path, 5, "strategy=optuna_sampler", "strategy.sampler=optuna.samplers.CmaEsSampler")
    assert (code, err) == (2, "nearopt: strategy.sampler: needs cmaes, which is not installed\n")


def test_an_acquisition_function_that_refuses_its_arguments_is_one_line() -> None:
    space = spaces.conditional()
    strategy = BotorchMixed(
        space, np.random.SeedSequence(0), Budget(), initial=2, iterations=5,
        acquisition="botorch.acquisition.UpperConfidenceBound", arguments={"gamma": 1.0},
    )  # fmt: skip
    with pytest.raises(UserError, match=r"strategy.acquisition: UpperConfidenceBound: .*gamma"):
        drive(strategy, space, evaluations=4)
