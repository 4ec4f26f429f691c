"""A kernel in a user's own file is found by its name, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.kernel_file import is_kernel_file, read_kernel_file
from harness.errors import UserError
from tests.harness.tuning.own_kernels import cpu_kernel

TWO = "\n\nclass Second(RowSum):\n    pass\n"


def test_the_only_kernel_of_a_file_needs_no_name(tmp_path: Path) -> None:
    file = cpu_kernel(tmp_path, "rowsum_alone")
    for word in (str(file), f"{file}:RowSum"):
        found = read_kernel_file(word)
        assert (found.target, found.kernel.__name__) == ("rowsum_alone.RowSum", "RowSum")
    assert [is_kernel_file(word) for word in ("a.py", "b/a.py:X", "softmax", "a.pyx")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("stem", "more", "name", "said"),
    [
        ("rowsum_two", TWO, "", "expected one of .*rowsum_two.py:RowSum, .*rowsum_two.py:Second"),
        ("rowsum_near", "", ":Rowsum", "rowsum_near.py:Rowsum: no such kernel: expected RowSum"),
        ("rowsum_far", TWO, ":Matmul", "no such kernel: expected RowSum or Second"),
        ("rowsum_bad", "\n\n1 / 0\n", "", "cannot be imported: ZeroDivisionError: division by zero"),
        ("rowsum_exit", "\n\nraise SystemExit(3)\n", "", "rowsum_exit.py:[0-9]+: cannot be imported: SystemExit: 3"),
        ("rowsum_zero", "\0", "", "rowsum_zero.py: cannot be imported: SyntaxError: source code string"),
        (
            "rowsum_part",
            "\n\nclass Part(CpuKernel):\n    pass\n",
            ":Part",
            "Part: bind, inputs, .*: required in every kernel",
        ),
        ("random", "", "", "Python imports .*random.py under this name: expected another file name"),
        ("row-sum", "", "", "Python cannot import a file of this name"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, stem: str, more: str, name: str, said: str) -> None:
    file = cpu_kernel(tmp_path, stem)
    file.write_text(file.read_text() + more)
    with pytest.raises(UserError, match=said):
        read_kernel_file(f"{file}{name}")


def test_a_file_without_a_kernel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no_kernel_at_all.py").write_text("from kernels.cpu import CpuKernel\n")
    with pytest.raises(UserError, match="contains no kernel: expected a class derived from"):
        read_kernel_file(str(tmp_path / "no_kernel_at_all.py"))
