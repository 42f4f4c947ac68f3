"""Tells systemd how the service is: ready, reloading, stopping, alive. It does nothing where no systemd asked for it.

The protocol is a datagram to the socket in `NOTIFY_SOCKET` (sd_notify(3)); one that begins with `@` is abstract.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

PATIENCE = 1.0
"""Seconds to wait where systemd has much to read."""


class Notifier:
    """What systemd is told.

    Args:
        environment: The process's; `NOTIFY_SOCKET` and `WATCHDOG_USEC` count.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = _watchdog(environment)

    @property
    def pause(self) -> float | None:
        """How many seconds may lie between two signs of life; None where nobody waits for one."""
        return self._watchdog / 2 if self._watchdog else None

    def ready(self, status: str) -> None:
        """Say that all is loaded and listening."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Say that what is loaded is being read anew; `ready` ends it (sd_notify(3))."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that it is about to leave."""
        self._send("STOPPING=1")

    def alive(self, status: str) -> None:
        """Give a sign of life."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # Whoever watches over us may be gone; the service goes on all the same.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.settimeout(PATIENCE)
            sending.sendto(text.encode(), self._address)


def _watchdog(environment: Mapping[str, str]) -> float:
    """Return the seconds after which systemd gives this process up, or 0 (sd_watchdog_enabled(3))."""
    meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    written = environment.get("WATCHDOG_USEC", "")
    return int(written) / 1_000_000 if meant and written.isascii() and written.isdigit() else 0.0
