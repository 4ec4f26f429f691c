"""Search spaces of Helion kernels, from a description of Helion's ``ConfigSpec``, and configurations both ways.

Helion does not declare its conditions: ``ConfigSpec.normalize`` repairs what does not fit together, silently. They are
declared here, so that equal programs have equal keys:

- ``num_sm_multiplier`` and ``maxnreg`` exist for persistent programs only;
- so do the ``range_*`` options of the loop over the grid, which only a persistent program has;
- an unrolled (static) loop has no ``range_*`` options;
- ``host_tensor_descriptors`` (Helion 1.5) exists where some access goes through a tensor descriptor;
- registers for all threads of a program must fit into an SM's.

A description may have keys *pinned* to Helion's own defaults, so that what is left can be listed. Their parameters are
constants of the space, and Helion's searches get them as ``autotune_config_overrides``.

One rule is ours: a thread holds at most 256 elements of any tile, copies by unrolling the loop over the grid included.
Beyond that a thread's 255 registers do little but spill, and Triton compiles for minutes: of uniform draws without the
rule half run into a timeout of 10 s. Helion's own random draws keep tiles small too, in another way; some of its
proposals (0-15%) break this rule and are repaired.

Tests hold them against what ``normalize`` does to random configurations, and what generated code depends on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Parameter, Permutation, Value
from search_spaces.space import SearchSpace

Description = Mapping[str, Any]
"""A ``ConfigSpec`` in JSON's types (see :mod:`kernels.helion.description`)."""
Config = dict[str, Any]
"""What ``helion.Config`` is made from."""

CONSTANT = "helion_spec"
"""The space's constant that holds the description, as JSON: with it Helion's own searches run on a recording."""
PERSISTENT = "pid_type not in ('flat', 'xyz')"
DESCRIPTOR = "tensor_descriptor"
NO_LIMIT = 0
"""``maxnreg`` where Helion has None."""
REGISTERS_PER_SM = 65_536
MOST_ELEMENTS = 2**20
"""Triton compiles no larger tensor."""
ELEMENTS_PER_THREAD = 256

_LISTS = {
    "block_size": "block_sizes",
    "loop_order": "loop_orders",
    "flatten_loop": "flatten_loops",
    "l2_grouping": "l2_groupings",
    "reduction_loop": "reduction_loops",
    "static_range": "static_ranges",
    "range_unroll_factor": "range_unroll_factors",
    "range_warp_specialize": "range_warp_specializes",
    "range_num_stages": "range_num_stages",
    "range_multi_buffer": "range_multi_buffers",
    "range_flatten": "range_flattens",
    "indexing": "indexing",
    "load_eviction": "load_eviction_policies",
}
"""Helion's lists by the name of one element; element i is parameter ``name_i``."""
_SCALARS = (
    "pid_type",
    "num_sm_multiplier",
    "num_warps",
    "num_stages",
    "maxnreg",
    "host_tensor_descriptors",
    "reduction_fusion",
)
_TRISTATE = ("range_warp_specialize", "range_multi_buffer", "range_flatten")
_DEFAULTS: Mapping[str, Any] = {"range_unroll_factor": 0, "range_num_stages": 0}
"""Of list elements that may be inactive; None for the others."""
_WORDS = {None: "none", False: "false", True: "true"}
_EVICTIONS = {"": "default"}
PINNABLE: Mapping[str, Any] = {
    "pid_type": "flat",
    "num_sm_multiplier": 1,
    "maxnreg": None,
    "flatten_loops": False,
    "l2_groupings": 1,
    "static_ranges": False,
    "range_unroll_factors": 0,
    "range_warp_specializes": None,
    "range_num_stages": 0,
    "range_multi_buffers": None,
    "range_flattens": None,
    "num_stages": 1,
    "indexing": "pointer",
    "load_eviction_policies": "",
    "host_tensor_descriptors": False,
    "reduction_fusion": False,
}
"""Helion's keys and their defaults, of lists an element's: what a key that is left out means to Helion."""
PINNED = "pinned"
"""Key of a description: which of them are."""


