"""Lines of JSON with checksums that reveal changed, lost and moved lines.

A checksum is the CRC-32 of its line and of all lines before it, stored as the line's last key. It guards against
mistakes, bad disks and editors, not against forgery. Lines written before checksums existed are accepted until the
first line with one. ``analysis/runs/log_lines.py`` follows the same rules.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

CHECK: Final = "check"
_SEAL = re.compile(rb',"check":"([0-9a-f]{8})"\}\Z')


def sealed(line: bytes, before: int) -> tuple[bytes, int]:
    """A line with its checksum, and the running checksum for the next line.

    Args:
        line: a JSON object with at least one key, without trailing white space.
        before: running checksum of the previous line; 0 at the beginning.
    """
    check = zlib.crc32(line, before)
    return b'%b,"check":"%08x"}\n' % (line[:-1], check), check


@dataclass
class Seals:
    """Follows the lines of a file from its beginning.

    Attributes:
        check: the running checksum for the next line.
        sealed: number of lines with a checksum.
        unsealed: number of lines without a checksum before them.
    """

    check: int = 0
    sealed: int = 0
    unsealed: int = 0

    def fault(self, line: bytes) -> str:
        """What is wrong with the next line, given without its newline; empty if nothing is."""
        seal = _SEAL.search(line)
        if seal is None:
            if self.sealed:
                return "has no checksum, unlike the lines before it"
            self.check = zlib.crc32(line, self.check)
            self.unsealed += 1
            return ""
        check = zlib.crc32(line[: seal.start()] + b"}", self.check)
        if check != int(seal[1], 16):
            return "changed after it was written: its checksum is that of another line"
        self.check = check
        self.sealed += 1
        return ""
