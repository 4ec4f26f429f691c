"""Bayesian optimisation with a Gaussian process that knows which parameters are active.

The file to start with is :mod:`strategy`; :mod:`settings` has its settings. Each of the others is one ingredient:

* :mod:`covariance`, :mod:`grid_points`: product Matérn over all parameters plus one-dimensional terms
  (Duvenaud et al. 2011);
* :mod:`model`: latency, feasibility and cost together;
* :mod:`gp`: marginal likelihood, priors (Hvarfner et al. 2024), posterior;
* :mod:`targets`: normal scores of the ranks, or log latency; what a failure counts as;
* :mod:`harness.strategies.common.acquisition`: log expected improvement (Ament et al. 2023);
* :mod:`initial`: where to look first (each active parameter uniformly);
* :mod:`surrogate`, :mod:`candidates`, :mod:`candidate_sources`: when to refit, which points to keep, which to score;
* :mod:`placed`: the points of the observations;
* :mod:`moves`, :mod:`climb`: where the space is too large to list: draws by branch, local search on the acquisition
  (Hutter et al. 2011).

Activity is in the encoding (:mod:`search_spaces.encoding`; Swersky et al. 2014).
"""

from harness.strategies.conditional_gp.strategy import ConditionalGP

__all__ = ["ConditionalGP"]
