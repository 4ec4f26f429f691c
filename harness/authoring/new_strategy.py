"""``nearopt new-strategy NAME``: a strategy that works, its YAML and its contract test, to start from."""

from __future__ import annotations

import keyword
import re
from importlib.util import find_spec
from pathlib import Path
from string import Template

from harness.config.plugins import STRATEGIES, declared
from harness.errors import UserError
from harness.system.resources import conf_directory

TEMPLATES = Path(__file__).with_name("templates")
NAME = re.compile(r"[a-z][a-z0-9_]*")


def new_strategy(name: str, folder: Path) -> list[Path]:
    """Write ``NAME.py``, ``strategy/NAME.yaml`` and ``test_NAME.py`` into ``folder``; all of them or none.

    ``--config-dir folder`` finds the YAML, and the module beside it.

    Raises:
        UserError: a name that is no module's or is taken, or a file that exists.
    """
    _check(name)
    files = {
        folder / f"{name}.py": "strategy.py.txt",
        folder / "strategy" / f"{name}.yaml": "strategy.yaml.txt",
        folder / f"test_{name}.py": "test_strategy.py.txt",
    }
    for file in files:
        if file.exists():
            raise UserError(f"{file}: exists: choose another name or -o DIR, or move it away")
    names = {"name": name, "title": "".join(word.capitalize() for word in name.split("_"))}
    made: list[Path] = []
    try:
        for file, template in files.items():
            text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(names)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as out:
                made.append(file)
                out.write(text)
    except OSError as error:
        for half in made:  # they would be in the way of the next attempt
            half.unlink(missing_ok=True)
        raise UserError(f"{file}: cannot be written ({error.strerror}): choose another -o DIR") from None
    return list(files)


def _check(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or not name.replace("_", ""):
        raise UserError(f"new-strategy {name}: expected a name of a module: a-z, 0-9 and _, a letter first")
    taken = (conf_directory() / "strategy" / f"{name}.yaml").exists()
    if taken or any(plugin.name == name for plugin in declared()[STRATEGIES]):
        raise UserError(f"new-strategy {name}: there is a strategy of this name: expected another")
    if find_spec(name) is not None:
        raise UserError(f"new-strategy {name}: there is a module of this name, which would hide it: expected another")
