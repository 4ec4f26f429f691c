"""Lines of JSON that carry a check, so that none can be changed, lost or put elsewhere unseen.

A check is the CRC-32 of its line and of all lines before it, as the line's last key. It guards against mistakes, bad
disks and editors, not against somebody who writes checks too. Lines of before there were checks count as they are until
the first line with one. ``analysis/runs/log_lines.py`` reads the same.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

CHECK: Final = "check"
_SEAL = re.compile(rb',"check":"([0-9a-f]{8})"\}\Z')


def sealed(line: bytes, before: int) -> tuple[bytes, int]:
    """A line with its check, and what the next one continues.

    Args:
        line: a JSON object with a key at least, without white space at its end.
        before: of the line before; 0 at the beginning.
    """
    check = zlib.crc32(line, before)
    return b'%b,"check":"%08x"}\n' % (line[:-1], check), check


@dataclass
class Seals:
    """Follows the lines of a file from its beginning.

    Attributes:
        check: what the next line continues.
        sealed: so many lines had a check.
        unsealed: so many came before them.
    """

    check: int = 0
    sealed: int = 0
    unsealed: int = 0

    def fault(self, line: bytes) -> str:
        """What is wrong with the next line, given without its end; empty where nothing is."""
        seal = _SEAL.search(line)
        if seal is None:
            if self.sealed:
                return "has no check, unlike the lines before it"
            self.check = zlib.crc32(line, self.check)
            self.unsealed += 1
            return ""
        check = zlib.crc32(line[: seal.start()] + b"}", self.check)
        if check != int(seal[1], 16):
            return "not as it was written: its check is that of another line"
        self.check = check
        self.sealed += 1
        return ""
