"""Cuts a stream of bytes into lines of text as they come. Shows them to nobody itself."""

import re
from collections.abc import Callable

LONGEST = 4096
"""Bytes after which a line is cut: a stream without line ends must not pile up here."""


class Lines:
    """Tells whole lines, without their ends; a carriage return ends a line, too, as progress bars mean it.

    Args:
        tell: Is told each line that is not empty.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._rest = tell, b""

    def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = re.split(rb"[\r\n]+", self._rest + piece)
        for line in lines:
            self._tell_one(line)
        if len(self._rest) > LONGEST:
            self.end()

    def end(self) -> None:
        """Tell what is left."""
        rest, self._rest = self._rest, b""
        self._tell_one(rest)

    def _tell_one(self, line: bytes) -> None:
        if line:
            self._tell(line[:LONGEST].decode("utf-8", "backslashreplace"))