def helion_space(description: Description) -> SearchSpace:
    """The space of a described ``ConfigSpec``: one parameter for each scalar that Helion tunes and none pinned.

    ``reduction_loop_i`` is the chunk of a looped reduction; its largest value means that the whole row is held.
    """
    parameters, constants = (
        list[Parameter](),
        {CONSTANT: json.dumps(description, sort_keys=True, separators=(",", ":"))},
    )
    for parameter in _parameters(description):
        key = _key(parameter.name)
        if key in description.get(PINNED, ()):
            constants[parameter.name] = _spelt(parameter, PINNABLE[key])
        else:
            parameters.append(parameter)
    return SearchSpace(
        parameters=parameters,
        constraints=list(_constraints(description)),
        constants=constants,
        features=_features(description),
    )


def pinned(description: Description, keys: Sequence[str]) -> Description:
    """The same with keys pinned to Helion's defaults.

    Raises:
        ValueError: one that cannot be, or that the kernel does not have.
    """
    known = sorted({key for p in _parameters(description) if (key := _key(p.name)) in PINNABLE})
    wrong = [key for key in keys if key not in known]
    if wrong:
        raise ValueError(f"pinned={wrong[0]}: expected some of {', '.join(known)}")
    return {**description, PINNED: sorted(keys)}


def overrides(description: Description) -> Config:
    """The pinned keys as Helion's ``autotune_config_overrides``; empty where none is."""
    lengths: dict[str, int] = {}
    for parameter in _parameters(description):
        key = _key(parameter.name)
        if key in description.get(PINNED, ()):
            lengths[key] = lengths.get(key, 0) + 1 if key != parameter.name else 0
    return {key: [PINNABLE[key]] * n if n else PINNABLE[key] for key, n in lengths.items()}


def _key(name: str) -> str:
    """Helion's key of one of our parameters."""
    numbered = re.fullmatch(r"(.+)_(\d+)", name)
    return _LISTS[numbered[1]] if numbered and numbered[1] in _LISTS else name


def _spelt(parameter: Parameter, value: Any) -> Any:
    """Helion's value as ours."""
    if parameter.name == "maxnreg":
        return NO_LIMIT
    numbered = re.fullmatch(r"(.+)_(\d+)", parameter.name)
    return _from_helion(numbered[1], value, parameter) if numbered and numbered[1] in _LISTS else value


def powers(low: int, high: int) -> tuple[int, ...]:
    """The powers of two from ``low`` to ``high``."""
    return tuple(1 << i for i in range(low.bit_length() - 1, high.bit_length()) if 1 << i >= low)


def _parameters(description: Description) -> Iterator[Parameter]:
    yield Categorical("pid_type", tuple(description["pid_types"]))
    yield Ordinal("num_sm_multiplier", powers(1, description["max_num_sm_multiplier"]), "log2", PERSISTENT)
    yield Ordinal("maxnreg", (NO_LIMIT, 32, 64, 128, 256), active_when=PERSISTENT)
    for i, block in enumerate(description["block_sizes"]):
        yield Ordinal(f"block_size_{i}", powers(block["low"], block["max_size"]), "log2")
    for i, ids in enumerate(description["loop_orders"]):
        yield Permutation(f"loop_order_{i}", len(ids))
    for i, _ in enumerate(description["flatten_loops"]):
        yield Boolean(f"flatten_loop_{i}")
    for i, _ in enumerate(description["l2_groupings"]):
        yield Ordinal(f"l2_grouping_{i}", powers(1, 64), "log2")
    for i, reduction in enumerate(description["reduction_loops"]):
        yield Ordinal(f"reduction_loop_{i}", powers(reduction["low"], reduction["high"]), "log2")
    for i, _ in enumerate(description["static_ranges"]):
        yield Boolean(f"static_range_{i}")
    yield from _ranges(description)
    yield Ordinal("num_warps", powers(1, 32), "log2")
    yield Integer("num_stages", 1, 8)
    for i in range(description["indexing"]["length"]):
        yield Categorical(f"indexing_{i}", tuple(description["indexing"]["choices"]))
    if description.get("host_tensor_descriptors") and (condition := _descriptor_condition(description)):
        yield Boolean("host_tensor_descriptors", condition)
    if description.get("reduction_fusion"):
        yield Boolean("reduction_fusion")
    evictions = description["load_eviction_policies"]
    for i in range(evictions["length"]):
        yield Categorical(f"load_eviction_{i}", tuple(_EVICTIONS.get(c, c) for c in evictions["choices"]))


