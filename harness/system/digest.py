"""Digests of JSON-able documents."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(document: Any) -> str:
    """SHA-256 of a JSON-able document, independent of key order."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()
