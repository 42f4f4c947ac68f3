"""The standard streams of the process: made fit for any text at its start, let go of at its end. Says nothing itself.

A stream that is closed, full, or of an encoding that lacks a sign must end no run, and turn no exit code into another.
"""

import io
import os
import sys
from typing import Any, TextIO

HIGHEST = 2
"""The descriptor of standard error; those of input and output are below."""


class Remembering(io.TextIOWrapper):
    """A stream that remembers with which error it failed, so that it can be told from any other one's.

    Attributes:
        failed: That error, the last one.
    """

    failed: OSError | None = None

    def write(self, text: str, /) -> int:
        """Write, as any text stream does."""
        try:
            return super().write(text)
        except OSError as error:
            self.failed = error
            raise

    def flush(self) -> None:
        """Flush, as any text stream does."""
        try:
            super().flush()
        except OSError as error:
            self.failed = error
            raise


def prepare() -> None:
    """Open what is closed, show as escapes what an encoding lacks, and remember what fails.

    A descriptor that is closed would be given to the next file that is opened, such as the audit log.
    """
    _occupy()
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = _remembering(sys.stdout, 1), _remembering(sys.stderr, 2)


def _occupy() -> None:
    while (number := os.open(os.devnull, os.O_RDWR)) <= HIGHEST:
        os.set_inheritable(number, True)  # as the other standard streams are
    os.close(number)


def _remembering(stream: Any, number: int) -> Remembering:
    if not isinstance(stream, io.TextIOWrapper):
        return Remembering(open(number, "wb", closefd=False), "utf-8", "backslashreplace")
    form: dict[str, Any] = {
        "encoding": stream.encoding,
        "line_buffering": stream.line_buffering,
        "write_through": stream.write_through,
    }
    return Remembering(stream.detach(), errors="backslashreplace", **form)


def failed_with(error: BaseException | None) -> str:
    """Return the name of the standard stream that failed with this very error; empty where none did."""
    for stream, name in ((sys.stdout, "output"), (sys.stderr, "error")):
        if error is not None and getattr(stream, "failed", None) is error:
            return f"standard {name}"
    return ""


def let_go() -> None:
    """Flush what was written; what cannot be written is dropped, so that it fails nothing while the process ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _drop(stream)


def _drop(stream: TextIO) -> None:
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (
        OSError,
        ValueError,
    ):  # it has no descriptor, or is closed: then nothing of it is flushed later either
        return
