"""The verdict again, nobody judged by what only they found (:mod:`analysis.study.own_finds`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.verdict.hypothesis import Hypothesis

Claim = Mapping[str, Mapping[str, str]]
"""Question to stratum to the verdict on the claim."""


@dataclass(frozen=True)
class WithoutOwnFinds:
    """What the tests say then. It is told and decides nothing.

    Attributes:
        t_star_ms: strategy to task to the t* without its finds, where that is another.
        claim: as in :class:`analysis.verdict.judge.Verdict`.
        verdicts: question to stratum to strategy.
    """

    t_star_ms: Mapping[str, Mapping[str, float]]
    claim: Claim
    verdicts: Mapping[str, Mapping[str, Mapping[str, str]]]

    def document(self) -> dict[str, Any]:
        """Of verdict.json."""
        return {"t_star_ms": self.t_star_ms, "verdict": self.claim, "verdicts": self.verdicts}

    def sentence(self, decided: Claim, hypothesis: Hypothesis) -> str:
        """Whether the verdict on the claim hangs on it.

        Args:
            decided: the claim with own finds.
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
