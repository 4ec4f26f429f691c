"""The process against finite differences, against GPyTorch, and refitted."""

from __future__ import annotations

from collections.abc import Callable

import gpytorch
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

from harness.errors import UserError
from harness.strategies.conditional_gp.candidates import ScoredCandidates
from harness.strategies.conditional_gp.covariance import Hyperparameters, covariance
from harness.strategies.conditional_gp.gp import (
    JITTER,
    Posterior,
    Priors,
    fit,
    log_marginal_likelihood,
    pack,
    unpack,
)
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.pairs import Pairs
from harness.strategies.conditional_gp.settings import CovarianceSettings, FitSettings
from harness.strategies.conditional_gp.surrogate import Surrogate
from harness.testing import spaces
from search_spaces.encoding import Encoding, Floats
from search_spaces.parameter import Boolean, Categorical, Ordinal
from search_spaces.space import SearchSpace

SPACE = spaces.conditional()
ENCODING = Encoding(SPACE)
BLOCKS = ENCODING.blocks
POINTS = ENCODING.points(SPACE.codes())


SHAPES = pytest.mark.parametrize(("additive", "smoothness"), [(True, 2.5), (False, 2.5), (True, 1.5), (True, 0.5)])


def hyperparameters(additive: bool = True, smoothness: float = 2.5) -> Hyperparameters:
    rng = np.random.default_rng(5)
    n = len(BLOCKS)
    extra = n if additive else 0
    return Hyperparameters(
        rng.uniform(0.5, 2.0, n), 1.3, rng.uniform(0.3, 1.0, extra), rng.uniform(0.1, 0.4, extra), 0.02, 0.3, smoothness
    )


def observations(n: int = 25) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(11)
    x = POINTS[rng.permutation(len(POINTS))[:n]]
    return x, np.sin(3.0 * x.sum(axis=1)) + 0.1 * rng.normal(size=n)


