from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.conditional_gp.acquisition import log_expected_improvement
from harness.strategies.conditional_gp.candidates import ScoredCandidates, argmax_shuffled
from harness.strategies.conditional_gp.gp import JITTER, Posterior, Priors, fit
from harness.strategies.conditional_gp.kernels import Levels
from harness.strategies.conditional_gp.targets import targets
from harness.strategies.conditional_gp.feasibility import log_feasibility
from search_spaces.encoding import Encoding
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace


class ConditionalGP:
    def __init__(self, space, seed, budget, *, initial=5, clip_quantile=0.5, additive=True, features=True,
                 refit_growth=1.2, failures="median", priors=Priors(), iterations=50, feas_width=0.5, feas_prior=1.0):
        self.space = space
        self.rng = np.random.default_rng(seed)
        self.encoding = Encoding(space, features)
        self.blocks = self.encoding.blocks
        self.visited = Visited(space)
        self.codes = space.codes()
        self.levels = Levels.of(self.encoding.points(self.codes), self.blocks)
        self.initial, self.clip, self.additive, self.growth = initial, clip_quantile, additive, refit_growth
        self.failures, self.priors, self.iterations = failures, priors, iterations
        self.fw, self.fp = feas_width, feas_prior
        self.lat = []; self.rows = []
        self.hyper = None; self.scored = None; self.next_refit = 0

    def ask(self, n):
        out = []
        for _ in range(n):
            free = np.flatnonzero(~self.visited.mask)
            if not free.size: break
            if len(self.lat) < self.initial:
                row = int(self.rng.choice(free))
            else:
                row = self.pick(free)
            self.visited.add(self.codes[row])
            out.append(self.space.decode(self.codes[row]))
        return out

    def pick(self, free):
        keep = [i for i, l in enumerate(self.lat) if l is not None or self.failures in ("median", "both")]
        y = targets([self.lat[i] for i in keep], self.clip)
        x = self.levels.points[[self.rows[i] for i in keep]]
        if len(keep) >= self.next_refit or self.scored is None:
            if len(keep) > 1:
                self.hyper = fit(x, y, self.blocks, priors=self.priors, additive=self.additive, start=self.hyper, iterations=self.iterations)
            self.scored = ScoredCandidates(self.levels, Posterior(x, self.blocks, self.hyper))
            self.next_refit = int(np.ceil(self.growth * len(keep)))
        for i in range(len(self.scored.posterior.x), len(x)):
            self.scored.observe(x[i])
        p = self.scored.posterior
        mean = self.scored.mean(y); var = self.scored.variance()
        obs = mean[[self.rows[i] for i in keep]]
        score = log_expected_improvement(mean, var, float(obs.min()))
        if self.failures in ("both", "weight") and None in self.lat:
            allx = self.levels.points[self.rows]
            ok = np.array([l is not None for l in self.lat], float)
            score = score + log_feasibility(self.levels, allx, ok, self.blocks, self.fw, self.fp)
        return int(free[argmax_shuffled(score[free], self.rng)])

    def tell(self, evs):
        for e in evs:
            self.rows.append(self.space.row_of(e.configuration))
            self.lat.append(e.latency_ms)
