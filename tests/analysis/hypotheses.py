"""Hypotheses for tests: the claim's, as committed, and files made from any."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.hypothesis_file import read_hypothesis

CLAIM_FILE = Path(__file__).parents[2] / "experiments" / "claim_5_10x" / "hypothesis.yaml"
CLAIM = read_hypothesis(CLAIM_FILE).hypothesis


def fields(hypothesis: Hypothesis) -> dict[str, Any]:
    """Return the content of hypothesis.yaml."""
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(hypothesis).items() if v is not None}
    return {"version": 1, **plain}


def write_hypothesis(path: Path, hypothesis: Hypothesis) -> Path:
    path.write_text(yaml.safe_dump(fields(hypothesis), sort_keys=False), encoding="utf-8")
    return path
