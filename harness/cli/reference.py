"""The page of all commands, options, settings, files and exit codes: ``python -m harness.cli.reference``.

It is computed from the table of commands, from ``conf/`` and from the schema of a results folder. With ``-o FILE`` it
is written to a file, without it is printed; harness/REFERENCE.md is what it prints.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.media import markdown, markdown_table
from harness.cli.command import Command
from harness.cli.commands import COMMANDS
from harness.cli.exit_codes import MEANINGS
from harness.config.strategy_table import StrategyAccount, account
from harness.evaluation import DeviceState, Evaluation, Measurement
from harness.system.atomic import write_text
from harness.system.resources import PACKAGE, conf_directory
from harness.system.terminal import say

SCHEMA = PACKAGE / "run/run_directory.schema.json"
SETTINGS = ("backend", "budget", "rules", "tracker", "hydra/launcher", "suite")
"""Groups of ``conf/`` whose files are printed whole: their comments say what each setting means."""
NAMES = {"task": "tasks", "experiment": "experiments"}
"""Groups of which the names are listed."""
_ATTRIBUTE = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*(?:\n {8}.*)*)", re.MULTILINE)
HEAD = """# Reference: commands, settings, files and exit codes

Written by `python -m harness.cli.reference -o harness/REFERENCE.md` from the code; a test compares the two. How the
pieces work together is told by the pages that [README](../README.md) lists.
"""


def page() -> str:
    """The whole page, as Markdown."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    sections = (HEAD, exit_codes(), *commands(COMMANDS), *settings(conf_directory()), *files(schema))
    return "\n".join(section.rstrip() + "\n" for section in sections)


def exit_codes() -> str:
    """What each exit code means."""
    rows = [(str(code), meaning) for code, meaning in sorted(MEANINGS.items())]
    return f"## Exit codes\n\n{markdown_table(('code', 'meaning'), rows)}"


def commands(table: Sequence[Command]) -> Iterator[str]:
    """The list of commands, then a section for each."""
    rows = [f"| [`nearopt {each.name}`](#nearopt-{each.name.replace(' ', '-')}) | {markdown(each.summary)} |"
            for each in table]  # fmt: skip
    yield "\n".join(["## Commands", "", "| command | what it does |", "| --- | --- |", *rows])
    for each in table:
        yield _command(each)


def _command(command: Command) -> str:
    parser = argparse.ArgumentParser(prog=f"nearopt {command.name}", add_help=not command.own_help)
    command.add_options(parser)
    parts = [f"### nearopt {command.name}", f"```text\n{command.description}\n```"]
    rows = [(_spelling(action), _meaning(parser, action)) for action in parser._actions if _is_told(action)]
    if rows:
        parts.append(markdown_table(("argument", "meaning"), rows))
    if command.overrides:
        parts.append(f"Overrides that may follow: {', '.join(f'`{prefix}…`' for prefix in command.overrides)}")
    parts.append("```text\n" + "\n".join(command.examples) + "\n```")
    return "\n\n".join(parts)


def _is_told(action: argparse.Action) -> bool:
    return action.help is not argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)


def _spelling(action: argparse.Action) -> str:
    """``-o, --output OUTPUT`` for an option, ``DIR…`` for a positional argument that may be repeated."""
    value = "" if action.nargs == 0 else str(action.metavar or _choices(action) or action.dest.upper())
    if not action.option_strings:
        return value + {"*": "… (none or more)", "+": "… (one or more)", "?": " (may be left out)"}.get(
            str(action.nargs), ""
        )
    return f"{', '.join(action.option_strings)} {value}".rstrip() + (" …" if action.nargs in ("*", "+") else "")


def _choices(action: argparse.Action) -> str:
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    told = (action.help or "") % {**vars(action), "prog": parser.prog}
    repeats = isinstance(action, argparse._AppendAction) and "repeat" not in told
    needed = action.required and action.option_strings
    return "; ".join([told, *(["may be repeated"] if repeats else []), *(["required"] if needed else [])])


