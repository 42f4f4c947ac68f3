"""Hosts without namespaces: a copy of the backend, an sshd, a PostgreSQL and a PM2 of their own, on loopback.

For machines that forbid namespaces. They share the machine's files and processes, so a lab host is then a folder
and some ports; everything runs as one account, and that account alone can log in.
"""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ground import commands, keeper, places
from ground.errors import LabError, UsageError
from ground.places import Account
from ground.processes import Process
from ground.state import Host

UP_WITHIN_SECONDS = 60
LONGEST_SOCKET = 107
"""Characters in a Unix socket's path (unix(7)); PM2 hangs for ever where it is longer."""


def root_of(host: Host) -> Path:
    """Return the folder that is such a host."""
    return host.folder / "root"


def backend_of(host: Host) -> Path:
    """Return where the backend lies on such a host."""
    return root_of(host) / "srv" / "lumiku" / "backend"


def _copy_golden(host: Host) -> None:
    golden, backend = host.lab.golden, backend_of(host)
    for source, target in ((golden.backend, backend), (golden.data, root_of(host) / "pgdata")):
        commands.run(["cp", "-a", "--reflink=auto", source, target], what=host.name)
    shutil.copy(host.folder / "env", backend / ".env")
    (root_of(host) / "bin" / "pm2").symlink_to(backend / "node_modules" / ".bin" / "pm2")


class Plain:
    """Starts, stops and enters such hosts."""

    def __init__(self) -> None:
        """Know the one account."""
        self.account = Account.unprivileged()
        self.logins = (self.account.name,)

    def start(self, host: Host) -> None:
        """Start a host; on return its services are up (the app may still be starting).

        Raises LabError with what its start said last.
        """
        self._check_place(host)
        self._make_files(host)
        ready, say = os.pipe()
        try:
            started = self._spawn(host, say)
        finally:
            os.close(say)
        host.remember(Process.of(started.pid))
        readable, _, _ = select.select([ready], [], [], UP_WITHIN_SECONDS)
        answer = os.read(ready, 2) if readable else b""
        os.close(ready)
        if answer != b"up":
            self.stop(host)
            raise LabError(f"{host.name}: did not start: {commands.tail((host.folder / 'log').read_text())}")

    def stop(self, host: Host) -> None:
        """End a host with everything in it."""
        for process in host.processes():
            process.end(gently=True)
        (host.folder / "processes.json").unlink(missing_ok=True)

    def command(self, host: Host, user: str, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` on a host, with the environment of an ssh login.

        Raises LabError for another user than the one there is.
        """
        if user not in self.logins:
            raise LabError(
                f"{host.name}: no user {user}; without namespaces there is only {self.account.name}"
            )
        environment = [f"{name}={value}" for name, value in self._environment(host).items()]
        home = root_of(host) / "home"
        return [*self.account.command(), "env", "-i", "-C", str(home), *environment, *words]

    def _environment(self, host: Host) -> dict[str, str]:
        root = root_of(host)
        node = str(Path(commands.need("node")).parent)
        return {
            "HOME": str(root / "home"),
            "USER": self.account.name,
            "LOGNAME": self.account.name,
            "SHELL": "/bin/bash",
            "PATH": ":".join(dict.fromkeys([str(root / "bin"), node, "/usr/local/bin", "/usr/bin", "/bin"])),
            "PM2_HOME": str(root / "home" / ".pm2"),
        }

    def _check_place(self, host: Host) -> None:
        socket = root_of(host) / "home" / ".pm2" / "interactor.sock"
        if len(str(socket)) > LONGEST_SOCKET:
            raise UsageError(
                f"{host.lab.state}: too long a path for {host.name}'s sockets; choose another with --state"
            )
        enter = [
            *self.account.command(),
            "test",
            "-x",
            str(host.folder),
            "-a",
            "-r",
            str(host.lab.golden.backend),
        ]
        if subprocess.run(enter, cwd="/", check=False).returncode != 0:
            raise UsageError(
                f"{host.lab.state}: account {self.account.name} may not enter it; choose another with --state"
            )

    def _make_files(self, host: Host) -> None:
        root = root_of(host)
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("srv/lumiku", "home/.ssh", "bin", "run", "log"):
            (root / folder).mkdir(parents=True)
        shutil.copy(host.folder / "authorized_keys", root / "home" / ".ssh" / "authorized_keys")
        for name in ("hostkey", "hostkey.pub"):
            shutil.copy(host.folder / name, root / name)
        (root / "sshd_config").write_text(self._sshd_config(host))
        if host.role == "full":
            _copy_golden(host)
        if places.is_root():
            commands.run(["chown", "-R", f"{self.account.uid}:{self.account.gid}", root], what=host.name)

    def _sshd_config(self, host: Host) -> str:
        root = root_of(host)
        environment = " ".join(f'"{name}={value}"' for name, value in self._environment(host).items())
        lines = {
            "ListenAddress": host.address,
            "Port": host.lab.port,
            "HostKey": root / "hostkey",
            "AuthorizedKeysFile": root / "home" / ".ssh" / "authorized_keys",
            "PidFile": root / "run" / "sshd.pid",
            "MaxStartups": "200",  # a burst of connections is no attack here
            "StrictModes": "no",  # the state folder may lie in /tmp
            "SetEnv": environment,
        }
        common = (
            (places.HOST_SCRIPTS / "sshd_config")
            .read_text()
            .replace("HostKey /etc/ssh/ssh_host_ed25519_key\n", "")
        )
        return "".join(f"{name} {value}\n" for name, value in lines.items()) + common

    def _spawn(self, host: Host, say: int) -> subprocess.Popen[bytes]:
        root = root_of(host)
        settings = [
            f"ROOT={root}",
            f"ROLE={host.role}",
            f"BACKEND={backend_of(host)}",
            f"DATABASE_PORT={host.database_port}",
            f"PG_BIN={commands.need_postgresql()}",
            f"SSHD={commands.need('sshd')}",
        ]
        script = (places.HOST_SCRIPTS / "start-plain.sh").read_text()
        start = self.command(host, self.account.name, ["env", *settings, "bash", "-c", script])
        with (host.folder / "log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-I", keeper.__file__, str(say), *start],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[say],
                start_new_session=True,
                cwd="/",
            )
