"""Accepts connections at the hosts' addresses and gives each to an `sshd -i` inside its host.

Run as `python listener.py DESCRIPTOR=HOST_FOLDER …`, with listening sockets inherited: they are bound before `lab up`
returns, so no client comes too early. Knows nothing of labs; a host's first process is looked up at every connection,
so a host can be made anew behind its address.
"""

import os
import selectors
import signal
import socket
import sys
from pathlib import Path

PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
SSHD = ("/usr/sbin/sshd", "-i", "-E", "/var/log/sshd.log")


def main(arguments: list[str]) -> None:
    """Serve until ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies; children get the default back
    selector = selectors.DefaultSelector()
    for argument in arguments:
        descriptor, _, folder = argument.partition("=")
        server = socket.socket(fileno=int(descriptor))
        server.setblocking(False)  # a client may be gone again before we accept
        selector.register(server, selectors.EVENT_READ, Path(folder))
    while True:
        for key, _ in selector.select():
            if isinstance(key.fileobj, socket.socket):
                _accept(key.fileobj, key.data)


def _accept(server: socket.socket, folder: Path) -> None:
    try:
        connection, _ = server.accept()
    except OSError:
        return
    with connection:
        connection.setblocking(True)
        try:
            _serve(connection, entering((folder / "init").read_text()))
        except (
            OSError
        ) as error:  # the host is being made anew, or is gone: the client sees the connection close
            print(f"{folder.name}: {error}", file=sys.stderr, flush=True)


def _serve(connection: socket.socket, enter: list[str]) -> None:
    command = [*enter, *SSHD]
    os.posix_spawn(
        f"/usr/bin/{command[0]}",
        command,
        PATH,
        file_actions=[(os.POSIX_SPAWN_DUP2, connection.fileno(), number) for number in (0, 1)],
        setsigdef=[signal.SIGCHLD],
        setsid=True,
    )


def entering(init: str) -> list[str]:
    """Return what to put before a command so that it runs in the host whose first process is `init`."""
    user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
    root = f"/proc/{init}/root"
    return ["nsenter", "-t", init, *user, "-m", "-n", "-p", "-u", "-i", f"--root={root}", f"--wd={root}"]


if __name__ == "__main__":
    main(sys.argv[1:])
