"""Ways to damage a document, drawn at random: its bytes, its values, its expressions."""

from __future__ import annotations

import copy
import gzip
import json
import random
from typing import Any

HOSTILE_TEXT = (
    "__import__('os').mkdir('PWNED')",
    "[__import__('os').mkdir('PWNED') for _ in [1]]",
    "().__class__.__base__.__subclasses__()",
    "open('PWNED', 'w')",
    "exec(\"open('PWNED','w')\")",
    "9**9**9**9",
    "[2**i for i in range(10**9)]",
    "list(range(10**12))",
    "(" * 3000,
    "-" * 20_000 + "1",
    " and ".join(["x > 1"] * 2000),
    "x" * 100_000,
    "x if x else 1",
    "lambda: 0",
    "x.real",
    "x[0]",
    "1/0",
    "x // 0 == 0",
    "x == 'a' < 3",
    "\ud800",
    "\x00",
    "a\nb",
    "µ",
    "",
)
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1e-320, 1e300, 1e20, -0.0, float("nan"), float("inf"), 10**25, -(10**400), 2**63,
    [], {}, [[]], [1, 2], [0, 1], [1, 0, 2], ["a", 1], {"a": 1}, [None], "InvalidConfig", "CompilationFailedConfig",
    "1", "16", "(0, 1)", "GFLOP/s", "energy", "seconds", "time", *HOSTILE_TEXT,
)  # fmt: skip
NAMES = ("x", "cache", "results", "time", "times", "tune_params", "min", "class", "a\tb", "", "__error__", "\ud800")
PIECES = ("**", " or ", " in ", "not ", "1e999", "==", ":=", *"()[],x'\".#\\\n%")
MARKS = (b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\x00", b"\xff", b"NaN", b"1e9")


def nodes(document: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a JSON document."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        node = waiting.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            found.append((node, key))
            waiting.append(value)
    return found


def damage_value(rng: random.Random, document: Any) -> None:
    """Make one change somewhere in a document."""
    container, key = rng.choice(nodes(document))
    match rng.randrange(6):
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[rng.choice(NAMES)] = container.pop(key)
        case 2 if isinstance(container, dict):
            container[rng.choice(NAMES)] = copy.deepcopy(container[key])
        case 3 if isinstance(container, list):
            container.extend(copy.deepcopy(container) * rng.choice((1, 1, 50)))
        case 4:
            _, other_key = other = rng.choice(nodes(document))
            container[key] = copy.deepcopy(other[0][other_key])
        case _:
            container[key] = rng.choice(ODD_VALUES)


def damage_expression(rng: random.Random, document: Any) -> None:
    """Change a string."""
    texts = [(container, key) for container, key in nodes(document) if isinstance(container[key], str)]
    if not texts:
        return
    container, key = rng.choice(texts)
    text = container[key]
    at = rng.randrange(len(text) + 1)
    piece = rng.choice(PIECES)
    changed = (text[:at] + piece + text[at:], text[:at], text[at:], text * 2, rng.choice(HOSTILE_TEXT))
    container[key] = rng.choice(changed)


def damage_bytes(rng: random.Random, data: bytes) -> bytes:
    """Flip, drop, repeat or insert bytes, or cut the file off."""
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 8, 64))
    match rng.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[at + length :]
        case 2:
            return data[:at] + rng.randbytes(length) + data[at:]
        case 3:
            return data[:at] + data[at : at + length] * rng.choice((2, 2, 1000)) + data[at:]
        case 4:
            return data[:at] + rng.choice(MARKS) + data[at:]
    return data[:at] + rng.randbytes(length) + data[at + length :]


def damaged_json(rng: random.Random, document: Any) -> bytes:
    """Damage a document one to three times; return a file's bytes, sometimes gzipped."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice((0, 1, 1, 2))):
        if not nodes(document):
            break
        (damage_expression if rng.random() < 0.3 else damage_value)(rng, document)
    data = json.dumps(document, indent=rng.choice((None, None, 0, 2))).encode()
    packed = rng.random() < 0.1
    if rng.random() < 0.4:
        data = damage_bytes(rng, data)
    if packed:
        data = gzip.compress(data, mtime=0)
        data = damage_bytes(rng, data) if rng.random() < 0.5 else data
    return data
