"""Translate errors of Hydra and OmegaConf into one line: the override, what was expected, the near name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence

from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from harness.config.overrides import quoting
from harness.config.plugins import GIVEN
from harness.config.targets import HYDRA_WORDS, target_object
from harness.errors import UserError
from harness.system.near import expected_name
from harness.system.text import causes_line, one_line

LISTED_BY: Mapping[str, str] = {
    "strategy": "nearopt strategies lists them",
    "task": "nearopt landscapes lists those that are recorded",
}
CHOSEN = ("task", "strategy", "backend", "budget", "rules", "tracker", "experiment")
"""Options whose value is the name of a configuration file."""
_KEY = re.compile(r"Could not override '([^']+)'")
_LIST = re.compile(r"Ambiguous value for argument '([^']+)'|Sweep parameters '([^']+)' requires")
_ABSENT = re.compile(r"Interpolation key '([^']+)' not found")
_TWICE = re.compile(r"Multiple values for (\S+)\.|An item is already at '([^']+)'")
_MANDATORY = re.compile(r"Missing mandatory value: (\S+)")
_UNKNOWN_RESOLVER = re.compile(r"Unsupported interpolation type (\S+)")

Keys = Callable[[str, str], Sequence[str]]
"""Returns the valid keys beside an unknown one, given its override and the dotted name of its parent."""


def refusal(error: Exception, overrides: Sequence[str], keys: Keys) -> str:
    """The one-line message for an error of Hydra or OmegaConf."""
    text = causes_line(error, 2000)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _no_such_file(error)
    if found := _KEY.search(text):
        return _no_such_key(found[1], overrides, keys)
    if found := _TWICE.search(text):
        override = _of(found[1] or found[2], overrides)
        return f"{override}: already set: expected {override.lstrip('+')}"
    if found := _MANDATORY.search(text):
        return f"{found[1]}: missing: expected {found[1]}=VALUE"
    if found := _LIST.search(text):
        override = _of(found[1] or found[2], overrides)
        key, _, value = override.partition("=")
        plain = "" if key in CHOSEN else f"; if the value is plain text, {quoting(key, value)}"
        return f"{override}: a list: expected -m for a sweep, or one value{plain}"
    if found := _ABSENT.search(text):
        return f"{_holding(found[1], overrides)}: refers to {found[1]}, which is not set"
    if found := _UNKNOWN_RESOLVER.search(text):
        return f"{_holding(found[1], overrides)}: refers to a resolver {found[1]}, which does not exist"
    return _without_their_words(text)


DISPENSABLE = ("tracker",)
"""Groups that a run does not need."""


def check_names(overrides: Sequence[str], options: Sequence[str]) -> None:
    """Refuse values that a configuration group cannot have, such as a list without a sweep, and deletions of options.

    Args:
        options: the options of a run, which can be set but not deleted.

    Raises:
        UserError: naming the override at fault.
    """
    for override in overrides:
        key, equals, text = override.partition("=")
        if override.startswith("~") and (deleted := key.lstrip("~").partition("@")[0]).partition(".")[0] in options:
            taken = "." not in deleted or deleted.startswith(("budget.", "rules."))
            if taken and deleted not in DISPENSABLE:
                raise UserError(f"{override}: expected {deleted}=VALUE: a run needs this option")
        elif equals and not key:
            raise UserError(f"{override}: expected NAME=VALUE")
        elif equals and key in CHOSEN and not text.strip():
            raise UserError(f"{override}: expected the name of a {key}")
        elif equals and key in CHOSEN and text.startswith(("[", "{")):
            raise UserError(f"{override}: expected the name of one {key} (a sweep is {key}=A,B with -m)")


def keys_at(composed: DictConfig, parent: str) -> list[str]:
    """Names that may be set below ``parent`` (top level if empty): its keys, and the arguments of a target there."""
    node = OmegaConf.select(composed, parent) if parent else composed
    if not isinstance(node, DictConfig):
        return []
    names = [str(key) for key in node if key not in HYDRA_WORDS]
    target = node.get("_target_")
    return [*names, *(name for name in _arguments(target) if name not in names)] if isinstance(target, str) else names


def _arguments(target: str) -> list[str]:
    """Arguments of a class or function except those that the run loop passes."""
    try:
        parameters = inspect.signature(target_object("", target)).parameters.values()
    except (UserError, TypeError, ValueError):
        return []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [name for name in named if name not in (*GIVEN, "task")]


def _no_such_file(error: MissingConfigException) -> str:
    group, _, name = error.missing_cfg_file.rpartition("/")
    if not group or not error.options:
        return f"{error.missing_cfg_file}: no such configuration"
    return f"{group}={name}: no such {group}: expected {_option(group, name, error.options)}"


def _option(group: str, name: str, options: Sequence[str]) -> str:
    shapes = [option for option in options if option.startswith(f"{name}-")]
    if shapes:
        return expected_name("", shapes)
    return expected_name(name, options, more=LISTED_BY.get(group, ""))


def _no_such_key(key: str, overrides: Sequence[str], keys: Keys) -> str:
    """The message for an unknown key, or for the unknown parent if the parent is at fault."""
    override = _of(key, overrides)
    parent, _, name = key.rpartition(".")
    below = ""
    while parent and not keys(override, parent):
        grandparent, _, above = parent.rpartition(".")
        if above in keys(override, grandparent):
            return f"{override}: unknown option: expected {parent}=NAME as well, with a {parent} that has {name}"
        parent, name, below = grandparent, above, f".{name}{below}"
    known = keys(override, parent)
    if name in known:
        return f"{override}: not listed in any YAML: expected +{override.lstrip('+')}"
    prefix = f"{parent}." if parent else ""
    expected = expected_name(name, known, prefix)
    whole = below if not expected.startswith("one of") and " or " not in expected else ""
    return f"{override}: unknown option: expected {expected}{whole}"


def _of(key: str, overrides: Sequence[str]) -> str:
    """The override that sets a key, as the user wrote it."""
    return next((o for o in overrides if o == key or o.partition("=")[0].lstrip("+~") == key), key)


def _holding(text: str, overrides: Sequence[str]) -> str:
    return next((override for override in overrides if "${" in override and text in override), text)


def _without_their_words(text: str) -> str:
    kept = re.sub(r"\b(full_key|object_type|reference_type): ?\S*|\b(object|reference)_type=\S+", "", text)
    key = re.search(r"full_key: (\S+)", text)
    kept = one_line(kept.removeprefix("Error merging override "), 600).rstrip(" :")
    return f"{key[1]}: {kept}" if key and key[1] not in kept else kept
