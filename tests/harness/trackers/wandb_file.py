"""Read the transaction log of an offline W&B run: LevelDB's log format with one protobuf message per record."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32_768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def payloads(file: Path) -> Iterator[bytes]:
    data = file.read_bytes()
    assert data[:4] == b":W&B"
    at, whole = HEADER, b""
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        assert kind in (FULL, FIRST, MIDDLE, LAST), kind
        piece = data[at + HEADER : at + HEADER + length]
        assert len(piece) == length, "cut off"
        whole = piece if kind in (FULL, FIRST) else whole + piece
        at += HEADER + length
        if kind in (FULL, LAST):
            yield whole


def records(file: Path) -> Iterator[Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    for payload in payloads(file):
        record = Record()
        record.ParseFromString(payload)
        yield record


def items(message: Any) -> dict[str, Any]:
    """Return keys and JSON values of a history, summary or config message; nested keys are joined by dots."""
    found = {}
    for item in message:
        key = ".".join(item.nested_key) if len(item.nested_key) else item.key
        found[key] = json.loads(item.value_json)
    return found
