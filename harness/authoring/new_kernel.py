"""``nearopt new-kernel NAME``: write a working kernel with its space, its reference and its contract test."""

from __future__ import annotations

from pathlib import Path

from harness.authoring.writing import check_module_name, title, write_templates
from harness.config.plugins import KERNELS, declared
from harness.errors import UserError
from harness.system.resources import conf_directory

SHAPES = {
    "triton": '{0}(7, 300, "fp32"), {0}(1, 1, "bf16"), {0}(3, 1025, "fp16")',
    "cpu": "{0}(37, 61), {0}(1, 1), {0}(64, 3)",
    "cuda": "{0}(1027), {0}(1)",
}
"""Small shapes of each template's kernel, by kind."""


def new_kernel(name: str, kind: str, folder: Path) -> list[Path]:
    """Write ``NAME.py`` and ``test_NAME.py`` into ``folder``; both or none.

    The kernel brings its space along: ``task=folder/NAME.py`` needs no YAML.

    Args:
        kind: a key of :data:`SHAPES`.

    Raises:
        UserError: the name is not a module's name or is taken, or a file exists.
    """
    taken = (conf_directory() / "task" / f"{name}.yaml").exists()
    if taken or any(plugin.name == name for plugin in declared()[KERNELS]):
        raise UserError(f"new-kernel {name}: a task has this name: expected another name")
    check_module_name("new-kernel", name)
    files = {folder / f"{name}.py": f"kernel_{kind}.py.txt", folder / f"test_{name}.py": "test_kernel.py.txt"}
    return write_templates(files, {"name": name, "title": title(name), "shapes": SHAPES[kind].format(title(name))})
