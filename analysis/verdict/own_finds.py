"""The verdict with each strategy's own finds left out of its t* (:mod:`analysis.study.own_finds`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.verdict.hypothesis import Hypothesis

Claim = Mapping[str, Mapping[str, str]]
"""Question to stratum to the verdict on the claim."""


@dataclass(frozen=True)
class WithoutOwnFinds:
    """The outcome of the tests without own finds. It is reported and decides nothing.

    Attributes:
        t_star_ms: strategy to task to the t* without its finds, if that differs.
        claim: as in :class:`analysis.verdict.judge.Verdict`.
        verdicts: question to stratum to strategy.
    """

    t_star_ms: Mapping[str, Mapping[str, float]]
    claim: Claim
    verdicts: Mapping[str, Mapping[str, Mapping[str, str]]]

    def document(self) -> dict[str, Any]:
        """The part of verdict.json on own finds."""
        return {"t_star_ms": self.t_star_ms, "verdict": self.claim, "verdicts": self.verdicts}

    def sentence(self, decided: Claim, hypothesis: Hypothesis) -> str:
        """State whether the verdict on the claim depends on own finds; empty if the claim was not judged.

        Args:
            decided: the verdict on the claim with own finds.
        """
        question = hypothesis.questions[0]
        stratum = next((name for name in hypothesis.strata if name in decided.get(question, {})), None)
        if stratum is None:
            return ""
        was = decided[question][stratum]
        now = self.claim.get(question, {}).get(stratum, "not judged")
        tasks = len({task for found in self.t_star_ms.values() for task in found})
        names = ", ".join(self.t_star_ms)
        return (
            f"With each strategy's own finds left out of the optimum (that of {tasks} task{'s' * (tasks != 1)} is "
            f"only known from {names}) the claim is {now}, {'as' if was == now else 'not ' + was + ' as'} with them."
        )
