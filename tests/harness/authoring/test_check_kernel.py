"""`nearopt check` finds the faults planted in a kernel, prints a line for each and exits with 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cli.test_cli import Nearopt, nearopt

__all__ = ["nearopt"]


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path) -> Iterator[None]:
    """Forget the modules of a test's folder, because another test may write modules of the same names."""
    yield
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


CPU_FAULTS = {
    "no_reference": ("def reference(", "def refference(", "FAIL class: NoReference.reference is missing: "),
    "no_space": ("def search_space(", "def space(", "FAIL class: NoSpace.search_space is missing"),
    "no_dataclass": ("@dataclass(frozen=True)\n", "", "FAIL class: NoDataclass is not a dataclass"),
    "not_frozen": ("@dataclass(frozen=True)", "@dataclass", "FAIL class: NotFrozen is mutable"),
    "no_dtype": ('dtype: str = "fp32"', "", "FAIL class: NoDtype.dtype is missing"),
    "own_draws": (", generator=generator)", ")", "FAIL inputs: x differs from one call to the next"),
    "not_finite": ('return {"x": torch.randn', 'return {"x": torch.inf * torch.randn', "FAIL inputs: x holds NaN"),
    "list_of_inputs": ("{\"x\": torch.randn(self.rows, self.cols, generator=generator).to(self.torch_dtype)}",
                       "[torch.zeros(3)]", "FAIL inputs: returned list: expected tensors by name"),
    "raises": ('x = inputs["x"].double()', 'x = inputs["z"].double()', "FAIL reference: KeyError: z (raises.py:"),
    "low_precision": ('inputs["x"].double()', 'inputs["x"].half()', "FAIL reference: y is torch.float16: expected"),
    "changes_inputs": ('return {"y": x @ x.T}', 'inputs["x"][0] = 1\n        return {"y": x @ x.T}',
                       "FAIL reference: changes its input x"),
    "wrong": ("x[block] @ right", "x[block] @ right + 1", "FAIL run: y: relative error "),
    "unwritten": ("for block in blocks:", "for block in blocks[1:]:", "of 1369 values not written, or NaN; "),
    "adds_up": ("y[block] = x", "y[block] += x", "FAIL run: y: 1369 of 1369 values not written, or NaN; 5 of 5"),
    "misspelt": ('configuration["block"])]', 'configuration["blocks"])]',
                 "configuration['blocks']: inactive or unknown parameter: expected block"),
    "unread": ('right = x.T.copy() if configuration["transposed"] else x.T', "right = x.T",
               "FAIL search_space: transposed is never read: expected it to be used in bind"),
    "infeasible": ("block < 2 * rows", "block < 0", "FAIL search_space: no configuration is feasible"),
    "bad_rule": ("block < 2 * rows", "blok < 2 * rows", "'blok' is unknown (bad_rule.py:"),
    "empty": ('return {"y": x @ x.T}', 'return {"y": (x @ x.T)[:0]}',
              "FAIL reference: y has shape [0, 37]: expected"),
    "no_such_default": ('{"block": 64,', '{"blck": 64,', "FAIL default: InvalidConfiguration: unknown parameter"),
    "default_forbidden": ('constraints=["block < 2 * rows"]', 'constraints=["block != 64"]', "FAIL default: "),
}  # fmt: skip