def settings(conf: Path) -> Iterator[str]:
    """What overrides may name: the files of ``conf/`` with their comments, and the names of tasks and strategies."""
    first = "\n\n".join(_yaml(file, conf) for file in sorted(conf.glob("*.yaml")))
    yield (
        "## Settings\n\nAn override is `KEY=VALUE`, in Hydra's syntax: `budget.evaluations=60`. These are the defaults."
        f" `nearopt run --cfg OVERRIDE…` prints what a command would use.\n\n{first}"
    )
    for group in SETTINGS:
        parts = [f"### {group}=NAME", *(_yaml(file, conf) for file in sorted((conf / group).glob("*.yaml")))]
        yield "\n\n".join(parts)
    accounts = [account(file, "NearOpt") for file in sorted((conf / "strategy").glob("*.yaml"))]
    yield f"### strategy=NAME\n\n`nearopt strategies NAME` prints more of one.\n\n{_strategies(accounts)}"
    for group, noun in NAMES.items():
        names = ", ".join(f"`{file.stem}`" for file in sorted((conf / group).glob("*.yaml")))
        yield f"### {group}=NAME\n\nThe {noun} of `conf/{group}/`: {names}."


def _strategies(accounts: Sequence[StrategyAccount]) -> str:
    rows = [(each.name, each.library, each.told.get("kind", ""), each.line) for each in accounts]
    return markdown_table(("strategy", "library", "kind", "what it is"), rows)


def _yaml(file: Path, conf: Path) -> str:
    text = file.read_text(encoding="utf-8").strip()
    return f"`conf/{file.relative_to(conf).as_posix()}`\n\n```yaml\n{text}\n```"


def files(definitions: Mapping[str, Any]) -> Iterator[str]:
    """The files of a results folder with their columns or keys.

    Args:
        definitions: those of ``run_directory.schema.json``, by name.
    """
    yield (
        "## Files of a results folder\n\nFrom [run_directory.schema.json](run/run_directory.schema.json); "
        "[results folders](run/README.md) says how they go together. `_ms` are milliseconds, `_s` seconds."
    )
    for name, definition in definitions.items():
        told = f"### {name}\n\n{markdown(_sentence(definition.get('description', '')))}".rstrip()
        rows = list(_fields(definition, definitions))
        yield f"{told}\n\n{markdown_table(('name', 'type', 'what it is'), rows)}" if rows else told


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _fields(definition: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    properties = definition.get("properties", {})
    columns = properties.get("columns", {}).get("properties")
    patterns = definition.get("patternProperties", {})
    words = documented(DeviceState) | documented(Measurement) | documented(Evaluation)
    for name, value in {**(properties if columns is None else columns), **patterns}.items():
        kind = value.get("const") if columns is not None else _type(value)
        own = value.get("description") or definitions.get(_referred(value), {}).get("description")
        yield name, str(kind), str(own or words.get(name, ""))
    if "enum" in definition:
        yield from ((str(value), "", "") for value in definition["enum"])


def documented(record: type) -> dict[str, str]:
    """What the docstring of a record says of each of its attributes."""
    _, _, attributes = (inspect.getdoc(record) or "").partition("Attributes")
    told: dict[str, str] = {}
    for names, text in _ATTRIBUTE.findall(attributes):
        plain = re.sub(r":\w+:`~?([^`]*)`|``([^`]*)``", r"\1\2", " ".join(text.split())).rstrip(".")
        told.update(dict.fromkeys(names.split(", "), plain))
    return told


def _referred(value: Mapping[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return "as below"
    if "const" in value:
        return json.dumps(value["const"])
    if "enum" in value:
        return " or ".join(str(each) for each in value["enum"])
    kinds = value.get("type", "anything")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def main(given: Sequence[str] | None = None) -> int:
    """Print the page or write it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.cli.reference", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it to this file")
    output = parser.parse_args(given).output
    if output is None:
        say(page().rstrip())
    else:
        try:
            write_text(output, page())
        except OSError as error:
            parser.error(f"{output}: cannot be written ({error.strerror or error})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
