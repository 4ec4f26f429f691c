"""CatCMA with margin: CMA-ES for numbers and categories at once. Needs the extra ``cmaes``.

Hamano, Saito, Nomura, Uchida & Shirakawa (2025), *CatCMA with Margin for Single- and Multi-Objective Mixed-Variable
Black-Box Optimization*; through ``cmaes.CatCMAwM``, by its authors, whose defaults hold throughout: a population of
4 + 3 ln d, a mean in the centre, standard deviations of a fifth of the way to the border, uniform categories.

* **Parameters**: ordered ones of three values or more are integer variables, as the *index* of the value (tuning grids
  are spaced so that their authors regard steps as equal). Categories, booleans and everything of two values are
  categorical, which the library recommends for the latter. A permutation is one rank per item (random keys).
* **Conditions** are unknown to it: inactive parameters are sampled too, and dropped from what is evaluated.
* **Constraints** are unknown, and it repeats configurations: a proposal that is infeasible or visited is repaired to
  the nearest unvisited feasible configuration. It is told the repair in place of the sample: where the two differ,
  the sample gets the repair's number. Late in a run, when the distribution is narrow, most proposals are repairs.
* **Failures** are infinite latencies; it only ranks.
* **Batches and pending evaluations**: a generation is told when it is complete, in the order of completion. Further
asks, and asks while some are pending, are sampled from the same distribution and count in the next generation.
* **Given evaluations** (``start=…``) belong to the first generation, as if they repaired its own samples.
* **The end**: its stopping rules apply to CMA-ES on numbers only, and are ignored: margins keep it moving.
* **Matches the authors' code**: in 10 integers of 40 values and 3 categories of 5, without conditions or constraints,
  80 evaluations are those of the library's own ask and tell (``tests/harness/strategies/test_catcma.py``).
* **Deviations**: repairs; generations that end with samples of the one before. **Adaptation** to kernels: none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from harness.evaluation import Configuration, Evaluation, RepairedConfiguration
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.extras import extra
from harness.strategies.common.proposals import Proposals
from search_spaces.encoding import keys_of_order, order_of_keys
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space import SearchSpace

Solution: TypeAlias = Any  # cmaes.CatCMAwM.Solution: z, c and the normal sample behind z
FEWEST_STEPS = 3
"""Fewest values of an integer variable; a parameter with fewer is categorical."""


class CatCMA:
    """``CatCMAwM`` behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        population: evaluations of a generation; ``None`` is the authors' 4 + 3 ln d.
        sigma: the first step size, in units of the authors' standard deviations; theirs is 1.

    Raises:
        UserError: cmaes is not installed.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        population: int | None = None,
        sigma: float = 1.0,
    ) -> None:
        del budget
        check(population is None or population >= 4, "population", population, "4 or more")
        check(0 < sigma < math.inf, "sigma", sigma, "a number more than 0")
        with extra("cmaes"):
            from cmaes import CatCMAwM
        self._space = space
        self._proposals = Proposals(space, np.random.default_rng(seed))
        self._variables = Variables(space.parameters)
        self._optimizer: Any = None
        if self._variables.sizes:
            self._optimizer = CatCMAwM(
                z_space=[range(size) for size in self._variables.steps] or None,
                c_space=self._variables.choices or None,
                population_size=population,
                sigma=float(sigma),
                seed=int(seed.generate_state(1)[0]),
            )
        self._pending: dict[str, Solution] = {}
        self._generation: list[tuple[Solution, float]] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` samples, repaired where needed; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n and not self._proposals.exhausted:
            asked.append(self._next())
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Collect outcomes; a full generation moves the distribution."""
        for evaluation in evaluations:
            solution = self._pending.pop(self._space.key(evaluation.configuration), None)
            if solution is None or self._optimizer is None:
                continue
            latency_ms = math.inf if evaluation.latency_ms is None else evaluation.latency_ms
            self._generation.append((solution, latency_ms))
            if len(self._generation) == self._optimizer.population_size:
                self._optimizer.tell(self._generation)
                self._generation = []

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given evaluations belong to the first generation."""
        for evaluation in evaluations:
            self._proposals.given(evaluation.configuration)
            if self._optimizer is not None:
                solution = self._variables.placed(self._optimizer.ask(), evaluation.configuration)
                self._pending[self._space.key(evaluation.configuration)] = solution
        self.tell(evaluations)

    def _next(self) -> Configuration:
        if self._optimizer is None:  # nothing varies: there is one configuration
            chosen = self._proposals.accept_random()
            assert chosen is not None, "the space is not exhausted"
            return chosen
        solution = self._optimizer.ask()
        chosen = self._proposals.accept(self._variables.values(solution))
        assert chosen is not None, "the space is not exhausted"
        if isinstance(chosen, RepairedConfiguration):
            solution = self._variables.placed(solution, chosen)
        self._pending[self._space.key(chosen)] = solution
        return chosen


class Variables:
    """A space's parameters as the library's variables: integers first, then categories, each in declared order.

    Attributes:
        sizes: for each varying parameter, whether its variables are integers, and the number of values of each.
        steps, choices: values of each integer and of each categorical variable.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = parameters
        self.sizes = {p.name: size for p in parameters if (size := _sizes(p))}
        self.steps = [n for whole, sizes in self.sizes.values() if whole for n in sizes]
        self.choices = [n for whole, sizes in self.sizes.values() if not whole for n in sizes]

    def values(self, solution: Solution) -> dict[str, Value]:
        """A sample as a value of every parameter, including inactive ones."""
        numbers: list[int] = [] if solution.z is None else solution.z.astype(int).tolist()
        chosen: list[int] = [] if solution.c is None else solution.c.argmax(axis=1).tolist()
        found: dict[str, Value] = {}
        for parameter in self._parameters:
            whole, sizes = self.sizes.get(parameter.name, (True, ()))
            source = numbers if whole else chosen
            own, source[: len(sizes)] = source[: len(sizes)], []
            found[parameter.name] = _value(parameter, own)
        return found

    def placed(self, solution: Solution, configuration: Configuration) -> Solution:
        """A sample moved to a configuration; variables of inactive parameters stay as sampled."""
        z, raw, c = map(_copied, (solution.z, solution._v_raw, solution.c))
        number = category = 0
        for parameter in self._parameters:
            whole, sizes = self.sizes.get(parameter.name, (True, ()))
            own = _numbers(parameter, configuration[parameter.name]) if parameter.name in configuration else ()
            for i, target in zip(range(len(sizes)), own, strict=False):
                if not whole:
                    c[category + i] = np.arange(c.shape[1]) == target
                elif z[number + i] != target:
                    z[number + i] = raw[number + i] = target
            number, category = number + len(sizes) * whole, category + len(sizes) * (not whole)
        return replace(solution, z=z, c=c, _v_raw=raw)


def _copied(array: Any) -> Any:
    return None if array is None else array.copy()


def _sizes(parameter: Parameter) -> tuple[bool, tuple[int, ...]] | None:
    """Whether a parameter's variables are integers, and the size of each; ``None`` if nothing varies."""
    if parameter.size < 2:
        return None
    if isinstance(parameter, Permutation):
        return parameter.length >= FEWEST_STEPS, (parameter.length,) * parameter.length
    return parameter.ordered and parameter.size >= FEWEST_STEPS, (parameter.size,)


def _value(parameter: Parameter, numbers: Sequence[int]) -> Value:
    if isinstance(parameter, Permutation):
        return order_of_keys(numbers) if numbers else parameter.values[0]
    value: Value = parameter.values[numbers[0] if numbers else 0]
    return value


def _numbers(parameter: Parameter, value: Any) -> Sequence[int]:
    return keys_of_order(value) if isinstance(parameter, Permutation) else (parameter.code_of[value],)
