"""Hosts made of Linux namespaces: own files, processes, network, host name; the machine's kernel and programs.

As root, or as an ordinary user where the kernel lets them have user namespaces. Writes nothing outside the state
folder, and everything a host changes is in memory: ending its first process ends it and takes it all away.
"""

import os
import select
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ground import commands, places
from ground.errors import LabError
from ground.listener import entering
from ground.places import DEPLOY_UID
from ground.processes import Process, children
from ground.state import Host

UP_WITHIN_SECONDS = 60
PROBE = "mount -t tmpfs tmpfs /tmp && mount -t proc proc /proc && ip link set lo up"
LOGIN_PATH = "/usr/local/bin:/usr/bin:/bin"
USERS = {"root": (0, "/root"), "deploy": (DEPLOY_UID, "/home/deploy"), "ops": (1001, "/home/ops")}


def are_allowed() -> bool:
    """Tell whether this kernel and this machine's rules let us make such hosts."""
    if commands.find("unshare") is None:
        return False
    command = [*_unshare(), "sh", "-c", PROBE]
    return subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode == 0


class Namespaces:
    """Starts, stops and enters such hosts."""

    def __init__(self) -> None:
        """Know who can log in: without root there is only one user number to give."""
        self.logins = ("root", "deploy", "ops") if places.is_root() else ("deploy",)

    def start(self, host: Host) -> None:
        """Start a host; on return its services are up (the app may still be starting).

        Raises LabError with what its start said last.
        """
        (host.folder / "mnt").mkdir(exist_ok=True)
        (host.folder / "log").unlink(missing_ok=True)
        ready, say = os.pipe()
        try:
            started = _spawn(host, say)
        finally:
            os.close(say)
        parent = Process.of(started.pid)
        host.remember(parent)
        try:
            self._wait_until_up(host, ready)
        finally:
            os.close(ready)
        init = children(started.pid)[0]
        host.remember(parent, Process.of(init))
        (host.folder / "init").write_text(str(init))

    def _wait_until_up(self, host: Host, ready: int) -> None:
        readable, _, _ = select.select([ready], [], [], UP_WITHIN_SECONDS)
        if readable and os.read(ready, 2) == b"up":
            return
        self.stop(host)
        said = commands.tail((host.folder / "log").read_text())
        raise LabError(f"{host.name}: did not start: {said}")

    def stop(self, host: Host) -> None:
        """End a host with everything in it."""
        (host.folder / "init").unlink(missing_ok=True)
        remembered = host.processes()
        below = [process for parent in remembered[:1] for process in _below(parent)]
        for process in [
            *below,
            *remembered,
        ]:  # the first process first: the kernel ends the rest of its namespace
            process.end()
        (host.folder / "processes.json").unlink(missing_ok=True)

    def command(self, host: Host, user: str, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` in a host as `user`, with the environment of an ssh login.

        Raises LabError where the host is not up or the user is not there.
        """
        if user not in self.logins:
            raise LabError(f"{host.name}: no user {user}; there are {', '.join(self.logins)}")
        try:
            init = (host.folder / "init").read_text()
        except FileNotFoundError as error:
            raise LabError(
                f"{host.name}: is not up; start it with `vagrant/lab reset {host.name}`"
            ) from error
        number, home = USERS[user]
        become = (
            ["setpriv", f"--reuid={number}", f"--regid={number}", "--init-groups"] if places.is_root() else []
        )
        clean = [f"HOME={home}", f"USER={user}", f"LOGNAME={user}", "SHELL=/bin/bash", f"PATH={LOGIN_PATH}"]
        return [*entering(init), *become, "env", "-i", "-C", home, *clean, *words]


def _below(parent: Process) -> list[Process]:
    found = []
    if parent.is_alive():
        for pid in children(parent.pid):
            with suppress(ProcessLookupError):
                found.append(Process.of(pid))
    return found


def _unshare() -> list[str]:
    number = str(DEPLOY_UID)
    user = [] if places.is_root() else ["-U", f"--map-user={number}", f"--map-group={number}", "--keep-caps"]
    return ["unshare", *user, "-m", "-p", "-n", "-u", "-i", "--fork", "--kill-child"]


def _environment() -> dict[str, str]:
    return {"PATH": commands.SYSTEM_PATH}


def _spawn(host: Host, say: int) -> subprocess.Popen[bytes]:
    settings = {
        **_environment(),
        "NAME": host.name,
        "ROLE": host.role,
        "MODE": "root" if places.is_root() else "user",
        "HOST_DIR": str(host.folder),
        "GOLDEN": str(host.lab.golden.path),
        "SCRIPTS": str(places.HOST_SCRIPTS),
        "PG_BIN": str(commands.need_postgresql()),
        "NODE_PREFIX": _node_prefix(),
        "SAY": str(say),
    }
    with (host.folder / "log").open("w") as log:
        return subprocess.Popen(
            [*_unshare(), str(places.HOST_SCRIPTS / "init.sh")],
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[say],
            start_new_session=True,
            cwd="/",
        )


def _node_prefix() -> str:
    """Return where Node.js is installed when it is not under /usr, which every host sees; else nothing."""
    node = Path(commands.need("node")).resolve()
    return "" if node.is_relative_to("/usr") else str(node.parent.parent)
