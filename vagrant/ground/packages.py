"""The programs a lab is made of. As root or by sudo, missing ones are installed, stopped and disabled; else named."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ground import commands, places
from ground.errors import LabError, MissingError
from ground.progress import Progress

OLDEST_NODE = (20, 19)
"""What Prisma 7 asks for (its package.json, `engines`)."""

POLICY = Path("/usr/sbin/policy-rc.d")
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/remediate-lab.conf")


@dataclass(frozen=True)
class Package:
    """A Debian package, how to tell that what we need of it is there, and the services it brings along."""

    name: str
    is_there: Callable[[], bool]
    services: tuple[str, ...] = ()


def _has(program: str) -> Callable[[], bool]:
    return lambda: commands.find(program) is not None


NEEDED = (
    Package("openssh-server", _has("sshd"), ("ssh.service", "ssh.socket")),
    Package("openssh-client", _has("ssh")),
    Package("postgresql", lambda: commands.postgresql() is not None, ("postgresql.service",)),
    Package("pgbouncer", _has("pgbouncer"), ("pgbouncer.service",)),
    Package("nodejs", _has("node")),
    Package("npm", _has("npm")),
    Package("util-linux", lambda: all(commands.find(name) for name in ("unshare", "nsenter", "setpriv"))),
    Package("iproute2", _has("ip")),
    Package("curl", _has("curl")),
)
SUDO = Package("sudo", _has("sudo"))
"""Only root's labs have a login that uses it."""
BROWSER = (
    Package("chromium", _has("chromium")),
    Package("fonts-dejavu-core", lambda: any(Path("/usr/share/fonts").rglob("*.[to]tf"))),
)
"""What pages are looked at with; no host needs it."""


def ensure(progress: Progress) -> None:
    """See that every program that hosts need is installed.

    Raises MissingError where one is not and we are not root, or Node.js is too old; LabError where apt-get fails.
    """
    _have((*NEEDED, SUDO) if places.is_root() else NEEDED, progress)
    _check_node()


def ensure_browser(progress: Progress) -> None:
    """See that a browser is installed.

    Raises MissingError where none is and we are not root; LabError where apt-get fails.
    """
    _have(BROWSER, progress, "--browser")


def _have(wanted: Sequence[Package], progress: Progress, *words: str) -> None:
    missing = [package for package in wanted if not package.is_there()]
    if missing:
        _install(missing, progress, words)


def _install(missing: list[Package], progress: Progress, words: Sequence[str]) -> None:
    names = [package.name for package in missing]
    if shutil.which("apt-get") and not places.is_root() and _may_sudo():
        _install_by_sudo(names, progress, words)
        return
    if not places.is_root() or shutil.which("apt-get") is None:
        message = (
            f"this machine lacks {', '.join(names)}; install with: sudo apt-get install {' '.join(names)}"
        )
        raise MissingError(message)
    with progress.step(f"installing {', '.join(names)}"), ExitStack() as kept_quiet:
        kept_quiet.enter_context(_no_service_starts())
        kept_quiet.enter_context(_no_cluster_is_made())
        _apt_get(names)
    for package in missing:
        _disable(package.services)
    still = [package.name for package in missing if not package.is_there()]
    if still:
        raise LabError(
            f"apt-get installed {', '.join(still)}, yet its programs are not found; try it by hand"
        )


def _may_sudo() -> bool:
    """Tell whether sudo can be asked: without a password, or at a terminal for one."""
    if shutil.which("sudo") is None:
        return False
    return (
        sys.stdin.isatty()
        or subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0
    )


def _install_by_sudo(names: list[str], progress: Progress, words: Sequence[str]) -> None:
    """Have root install them, by this same program, so that no service is started that way, either."""
    with progress.step(f"installing {', '.join(names)} by sudo"):
        ended = subprocess.run(["sudo", sys.executable, str(places.LAB), "packages", *words], check=False)
    if ended.returncode:
        raise MissingError(f"sudo could not install {', '.join(names)}; see above, or install them by hand")


def _apt_get(names: list[str]) -> None:
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *names]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        commands.run(install, what="packages", env=quiet)
    except LabError:  # package lists absent or old
        commands.run(["apt-get", "update"], what="package lists", env=quiet)
        commands.run(install, what="packages", env=quiet)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Have packages start nothing (Debian policy-rc.d: 101 forbids)."""
    if POLICY.exists():  # the machine has its own rules
        yield
        return
    with _temporary_file(POLICY, "#!/bin/sh\nexit 101\n"):
        POLICY.chmod(0o755)
        yield


@contextmanager
def _no_cluster_is_made() -> Iterator[None]:
    """Have the postgresql package make no database cluster of its own (pg_createcluster(1))."""
    with _temporary_file(NO_CLUSTER, "create_main_cluster = false\n"):
        yield


@contextmanager
def _temporary_file(path: Path, text: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _disable(services: tuple[str, ...]) -> None:
    """Keep a service that came with a package from starting with the machine."""
    if not services or shutil.which("systemctl") is None:
        return
    subprocess.run(["systemctl", "disable", *services], capture_output=True, check=False)


def _check_node() -> None:
    node = commands.need("node")
    version = commands.run([node, "--version"], what="node").strip()
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) < OLDEST_NODE:
        oldest = ".".join(map(str, OLDEST_NODE))
        wish = f"Prisma 7 needs {oldest} or newer: install one and put it first in PATH"
        raise MissingError(f"{os.path.realpath(node)} is {version}; {wish}")
