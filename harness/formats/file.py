"""A file of another tool, before its format is known: its beginning, and its content on demand.

Content is parsed once and shared by the functions that recognise formats and those that read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.formats.document import Document, read_bytes, read_document, read_head
from harness.system.text import one_line

HEAD_BYTES = 1 << 16
MAX_LINES = 5_000_000
JSON_ENDINGS = (".json", ".json.gz")


@dataclass(frozen=True)
class ForeignFile:
    """A file of another tool; its properties are read when they are first used."""

    path: Path

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, unpacked.

        Raises:
            UserError: the file cannot be read.
        """
        return read_head(self.path, HEAD_BYTES)

    @cached_property
    def document(self) -> Document:
        """The JSON object that the file consists of.

        Raises:
            UserError: the file is not one JSON object.
        """
        return read_document(self.path)

    @cached_property
    def text(self) -> str:
        """The text, with ``\\n`` at the ends of lines.

        Raises:
            UserError: the file is not UTF-8 text.
        """
        try:
            text = read_bytes(self.path, expected="text").decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: byte {error.start} is not UTF-8: expected text") from None
        if "\0" in text:
            raise UserError(f"{self.path}: a null character: expected text")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    @property
    def is_json(self) -> bool:
        """Whether the name or the first character says that the file is JSON."""
        return self.path.name.lower().endswith(JSON_ENDINGS) or self.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (
            b"{",
            b"[",
        )

    @cached_property
    def first_object(self) -> dict[str, Any]:
        """The JSON object in the first line that is not a comment; empty if there is none."""
        for line in self.head.split(b"\n"):
            if line.strip() and not line.startswith(b"#"):
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError):
                    return {}
                return found if isinstance(found, dict) else {}
        return {}

    def json_lines(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield the number and the object of each line; the object is ``None`` for a last line that was truncated.

        Raises:
            UserError: any other line is damaged.
        """
        lines = self.text.split("\n")
        if len(lines) > MAX_LINES:
            raise UserError(f"{self.path}: more than {MAX_LINES} lines: expected a smaller log")
        for i, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError) as error:
                if i == len(lines):
                    yield i, None
                    return
                raise UserError(f"{self.path}: line {i}: not JSON ({one_line(error, 120)})") from None
            if not isinstance(found, dict):
                raise UserError(f"{self.path}: line {i}: expected an object")
            yield i, found

    @property
    def first_line(self) -> str:
        """The first line, as text."""
        return self.head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