TRITON_FAULTS = {
    "other_buffer": ('"y": Buffer("y")', '"y": Buffer("z")',
                     "FAIL run: plan: Buffer('z'): expected an input, output or scratch"),
    "other_argument": ('"cols": self.cols}', '"colls": self.cols}', "has no parameter colls: expected cols"),
    "lost_argument": (', "cols": self.cols}', "}", "gets no value for its parameter cols"),
    "flat_grid": ("grid=(self.rows, 1, 1)", "grid=(self.rows,)", "FAIL run: plan: grid (37,): expected three"),
    "no_mask": ("(part * scale).to(y.dtype.element_ty), at < cols", "(part * scale).to(y.dtype.element_ty), at < 5",
                "values not written, or NaN; "),
    "no_plan": ("return Plan((launch,))", "return launch", "FAIL run: plan: returned Launch: expected a Plan"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "old", "new", "says"),
    [
        *(("cpu", name, *planted) for name, planted in CPU_FAULTS.items()),
        *(("triton", name, *planted) for name, planted in TRITON_FAULTS.items()),
    ],
)
def test_what_is_planted_is_found(
    nearopt: Nearopt, tmp_path: Path, kind: str, name: str, old: str, new: str, says: str
) -> None:
    assert nearopt("new-kernel", name, "--kind", kind)[0] == 0
    file = tmp_path / f"{name}.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    code, out, err = nearopt("check", file.name, "--no-compile")
    assert (code, err) == (1, "")
    faults = [line for line in out.splitlines() if line.startswith("FAIL")]
    assert any(says in line for line in faults), out
    assert out.splitlines()[-1] == f"{len(faults)} to fix: {file.name}"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("zzz.py",), "zzz.py: no such file: expected FILE.py:NAME"),
        (("my_kernls.py",), "my_kernls.py: no such file: expected my_kernels.py"),
        (("my_kernels",), "check my_kernels: expected the path of a Python file"),
        (("my_kernels.py",), "expected one of my_kernels.py:MyKernels, my_kernels.py:Second"),
        (("my_kernels.py:Secnd",), "no such kernel: expected Second"),
        (("my_kernels.py:Second", "rowz=3"), "rowz=3: Second has no such field: expected rows"),
        (("my_kernels.py:Second", "rows"), "rows: expected FIELD=VALUE"),
        (("my_kernels.py:Second", "rows=many"), "rows=many: expected a whole number"),
        (("my_kernels.py:Second", "dtype=fp8"), "dtype=fp8: expected one of bf16, fp16, fp32"),
        (("empty_of_kernels.py",), "contains no kernel: expected a class derived from kernels.simple.SimpleKernel"),
        (("unreadable.py",), "unreadable.py:2: cannot be imported: SyntaxError: "),
        (
            ("unimportable.py",),
            "unimportable.py:1: cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (("two-words.py",), "Python cannot import a file of this name"),
        (("json.py",), "under this name: expected another file name"),
    ],
)
def test_a_mistake_in_the_words_is_one_line(
    nearopt: Nearopt, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    assert nearopt("new-kernel", "my_kernels", "--kind", "cpu")[0] == 0
    with (tmp_path / "my_kernels.py").open("a") as file:
        file.write("\n\nclass Second(MyKernels):\n    pass\n")
    for name, text in (("empty_of_kernels", ""), ("unreadable", "\nx = (\n"), ("unimportable", "import no_such_module"),
                       ("two-words", ""), ("json", "")):  # fmt: skip
        (tmp_path / f"{name}.py").write_text(text)
    code, out, err = nearopt("check", *words, "--no-compile")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_a_shape_of_ones_own_is_looked_at(nearopt: Nearopt) -> None:
    assert nearopt("new-kernel", "shaped", "--kind", "cpu")[0] == 0
    code, out, _ = nearopt("check", "shaped.py", "rows=3", "task.kernel.cols=5")
    assert code == 1  # its default asks for blocks of 64 rows
    assert "ok   class: Shaped is shaped-3x5-fp32" in out and "FAIL default: " in out


def test_the_small_shape_is_one_that_the_space_takes(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt("new-kernel", "choosy", "--kind", "cpu")[0] == 0
    file = tmp_path / "choosy.py"
    for rule, shape in (("rows % 64 == 0", "64x128"), ("rows > 300", "512x67")):
        text = file.read_text()
        file.write_text(text.replace('"block < 2 * rows"]', f'"{rule}"]'))
        code, out, _ = nearopt("check", "choosy.py", "--no-compile")
        assert code == 0 and f"match the reference on choosy-{shape}-fp32" in out, out
        file.write_text(text)
        sys.modules.pop("choosy")
