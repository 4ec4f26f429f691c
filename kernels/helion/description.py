"""A Helion ``ConfigSpec`` as JSON, and back: what its searches and its normalisation depend on, without the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from math import prod
from typing import Any

import torch
from helion._compiler.backend import TritonBackend
from helion.autotuner import config_spec as specs
from helion.autotuner.config_fragment import EnumFragment, ListOf
from helion.autotuner.config_spec import ConfigSpec
from helion.runtime.config import Config

from kernels.helion import NEWEST, OLDEST

PLAIN = {
    "loop_orders": ("loop_orders", specs.LoopOrderSpec),
    "flatten_loops": ("flatten_loops", specs.FlattenLoopSpec),
    "l2_groupings": ("l2_groupings", specs.L2GroupingSpec),
    "static_ranges": ("static_ranges", specs.StaticRangeSpec),
    "range_unroll_factors": ("range_unroll_factors", specs.RangeUnrollFactorSpec),
    "range_warp_specializes": ("range_warp_specialize", specs.RangeWarpSpecializeSpec),
    "range_num_stages": ("range_num_stages", specs.RangeNumStagesSpec),
    "range_multi_buffers": ("range_multi_buffers", specs.RangeMultiBufferSpec),
    "range_flattens": ("range_flattens", specs.RangeFlattenSpec),
}
"""Fields of which only the block ids matter: attribute of the ConfigSpec and class of an item."""
FRAGMENTS = ("indexing", "atomic_indexing", "load_eviction_policies")
SWITCHES = ("host_tensor_descriptors", "reduction_fusion")
"""Booleans that Helion 1.5 added; a description names those that it tunes."""
KNOWN = frozenset(PLAIN) | frozenset(FRAGMENTS) | frozenset(SWITCHES) | {
    "block_sizes", "reduction_loops", "num_warps", "num_stages", "pid_type", "num_sm_multiplier", "maxnreg",
}  # fmt: skip
MOST_ELEMENTS = 2**20


def describe(spec: ConfigSpec) -> dict[str, Any]:
    """A description of a bound kernel's spec.

    Raises:
        ValueError: it tunes something that this version of NearOpt does not know.
    """
    fields = spec._flat_fields()
    unknown = [name for name in fields if name not in KNOWN]
    if unknown:
        raise ValueError(
            f"helion {version('helion')} tunes {', '.join(unknown)}: expected helion {OLDEST} … {NEWEST}, or a NearOpt "
            "that knows it"
        )
    _check_draws(spec)
    capability = spec.target_device_capability
    return {
        "helion": version("helion"),
        "capability": list(capability) if capability else None,
        "num_sm": spec.num_sm,
        "pid_types": list(spec.allowed_pid_types),
        "max_num_sm_multiplier": spec.max_num_sm_multiplier,
        "grid_block_ids": list(spec.grid_block_ids),
        "block_sizes": [_block(spec, item) for item in spec.block_sizes],
        "reduction_loops": [_reduction(spec, item) for item in spec.reduction_loops],
        **{key: [list(item.block_ids) for item in getattr(spec, name)] for key, (name, _) in PLAIN.items()},
        **{name: _list_of(getattr(spec, name)) for name in FRAGMENTS},
        **{name: True for name in SWITCHES if name in fields},
        "numel_limits": [_numel_limit(constraint) for constraint in spec.tensor_numel_constraints],
        "seeds": [dict(config.config) for config in spec.compiler_seed_configs],
        "default": dict(spec.compiler_default_config.config) if spec.compiler_default_config else None,
    }


def _check_draws(spec: ConfigSpec) -> None:
    """Helion 1.5 can pin a loop's stages, and choices of its random draws; neither happens to these kernels.

    Raises:
        ValueError: it does.
    """
    pinned = [item for item in spec.range_num_stages if getattr(item, "pinned", False)]
    groups: Any = getattr(spec, "compiler_coverage_groups", None)
    if pinned or groups:
        what = "range_num_stages" if pinned else "compiler_coverage_groups"
        raise ValueError(f"helion {version('helion')} pins {what} of this kernel: expected a kernel without")


def _block(spec: ConfigSpec, item: Any) -> dict[str, Any]:
    fragment = item._fragment(spec)
    return {
        "block_id": item.block_id,
        "size_hint": int(item.size_hint),
        "low": fragment.low,
        "min_size": item.min_size,
        "autotuner_min": item.autotuner_min,
        "max_size": item.max_size,
        "dim_max_size": item.dim_max_size,
        "bounded_by": item.bounded_by_block_id,
    }


def _reduction(spec: ConfigSpec, item: Any) -> dict[str, Any]:
    fragment = item._flat_fragment(spec)
    return {"block_id": item.block_id, "size_hint": int(item.size_hint), "low": fragment.low, "high": fragment.high}


def _list_of(fragment: ListOf) -> dict[str, Any]:
    assert isinstance(fragment.inner, EnumFragment), "lists are of choices"
    return {"length": fragment.length, "choices": list(fragment.inner.choices)}


def _numel_limit(constraint: Any) -> dict[str, Any]:
    """Block sizes are powers of two and a tensor has a multiple of their product: find the largest that fits."""
    most, rest = 1, [1] * (len(constraint.block_indices) - 1)
    while most <= MOST_ELEMENTS and constraint.check_fn(2 * most, *rest):
        most *= 2
    return {"blocks": list(constraint.block_indices), "most": most}


def config_spec(description: Mapping[str, Any]) -> ConfigSpec:
    """The spec that was described, for searches that never see the kernel.

    Raises:
        ValueError: a newer Helion described it, and this one does not tune all of it, or tunes more.
    """
    capability = description["capability"]
    spec = ConfigSpec(
        backend=TritonBackend(),
        target_device_capability=tuple(capability) if capability else None,
        # What Helion 1.5 takes as the sign that there are descriptors to be made on the host; 1.4 does not look.
        device=torch.device("cuda" if description.get("host_tensor_descriptors") else "cpu"),
        num_sm=description["num_sm"],
    )
    if description.get("reduction_fusion"):
        spec.reduction_fusion_available = True
    for block in description["block_sizes"]:
        spec.block_sizes.append(_block_spec(block))
    for loop in description["reduction_loops"]:
        spec.reduction_loops.append(specs.ReductionLoopSpec(block_id=loop["block_id"], size_hint=loop["size_hint"]))
    for key, (name, item) in PLAIN.items():
        for ids in description[key]:
            getattr(spec, name).append(item(list(ids)))
    for name in FRAGMENTS:
        made = ListOf(EnumFragment(tuple(description[name]["choices"])), length=description[name]["length"])
        setattr(spec, name, made)
    spec.allowed_pid_types = tuple(description["pid_types"])
    spec.max_num_sm_multiplier = description["max_num_sm_multiplier"]
    spec.grid_block_ids = list(description["grid_block_ids"])
    spec.tensor_numel_constraints = [
        specs.TensorNumelConstraint(_at_most(limit["most"]), tuple(limit["blocks"]), f"product <= {limit['most']}")
        for limit in description["numel_limits"]
    ]
    spec.compiler_seed_configs = [Config.from_dict(dict(config)) for config in description["seeds"]]
    if description["default"]:
        spec.compiler_default_config = Config.from_dict(dict(description["default"]))
    fields = spec._flat_fields()
    differing = [name for name in SWITCHES if (name in fields) != bool(description.get(name))]
    if differing:
        raise ValueError(
            f"the space was described by helion {description['helion']}, whose {differing[0]} helion "
            f"{version('helion')} does not have: expected helion {description['helion']}"
        )
    return spec


def _block_spec(block: Mapping[str, Any]) -> specs.BlockSizeSpec:
    item = specs.BlockSizeSpec(
        block_id=block["block_id"], size_hint=block["size_hint"], bounded_by_block_id=block["bounded_by"]
    )
    for name in ("min_size", "autotuner_min", "dim_max_size", "max_size"):
        setattr(item, name, block[name])
    return item


def _at_most(most: int) -> Callable[..., bool]:
    return lambda *sizes: prod(sizes) <= most
