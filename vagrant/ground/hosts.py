"""What the rest of a lab asks of a way to make hosts, and which way it is on this machine."""

import os
from collections.abc import Sequence
from typing import Protocol

from ground import namespaces, plain
from ground.errors import UsageError
from ground.state import Host, Mode

MODE_VARIABLE = "REMEDIATE_LAB_MODE"


class Ground(Protocol):
    """A way to make hosts."""

    @property
    def logins(self) -> tuple[str, ...]:
        """The users that can log in."""

    def start(self, host: Host) -> None:
        """Start a host. MUST raise LabError, and leave nothing running, where it does not come up."""

    def stop(self, host: Host) -> None:
        """End a host. MUST be harmless for one that is not up."""

    def command(self, host: Host, user: str, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` on the host. MUST raise LabError for an unknown user."""


def ground(mode: Mode) -> Ground:
    """Return the way to make hosts that a mode names."""
    return namespaces.Namespaces() if mode == "namespaces" else plain.Plain()


def choose_mode() -> Mode:
    """Return the mode for this machine, or the one the environment forces.

    Raises UsageError for a mode that does not exist.
    """
    forced = os.environ.get(MODE_VARIABLE)
    if forced == "plain":
        return "plain"
    if forced == "namespaces":
        return "namespaces"
    if forced:
        raise UsageError(f"{MODE_VARIABLE}: no mode {forced!r}; it is plain or namespaces")
    return "namespaces" if namespaces.are_allowed() else "plain"
