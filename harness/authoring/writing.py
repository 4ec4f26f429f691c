"""Write files from templates, all of them or none, and refuse names that are taken."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template

from harness.errors import UserError

TEMPLATES = Path(__file__).with_name("templates")
NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_module_name(command: str, name: str) -> None:
    """Refuse a name that an author's module cannot have.

    Args:
        command: the command that the name was given to, for the message.

    Raises:
        UserError: the name is not a module's name, or another module has it.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or not name.replace("_", ""):
        raise UserError(f"{command} {name}: expected a module name: a-z, 0-9 and _, starting with a letter")
    if find_spec(name) is not None:
        raise UserError(f"{command} {name}: an existing module of this name would hide it: expected another name")


def title(name: str) -> str:
    """The class name for a module: ``NearAndFar`` for ``near_and_far``."""
    return "".join(word.capitalize() for word in name.split("_"))


def write_templates(files: Mapping[Path, str], names: Mapping[str, str]) -> list[Path]:
    """Write each file from its template, with ``names`` filled in; all of them or none.

    Raises:
        UserError: a file exists or cannot be written.
    """
    for file in files:
        if file.exists():
            raise UserError(f"{file}: exists: choose another name or -o DIR, or move it away")
    made: list[Path] = []
    try:
        for file, template in files.items():
            text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(names)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as out:
                made.append(file)
                out.write(text)
    except OSError as error:
        for half in made:  # otherwise the next attempt would find them and refuse
            half.unlink(missing_ok=True)
        raise UserError(f"{file}: cannot be written ({error.strerror}): choose another -o DIR") from None
    return list(files)
