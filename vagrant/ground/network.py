"""Loopback addresses and ports for a lab: finds free ones and starts the listener that serves them."""

import errno
import socket
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from ground import commands, listener
from ground.errors import LabError
from ground.processes import Process
from ground.state import Host, remember, remembered

FIRST_NETWORK, LAST_NETWORK = 41, 239
PORT = 2200
RESERVATION = 254
"""The last address of a range: whoever listens there has the range, and the one after it."""

BACKLOG = 1024
LISTENERS = "listeners.json"


def reserve(state: Path, keep: Sequence[int]) -> int:
    """Find a free range and keep it: a listener at its last address, which also keeps the `keep` descriptors open.

    Returns X of 127.0.X.0. Raises LabError where no range is free.
    """
    for network in range(FIRST_NETWORK, LAST_NETWORK, 2):
        try:
            with (
                listen(f"127.0.{network}.{RESERVATION}", PORT) as reservation,
                listen(f"127.0.{network}.1", PORT),
            ):
                _start([(reservation, state / "nobody")], state, keep)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LabError(
                    f"127.0.{network}.{RESERVATION}: cannot listen on port {PORT} ({error.strerror})"
                ) from error
        else:
            return network
    raise LabError(
        f"127.0.{FIRST_NETWORK}-{LAST_NETWORK}: no free range for port {PORT}; end a lab with `vagrant/lab down`"
    )


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that listens there."""
    server = socket.socket()
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen(BACKLOG)
    except OSError:
        server.close()
        raise
    return server


def free_port(wanted: int, taken: Collection[int]) -> int:
    """Return the first port of 127.0.0.1 from `wanted` on that nobody uses and that is not taken."""
    for port in range(wanted, wanted + 1000):
        if port in taken:
            continue
        try:
            listen("127.0.0.1", port).close()
        except OSError:
            continue
        return port
    raise LabError(f"127.0.0.1: no free port from {wanted} to {wanted + 999}")


def serve(hosts: Sequence[Host], state: Path) -> Process:
    """Start a listener for hosts, remember it and return it.

    Raises LabError where an address is taken.
    """
    with ExitStack() as stack:
        return _start([(stack.enter_context(_listen_for(host)), host.folder) for host in hosts], state)


def stop(state: Path) -> None:
    """End every listener of a lab."""
    for process in remembered(state / LISTENERS):
        process.end()


def _listen_for(host: Host) -> socket.socket:
    try:
        return listen(host.address, host.lab.port)
    except OSError as error:
        where = f"{host.name}: cannot listen on {host.address} port {host.lab.port} ({error.strerror})"
        raise LabError(f"{where}; try again after `vagrant/lab down`") from error


def _start(servers: Sequence[tuple[socket.socket, Path]], state: Path, keep: Sequence[int] = ()) -> Process:
    arguments = [f"{server.fileno()}={folder}" for server, folder in servers]
    with (state / "listener.log").open("a") as log:
        started = subprocess.Popen(
            [sys.executable, "-I", listener.__file__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[*keep, *(server.fileno() for server, _ in servers)],
            start_new_session=True,
            cwd="/",
            env={"PATH": commands.SYSTEM_PATH},
        )
    process = Process.of(started.pid)
    remember(state / LISTENERS, [*remembered(state / LISTENERS), process])
    return process
