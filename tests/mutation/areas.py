"""What is mutated, and which test files concern it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Area:
    """``modules`` and ``tests`` are patterns below the checkout; ``without`` names modules that are left out."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    without: frozenset[str] = frozenset()

    def files(self) -> list[str]:
        found = {path for pattern in self.modules for path in ROOT.glob(pattern)}
        return sorted(str(path.relative_to(ROOT)) for path in found if path.stem not in self.without)

    def test_files(self) -> list[str]:
        return sorted({str(path.relative_to(ROOT)) for pattern in self.tests for path in ROOT.glob(pattern)})


# The spaces of single kernels are data rather than logic, and recordings hold digests of them.
KERNELS = frozenset(path.stem for path in (ROOT / "kernels").glob("*.py"))

AREAS = (
    Area(
        "search_spaces",
        ("search_spaces/*.py",),
        ("tests/search_spaces/test_[!hd]*.py",),
        KERNELS | {"__init__", "helion", "rows"},
    ),
    Area(
        "statistics",
        ("analysis/statistics/*.py", "analysis/study/*.py", "analysis/verdict/*.py"),
        ("tests/analysis/statistics/*.py", "tests/analysis/study/*.py", "tests/analysis/verdict/*.py",
         "tests/analysis/tables/test_comparisons.py", "tests/analysis/plan/test_plan.py", "tests/test_rules_agree.py",
         "tests/analysis/gate/test_gate_statistics.py", "tests/analysis/test_drawn.py"),
    ),
    Area(  # the loop itself; what starts processes and writes directories is tried by whole sweeps
        "run_loop",
        (*(f"harness/run/{name}.py" for name in
           ("admission", "clock", "failures", "given", "log_lines", "loop", "outcome", "overlapped", "rows", "streams",
            "successes", "utilisation")), "harness/study/order.py", "harness/rules.py", "harness/evaluation.py"),
        (*(f"tests/harness/run/test_{name}.py" for name in
           ("clock", "failures", "given", "log_lines", "loop", "loop_by_hand", "loop_parts", "overlapped",
            "runs_under_rules", "streams", "damage")),
         "tests/harness/study/test_order.py", "tests/harness/test_rules.py"),
    ),
    Area(
        "conditional_gp",
        ("harness/strategies/conditional_gp/*.py",),
        tuple(f"tests/harness/strategies/test_{name}.py"
              for name in ("acquisition", "conditional_gp", "given", "gp", "gp_model", "gp_parts", "levels", "targets",
                           "transfer", "warm")),
    ),
)  # fmt: skip