class Reference(gpytorch.models.ExactGP):  # type: ignore[misc]
    """Build the same model in GPyTorch."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor, hyper: Hyperparameters) -> None:
        likelihood = gpytorch.likelihoods.GaussianLikelihood(
            noise_constraint=gpytorch.constraints.GreaterThan(1e-10)
        ).double()
        super().__init__(x, y, likelihood)
        likelihood.noise = hyper.noise + JITTER
        self.mean = gpytorch.means.ConstantMean()
        self.mean.initialize(constant=hyper.mean)
        product = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(hyper.smoothness, ard_num_dims=x.shape[1]))
        self.kernel = product
        for j, block in enumerate(BLOCKS if hyper.additive else ()):
            columns = tuple(range(block.start, block.stop))
            term = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(hyper.smoothness, active_dims=columns))
            self.kernel = self.kernel + term
            term.double()
            term.base_kernel.lengthscale = hyper.additive_lengthscales[j]
            term.outputscale = hyper.additive_scales[j]
        self.double()
        widths = [block.stop - block.start for block in BLOCKS]
        product.base_kernel.lengthscale = torch.tensor(np.repeat(hyper.lengthscales, widths))
        product.outputscale = hyper.scale

    def forward(self, x: torch.Tensor) -> gpytorch.distributions.MultivariateNormal:
        return gpytorch.distributions.MultivariateNormal(self.mean(x), self.kernel(x))


@SHAPES
def test_marginal_likelihood_and_posterior_equal_gpytorchs(additive: bool, smoothness: float) -> None:
    hyper = hyperparameters(additive, smoothness)
    x, y = observations()
    model = Reference(torch.tensor(x), torch.tensor(y), hyper)
    ours, _ = log_marginal_likelihood(hyper, Pairs.of(x, BLOCKS), y)
    theirs = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    model.train()
    assert ours == pytest.approx(len(y) * theirs(model(model.train_inputs[0]), model.train_targets).item(), abs=1e-6)
    model.eval()
    with torch.no_grad(), gpytorch.settings.fast_pred_var(False):
        posterior = model(torch.tensor(POINTS))
    mean, variance = Posterior(x, BLOCKS, hyper).predict(y, POINTS)
    np.testing.assert_allclose(mean, posterior.mean.numpy(), atol=1e-6)
    np.testing.assert_allclose(variance, posterior.variance.numpy(), atol=1e-6)


@SHAPES
def test_gradient_equals_finite_differences(additive: bool, smoothness: float) -> None:
    x, y = observations()
    squared = Pairs.of(x, BLOCKS)
    theta = pack(hyperparameters(additive, smoothness))

    def value(at: NDArray[np.float64]) -> float:
        return log_marginal_likelihood(unpack(at, len(BLOCKS), additive, smoothness), squared, y)[0]

    _, gradient = log_marginal_likelihood(unpack(theta, len(BLOCKS), additive, smoothness), squared, y)
    np.testing.assert_allclose(gradient, approx_fprime(theta, value, 1e-6), rtol=1e-3, atol=1e-3)


def test_packing_is_undone_by_unpacking() -> None:
    theta = pack(hyperparameters())
    np.testing.assert_allclose(pack(unpack(theta, len(BLOCKS), True)), theta)


def test_levels_give_the_covariance_of_their_points() -> None:
    x, _ = observations()
    hyper = hyperparameters()
    levels = GridPoints.of(POINTS, BLOCKS)
    np.testing.assert_allclose(levels.covariance(x, hyper, chunk=7), covariance(x, POINTS, BLOCKS, hyper))


@SHAPES
def test_labels_of_equal_points_change_no_number(additive: bool, smoothness: float) -> None:
    x, _ = observations()
    hyper = hyperparameters(additive, smoothness)
    codes = np.tile(SPACE.codes(), (2, 1))[np.random.default_rng(0).permutation(2 * len(POINTS))]
    points = ENCODING.points(codes)
    found = GridPoints.of(points, BLOCKS)
    labelled = GridPoints.of(points, BLOCKS, ENCODING.labels(codes))
    assert [len(values) for values in labelled.values] == [len(values) for values in found.values]
    for block, values, index in zip(BLOCKS, labelled.values, labelled.index, strict=True):
        assert np.array_equal(values[index][:, block], points[:, block])
    assert np.array_equal(labelled.covariance(x, hyper), found.covariance(x, hyper))


@SHAPES
def test_a_covariance_does_not_depend_on_how_much_is_computed_at_once(
    additive: bool, smoothness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, _ = observations()
    hyper = hyperparameters(additive, smoothness)
    at_once = covariance(x, POINTS, BLOCKS, hyper)
    monkeypatch.setattr("harness.strategies.conditional_gp.covariance.AT_ONCE", 3 * len(x) * len(BLOCKS))
    assert np.array_equal(covariance(x, POINTS, BLOCKS, hyper), at_once)


def test_covariance_is_positive_definite_over_a_whole_conditional_space() -> None:
    k = covariance(POINTS, POINTS, BLOCKS, hyperparameters())
    assert np.linalg.eigvalsh(k).min() > 0.0
    np.testing.assert_allclose(np.diag(k), hyperparameters().variance)


def test_incremental_updates_equal_the_posterior_from_scratch() -> None:
    x, y = observations()
    hyper = hyperparameters()
    grown = ScoredCandidates(GridPoints.of(POINTS, BLOCKS), Posterior(x[:5], BLOCKS, hyper))
    grown.observe(x[5:6])
    grown.observe(x[6:])
    mean, variance = Posterior(x, BLOCKS, hyper).predict(y, POINTS)
    np.testing.assert_allclose(grown.mean(y), mean, atol=1e-9)
    np.testing.assert_allclose(grown.variance(), variance, atol=1e-9)
    np.testing.assert_allclose(grown.posterior.fitted(y), grown.posterior.predict(y, x)[0], atol=1e-9)
    grown.truncate(12)
    mean, variance = Posterior(x[:12], BLOCKS, hyper).predict(y[:12], POINTS)
    np.testing.assert_allclose(grown.mean(y[:12]), mean, atol=1e-9)
    np.testing.assert_allclose(grown.variance(), variance, atol=1e-9)


def rarely_refitted(prior_mean: Callable[[Floats], Floats] | None = None) -> Surrogate:
    fit = FitSettings(refit_growth=9.0, iterations=5, max_points=100)
    covariance = CovarianceSettings(smoothness=2.5)
    return Surrogate(BLOCKS, priors=Priors(), covariance=covariance, fit=fit, prior_mean=prior_mean)


def test_fantasies_are_forgotten_at_the_next_update() -> None:
    x, y = observations()
    levels = GridPoints.of(POINTS, BLOCKS)
    surrogate = rarely_refitted()
    surrogate.update(x[:10], y[:10])
    surrogate.over(levels)
    before = surrogate.predict()
    surrogate.fantasise(x[12], 3.0)
    assert not np.allclose(surrogate.predict()[1], before[1])
    surrogate.update(x[:10], y[:10])
    surrogate.over(levels)
    np.testing.assert_allclose(surrogate.predict(), before, atol=1e-12)


def test_believing_the_mean_leaves_the_mean_alone() -> None:
    x, y = observations()
    surrogate = rarely_refitted()
    surrogate.update(x[:10], y[:10])
    surrogate.over(GridPoints.of(POINTS, BLOCKS))
    mean, variance = surrogate.predict()
    surrogate.fantasise(POINTS[3], float(mean[3]))
    np.testing.assert_allclose(surrogate.predict()[0], mean, atol=1e-6)
    assert (surrogate.predict()[1] <= variance + 1e-12).all()


def test_a_prior_mean_is_added_to_a_process_of_what_it_leaves_unexplained() -> None:
    """Its level does not matter: it is that of the observations."""
    x, y = observations()
    slope = 3.0 * (x[:, 0] - x[:12, 0].mean())
    levels = GridPoints.of(POINTS, BLOCKS)
    plain, steep = rarely_refitted(), rarely_refitted(lambda points: 3.0 * points[:, 0] + 100.0)
    plain.update(x[:12], y[:12] - slope[:12])
    steep.update(x[:12], y[:12])
    for surrogate in (plain, steep):
        surrogate.over(levels)
    at_levels = 3.0 * (POINTS[:, 0] - x[:12, 0].mean())
    np.testing.assert_allclose(steep.predict()[0], plain.predict()[0] + at_levels, atol=1e-9)
    np.testing.assert_allclose(steep.predict()[1], plain.predict()[1], atol=1e-9)
    assert steep.best(observed=True) == pytest.approx(y[:12].min())
    fitted = plain._current.posterior.fitted(y[:12] - slope[:12]) + slope[:12]
    assert steep.best() == pytest.approx(fitted.min())
    mean = steep.predict()[0]
    steep.fantasise(POINTS[3], float(mean[3]))
    np.testing.assert_allclose(steep.predict()[0], mean, atol=1e-6, err_msg="believing the mean leaves it alone")


def test_what_waits_is_expected_on_top_of_the_prior_mean() -> None:
    x, y = observations()
    told, waiting = (x[:10], y[:10]), x[10:13]
    levels = GridPoints.of(POINTS, BLOCKS)
    alone, with_them = (rarely_refitted(lambda points: 2.0 * points[:, 0]) for _ in range(2))
    alone.update(*told)
    with_them.update(*told, waiting)
    for surrogate in (alone, with_them):
        surrogate.over(levels)
    np.testing.assert_allclose(with_them.predict()[0], alone.predict()[0], atol=1e-6)


def test_a_fit_climbs_from_both_starts() -> None:
    x, y = observations()
    squared = Pairs.of(x, BLOCKS)
    priors = Priors()
    location, spread = priors.moments(len(BLOCKS), True)

    def posterior(hyper: Hyperparameters) -> float:
        z = (pack(hyper) - location) / spread
        return float(log_marginal_likelihood(hyper, squared, y)[0] - 0.5 * z @ z)

    cold = fit(x, y, BLOCKS, priors=priors, additive=True)
    warm = fit(x, y, BLOCKS, priors=priors, additive=True, start=hyperparameters())
    assert posterior(cold) > posterior(unpack(location, len(BLOCKS), True))
    assert posterior(warm) >= posterior(hyperparameters())


def test_what_is_unknown_is_expected_as_the_known_ones_predict() -> None:
    rng = np.random.default_rng(3)
    encoding = Encoding(spaces.conditional())
    x = encoding.points(spaces.conditional().codes())[rng.permutation(20)]
    y, unknown = rng.normal(size=20), rng.random(20) < 0.3
    hyper = Surrogate(encoding.blocks, priors=Priors(), covariance=CovarianceSettings(), fit=FitSettings())
    hyper.update(x, y)
    assert hyper._hyper is not None
    whole, known = (Posterior(points, encoding.blocks, hyper._hyper) for points in (x, x[~unknown]))
    mean, variance = known.predict(y[~unknown], x[unknown])
    assert whole.expected(y, unknown) == pytest.approx(mean)
    spread = np.sqrt(variance + known.hyper.noise)
    assert whole.expected(y, unknown, 2.0) == pytest.approx(mean + 2.0 * spread, abs=1e-6)


def test_what_waits_lowers_the_variance_and_leaves_the_mean_in_whatever_order_it_is_told() -> None:
    """The factor keeps its order if outcomes arrive in another order than they were asked."""
    rng = np.random.default_rng(4)
    space = spaces.conditional()
    encoding = Encoding(space)
    points = encoding.points(space.codes())
    grid = GridPoints.of(points, encoding.blocks)
    x, y = points[rng.permutation(len(points))[:20]], rng.normal(size=20)

    def surrogate() -> Surrogate:
        return Surrogate(
            encoding.blocks, priors=Priors(), covariance=CovarianceSettings(), fit=FitSettings(refit_growth=100.0)
        )

    kept = surrogate()
    kept.update(x[:12], y[:12], x[12:18])
    kept.over(grid)
    without = surrogate()
    without.update(x[:12], y[:12])
    without.over(grid)
    assert kept.predict()[0] == pytest.approx(without.predict()[0], abs=1e-6)
    assert (kept.predict()[1] <= without.predict()[1] + 1e-9).all() and (kept.predict()[1] < without.predict()[1]).any()
    order = [*range(12), 15, 13, 17]
    kept.update(x[order], y[order], x[[12, 14, 16, 18]])
    kept.over(grid)
    fresh = surrogate()
    fresh.update(x[:12], y[:12])
    fresh.update(x[order], y[order], x[[12, 14, 16, 18]])
    fresh.over(grid)
    assert all(a == pytest.approx(b, abs=1e-6) for a, b in zip(kept.predict(), fresh.predict(), strict=True))


def test_an_update_conditions_once_however_many_candidates_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = observations()
    waiting = []
    expected = Posterior.expected

    def counted(
        posterior: Posterior, y: NDArray[np.float64], unknown: NDArray[np.bool_], deviations: float
    ) -> NDArray[np.float64]:
        waiting.append(int(unknown.sum()))
        return expected(posterior, y, unknown, deviations)

    monkeypatch.setattr(Posterior, "expected", counted)
    surrogate = rarely_refitted()
    grids = [GridPoints.of(part, BLOCKS) for part in (POINTS[:30], POINTS[30:], POINTS)]
    surrogate.update(x[:10], y[:10], x[10:13])
    predicted = []
    for grid in grids:
        surrogate.over(grid)
        predicted.append(surrogate.predict()[0])
    assert waiting == [3]
    np.testing.assert_allclose(np.concatenate(predicted[:2]), predicted[2], atol=1e-12)
    surrogate.fantasise(x[14], 3.0)
    surrogate.over(grids[2])
    np.testing.assert_allclose(surrogate.predict()[0], predicted[2], atol=1e-9)
    surrogate.update(x[:11], y[:11], x[11:13])
    surrogate.over(grids[2])
    assert waiting == [3, 3, 2], "a fantasy is forgotten, and an outcome is learned"


def test_the_kind_of_a_block_shifts_its_length_scale_a_priori() -> None:
    space = SearchSpace(
        [Categorical("mode", ("a", "b", "c")), Ordinal("tile", (16, 32, 64), "log2"), Boolean("pad")],
        features={"area": "tile * tile"},
    )
    encoding = Encoding(space)
    assert encoding.kinds == ("category", "number", "number", "feature")
    assert CovarianceSettings().shifts_of(encoding.kinds).tolist() == [0.6, 0.3, 0.3, -0.5]
    shifts = CovarianceSettings(shifts={"feature": 2.0}).shifts_of(encoding.kinds)
    priors = Priors()
    plain, spread = priors.moments(4, additive=True)
    shifted, same = priors.moments(4, additive=True, shifts=shifts)
    assert (shifted - plain).tolist() == pytest.approx([0.6, 0.3, 0.3, 2.0] + [0.0] * (len(plain) - 4))
    assert np.array_equal(spread, same)
    with pytest.raises(UserError, match="shifts"):
        CovarianceSettings(shifts={"features": 1.0})


def test_what_is_no_number_is_refused_in_a_line() -> None:
    for field, given in (("shifts", {"feature": "far"}), ("priors", {"noise": "ab"}), ("priors", {"noise": [0, None]})):
        with pytest.raises(UserError, match=f"{field}."):
            CovarianceSettings(**{field: given})


def test_what_is_truncated_is_forgotten() -> None:
    (x, _), hyper = observations(6), hyperparameters()
    posterior = Posterior(x, BLOCKS, hyper)
    posterior.truncate(4)
    np.testing.assert_array_equal(posterior.x, x[:4])
    np.testing.assert_allclose(posterior.factor, Posterior(x[:4], BLOCKS, hyper).factor)