def _ranges(description: Description) -> Iterator[Parameter]:
    for name in ("range_unroll_factor", "range_warp_specialize", "range_num_stages", *_TRISTATE[1:]):
        for i, ids in enumerate(description[_LISTS[name]]):
            condition = _range_condition(description, ids)
            if name in _TRISTATE:
                yield Categorical(f"{name}_{i}", tuple(_WORDS.values()), condition)
            else:
                yield Integer(f"{name}_{i}", 0, 4, active_when=condition)


def _descriptor_condition(description: Description) -> str:
    """That some access goes through a tensor descriptor; empty where none can."""
    indexing = description["indexing"]
    if DESCRIPTOR not in indexing["choices"]:
        return ""
    return " or ".join(f"indexing_{i} == '{DESCRIPTOR}'" for i in range(indexing["length"]))


def _range_condition(description: Description, block_ids: Sequence[int]) -> str | None:
    rules = [PERSISTENT] if set(block_ids) & set(description["grid_block_ids"]) else []
    rules += [
        f"not static_range_{i}" for i, ids in enumerate(description["static_ranges"]) if set(ids) & set(block_ids)
    ]
    return " and ".join(rules) or None


def _constraints(description: Description) -> Iterator[str]:
    yield f"maxnreg * num_warps * 32 <= {REGISTERS_PER_SM}"
    # Helion 1.5 limits whole rows, of which a program holds no more than a chunk of the reduction: another tile below.
    reduced = {reduction["high"] for reduction in description["reduction_loops"]}
    for blocks, rows in sorted(_tiles(description).items()):
        tile = " * ".join([*([str(rows)] if rows > 1 else []), *blocks])
        yield f"{tile} <= {MOST_ELEMENTS}"
        if rows in reduced:
            continue
        yield f"{tile} <= {ELEMENTS_PER_THREAD} * num_warps * 32"
        for i, ids in enumerate(description["range_unroll_factors"]):
            if set(ids) & set(description["grid_block_ids"]):
                yield f"{tile} * range_unroll_factor_{i} <= {ELEMENTS_PER_THREAD} * num_warps * 32"
    for i, block in enumerate(description["block_sizes"]):
        for j, outer in enumerate(description["block_sizes"]):
            if block["bounded_by"] == outer["block_id"]:
                yield f"block_size_{i} <= block_size_{j}"


