"""Reuse kernels under ``@triton.autotune``: their configs as a search space, their launches as a plan.

TUNED = Autotuned(add_kernel)                    # the decorated function

def search_space(self, device):
    return TUNED.space({"n": self.n})

def plan(self, configuration, sm_count):
    grid = lambda meta: (triton.cdiv(self.n, meta["BLOCK"]),)
    return Plan((TUNED.launch(configuration, grid, {"x": Buffer("x"), "y": Buffer("y"), "n": self.n}),))
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from math import ceil, log2, prod
from typing import Any

import numpy as np
import triton

from kernels.base import Buffer, Descriptor, Launch, Scalar
from search_spaces.enumeration import Codes
from search_spaces.errors import SpaceError
from search_spaces.membership import membership
from search_spaces.parameter import Boolean, Categorical, Ordinal, Parameter, Value
from search_spaces.space import Constant, SearchSpace

OPTIONS = ("num_warps", "num_stages", "num_ctas", "maxnreg")
"""The options of a ``triton.Config``, besides its kwargs."""
ALWAYS = OPTIONS[:2]
MAX_PRUNED = 200_000
"""The most configurations of a cross product that are passed to a pruning function."""
Grid = Sequence[int] | Callable[[Mapping[str, Any]], Sequence[int]]


class Autotuned:
    """An ``@triton.autotune`` kernel.

    Args:
        kernel: the decorated function; ``@triton.heuristics`` may be above or below ``@triton.autotune``.
        hooks_done: whether the plan does the work of the configs' hooks and of ``reset_to_zero``; otherwise they are
            refused, because nothing here calls them.

    Raises:
        SpaceError: the kernel is not autotuned, or has hooks.
    """

    def __init__(self, kernel: Any, *, hooks_done: bool = False) -> None:
        self._heuristics: list[Mapping[str, Callable[[dict[str, Any]], Any]]] = []
        self._tuner: Any = None
        while not hasattr(kernel, "params") and hasattr(kernel, "fn") and not inspect.isfunction(kernel.fn):
            if hasattr(kernel, "configs"):
                self._tuner = kernel
            elif hasattr(kernel, "values"):
                self._heuristics.append(kernel.values)
            kernel = kernel.fn
        name = getattr(kernel, "__name__", str(kernel))
        if self._tuner is None:
            raise SpaceError(f"{name}: has no configs: expected a function under @triton.autotune")
        self._function = kernel
        self._name = name
        if not hooks_done:
            self._refuse_hooks()

    @property
    def configs(self) -> tuple[triton.Config, ...]:
        """The configs of the decorator; each is a row of the space."""
        return tuple(self._tuner.configs)

    def parameters(self) -> tuple[Parameter, ...]:
        """The values of all configs, by kwarg and option: numbers as ordered parameters, others as categories.

        Raises:
            SpaceError: some configs lack a kwarg for which the function has no default.
        """
        names = list(dict.fromkeys(name for config in self.configs for name in config.kwargs))
        values = {name: [self._value(config, name) for config in self.configs] for name in names}
        values |= {name: [_option(config, name) for config in self.configs] for name in OPTIONS}
        kept = {name: seen for name, seen in values.items() if name in (*names, *ALWAYS) or len(set(seen)) > 1}
        return tuple(_parameter(name, seen) for name, seen in kept.items())

    def space(
        self,
        arguments: Mapping[str, Any] | None = None,
        constraints: Sequence[str] = (),
        constants: Mapping[str, Constant] | None = None,
        features: Mapping[str, str] | None = None,
    ) -> SearchSpace:
        """The cross product of these values, without what ``prune_configs_by`` removes and ``constraints`` forbid.

        ``early_config_prune`` gets the whole product. ``perf_model`` and ``top_k`` keep the same *share* as of the
        listed configs. The result is part of the space's constraints, and so of files and hashes.

        Args:
            arguments: the arguments of the tuned call by name (``{"n": self.n}``), for pruning functions.
            constraints, constants, features: see :class:`SearchSpace`.

        Raises:
            SpaceError: the pruning function fails, keeps nothing, or follows no rule that can be expressed as
                constraints.
        """
        parameters = self.parameters()
        pruned: tuple[str, ...] = ()
        if self._tuner.early_config_prune or self._tuner.perf_model:
            pruned = membership(parameters, self._kept(parameters, dict(arguments or {})))
        return SearchSpace(parameters, (*pruned, *constraints), constants, features)

    def launch(
        self,
        configuration: Mapping[str, Any],
        grid: Grid,
        arguments: Mapping[str, Buffer | Descriptor | Scalar],
        constants: Mapping[str, Any] | None = None,
    ) -> Launch:
        """The launch of a configuration.

        Args:
            grid: programs along each axis, or a function of all arguments and constants, as in Triton.
            arguments: at run time, by parameter name.
            constants: ``tl.constexpr`` parameters that are not tuned.
        """
        options = {name: configuration[name] for name in OPTIONS if configuration.get(name)}
        given = {name: value for name, value in configuration.items() if name not in OPTIONS}
        constant = {**(constants or {}), **given}
        for values in self._heuristics:
            constant |= {name: value({**arguments, **constant}) for name, value in values.items()}
        programs = tuple(grid({**arguments, **constant, **options}) if callable(grid) else grid)
        x, y, z = (*programs, 1, 1)[:3]
        return Launch(self._function, (x, y, z), arguments, constant, options)

    def _refuse_hooks(self) -> None:
        hooked = [i for i, config in enumerate(self.configs) if config.pre_hook is not None]
        of_tuner = [
            name
            for name, there in (
                ("reset_to_zero", self._tuner.reset_to_zero),
                ("restore_value", self._tuner.restore_value),
                ("pre_hook", self._tuner.user_defined_pre_hook),
                ("post_hook", self._tuner.user_defined_post_hook),
            )
            if there
        ]
        if hooked or of_tuner:
            what = f"configs[{hooked[0]}].pre_hook" if hooked else of_tuner[0]
            raise SpaceError(
                f"{self._name}: {what}: NearOpt does not call it: expected its work in plan, and hooks_done=True"
            )

    def _value(self, config: triton.Config, name: str) -> Any:
        if name in config.kwargs:
            return config.kwargs[name]
        parameter = inspect.signature(self._function.fn).parameters.get(name)
        if parameter is None or parameter.default is parameter.empty:
            raise SpaceError(f"{self._name}: {name} is missing in config ({config}): expected a value in every config")
        return parameter.default

    def _kept(self, parameters: Sequence[Parameter], arguments: Mapping[str, Any]) -> Codes:
        """The rows of the product that ``prune_configs_by`` keeps."""
        size = prod(parameter.size for parameter in parameters)
        if size > MAX_PRUNED:
            raise SpaceError(f"{self._name}: {size} configurations: expected at most {MAX_PRUNED} for prune_configs_by")
        rows = np.array(list(itertools.product(*(range(p.size) for p in parameters))), dtype=np.int32)
        configs = [_config(parameters, row) for row in rows]
        row_of = {config: i for i, config in enumerate(configs)}
        left = self._pruned_early(configs, arguments)
        unknown = [config for config in left if config not in row_of]
        if unknown:
            raise SpaceError(f"{self._name}: early_config_prune returned a new config ({unknown[0]}): "
                             "expected a subset of the configs that it was given")  # fmt: skip
        if not left:
            raise SpaceError(f"{self._name}: early_config_prune keeps none of {size} configurations")
        if self._tuner.perf_model:
            left = self._fastest(left, arguments)
        return rows[sorted({row_of[config] for config in left})]

    def _pruned_early(self, configs: list[triton.Config], arguments: Mapping[str, Any]) -> list[triton.Config]:
        prune = self._tuner.early_config_prune
        if not prune:
            return configs
        try:
            return list(prune(configs, dict(arguments)))
        except Exception as error:
            raise SpaceError(f"{self._name}: early_config_prune: {type(error).__name__}: {error}: expected all that it "
                             f"needs in arguments ({', '.join(arguments) or 'none given'})") from error  # fmt: skip

    def _fastest(self, configs: list[triton.Config], arguments: Mapping[str, Any]) -> list[triton.Config]:
        top_k = self._tuner.configs_top_k
        share = top_k if isinstance(top_k, float) else top_k / len(self.configs)
        try:
            estimated = [self._tuner.perf_model(**arguments, **config.all_kwargs()) for config in configs]
        except Exception as error:
            raise SpaceError(f"{self._name}: perf_model: {type(error).__name__}: {error}: expected all that it takes "
                             f"in arguments ({', '.join(arguments) or 'none given'})") from error  # fmt: skip
        order = sorted(range(len(configs)), key=lambda i: estimated[i])
        return [configs[i] for i in order[: max(1, ceil(min(1.0, share) * len(configs)))]]


def _option(config: triton.Config, name: str) -> int:
    """An option of a config; 0 means none."""
    return int(getattr(config, name) or 0)


def _parameter(name: str, seen: Sequence[Any]) -> Parameter:
    values: list[Value] = list(dict.fromkeys(seen))
    if all(isinstance(value, bool) for value in values):
        return Boolean(name) if len(values) == 2 else Categorical(name, tuple(values))
    numbers = sorted(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    if len(numbers) == len(values):
        powers = all(isinstance(value, int) and value > 0 and log2(value).is_integer() for value in numbers)
        return Ordinal(name, tuple(numbers), "log2" if powers and len(numbers) > 1 else "linear")
    return Categorical(name, tuple(values))


def _config(parameters: Sequence[Parameter], row: Any) -> triton.Config:
    values = {parameter.name: parameter.values[code] for parameter, code in zip(parameters, row.tolist(), strict=True)}
    options = {name: values.pop(name) or None for name in OPTIONS if name in values}
    return triton.Config(values, **{name: value for name, value in options.items() if value is not None})
