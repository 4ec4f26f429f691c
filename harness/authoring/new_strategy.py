"""``nearopt new-strategy NAME``: write a working strategy, its YAML and its contract test as a starting point."""

from __future__ import annotations

from pathlib import Path

from harness.authoring.writing import check_module_name, title, write_templates
from harness.config.plugins import STRATEGIES, declared
from harness.errors import UserError
from harness.system.resources import conf_directory


def new_strategy(name: str, folder: Path) -> list[Path]:
    """Write ``NAME.py``, ``strategy/NAME.yaml`` and ``test_NAME.py`` into ``folder``; all of them or none.

    ``--config-dir folder`` finds the YAML, and the module beside it.

    Raises:
        UserError: the name is not a module's name or is taken, or a file exists.
    """
    taken = (conf_directory() / "strategy" / f"{name}.yaml").exists()
    if taken or any(plugin.name == name for plugin in declared()[STRATEGIES]):
        raise UserError(f"new-strategy {name}: a strategy has this name: expected another name")
    check_module_name("new-strategy", name)
    files = {
        folder / f"{name}.py": "strategy.py.txt",
        folder / "strategy" / f"{name}.yaml": "strategy.yaml.txt",
        folder / f"test_{name}.py": "test_strategy.py.txt",
    }
    return write_templates(files, {"name": name, "title": title(name)})
