"""What the pipelined shell speaks over: two byte streams out of a process and one into it. Knows no protocol."""

from collections.abc import Callable
from typing import Protocol, TypeAlias


class Broken(Exception):  # noqa: N818  (a signal between rooms of this floor, never shown to a person)
    """The link died under the stream. What the far side did with the last bytes is unknown."""


class Ended(Exception):  # noqa: N818
    """The process at the far end is gone while the link is whole.

    Args:
        exit_code: As the far side told it; -1 where a signal ended it or nothing was told.
    """

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(f"ended with {exit_code}")


class Wire(Protocol):
    """One process at the far end, seen from here."""

    def send(self, data: memoryview) -> int:
        """Hand over as many bytes as go without waiting, and return how many; 0 where none does.

        Raises:
            Broken: The link died.
            Ended: Nobody reads any more.
        """

    def finish(self) -> None:
        """Say that no more will be sent."""

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        """Return what stdout and stderr have brought, both empty where nothing came in that many seconds.

        Raises:
            Broken: The link died.
            Ended: Both streams are read to their end.
        """

    def close(self) -> None:
        """Let go of the process. It is told nothing but that its streams are closed."""


OpenWire: TypeAlias = Callable[[str], Wire]
"""Starts a command line at the far end. Raises Unreachable where there is no way to it."""