def _tiles(description: Description) -> dict[tuple[str, ...], int]:
    """The tensors of a program: the parameters whose product is their size, and a constant factor."""
    tiles: dict[tuple[str, ...], int] = {}
    for limit in description["numel_limits"]:
        blocks = tuple(f"block_size_{i}" for i in limit["blocks"])
        tiles[blocks] = max(tiles.get(blocks, 1), MOST_ELEMENTS // limit["most"])
    grid = tuple(
        f"block_size_{i}"
        for i, b in enumerate(description["block_sizes"])
        if b["block_id"] in description["grid_block_ids"]
    )
    for i, _ in enumerate(description["reduction_loops"]):
        tiles[(*grid, f"reduction_loop_{i}")] = 1
    return tiles


def _grid_blocks(description: Description) -> tuple[str, ...]:
    ids = description["grid_block_ids"]
    return tuple(f"block_size_{i}" for i, b in enumerate(description["block_sizes"]) if b["block_id"] in ids)


def _features(description: Description) -> dict[str, str]:
    blocks = [f"block_size_{i}" for i, block in enumerate(description["block_sizes"])]
    grid = [
        f"block_size_{i}"
        for i, b in enumerate(description["block_sizes"])
        if b["block_id"] in description["grid_block_ids"]
    ]
    features = {"threads": "num_warps * 32"}
    if blocks:
        features["elements_per_thread"] = f"{' * '.join(blocks)} / (num_warps * 32)"
    if len(grid) > 1:
        features["tile_area"] = " * ".join(grid)
        features["tile_per_thread"] = f"{' * '.join(grid)} / (num_warps * 32)"
    return features


def description_of(space: SearchSpace) -> Description | None:
    """The description that a space was made from; ``None`` for one that is not Helion's."""
    text = space.constants.get(CONSTANT)
    return json.loads(text) if isinstance(text, str) else None


# -- configurations ----------------------------------------------------------------------------------------------------


def helion_config(configuration: Mapping[str, Any]) -> Config:
    """Helion's spelling of a configuration; what is inactive has Helion's default, or is left out at the end of a list.

    Raises:
        ValueError: a name that no Helion space has.
    """
    config: Config = {}
    lists: dict[str, dict[int, Any]] = {}
    for name, value in configuration.items():
        numbered = re.fullmatch(r"(.+)_(\d+)", name)
        if numbered and numbered[1] in _LISTS:
            lists.setdefault(numbered[1], {})[int(numbered[2])] = _to_helion(numbered[1], value)
        elif name in _SCALARS:
            config[name] = None if name == "maxnreg" and value == NO_LIMIT else value
        else:
            raise ValueError(f"{name}={value}: expected a parameter of a Helion space")
    for name, elements in lists.items():
        config[_LISTS[name]] = [elements.get(i, _DEFAULTS.get(name)) for i in range(max(elements) + 1)]
    return config


def configuration_of(config: Mapping[str, Any], space: SearchSpace) -> dict[str, Value]:
    """The canonical configuration of a normalised Helion config.

    Raises:
        InvalidConfiguration: a value that the space does not have.
    """
    return space.canonicalize(values_of(config, space))


def values_of(config: Mapping[str, Any], space: SearchSpace) -> dict[str, Any]:
    """A normalised Helion config as values of our parameters, inactive ones among them."""
    given: dict[str, Any] = {}
    for parameter in space.parameters:
        numbered = re.fullmatch(r"(.+)_(\d+)", parameter.name)
        if numbered and numbered[1] in _LISTS:
            elements = config.get(_LISTS[numbered[1]]) or []
            value = elements[int(numbered[2])] if int(numbered[2]) < len(elements) else _DEFAULTS.get(numbered[1])
            given[parameter.name] = _from_helion(numbered[1], value, parameter)
        elif parameter.name == "maxnreg":
            given["maxnreg"] = config.get("maxnreg") or NO_LIMIT
        elif parameter.name in config:
            given[parameter.name] = config[parameter.name]
    return given


def _to_helion(name: str, value: Any) -> Any:
    if name in _TRISTATE:
        return {word: raw for raw, word in _WORDS.items()}[value]
    if name == "load_eviction":
        return {word: raw for raw, word in _EVICTIONS.items()}.get(value, value)
    return list(value) if name == "loop_order" else value


def _from_helion(name: str, value: Any, parameter: Parameter) -> Any:
    if name in _TRISTATE:
        return _WORDS[value]
    if name == "load_eviction":
        return _EVICTIONS.get(value, value)
    if name == "reduction_loop" and value is None:
        return parameter.values[-1]
    return tuple(value) if name == "loop_order" else value
