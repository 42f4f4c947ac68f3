"""Where things lie: the repository's own files, the cache, a lab's state. Creates nothing but empty folders."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

VAGRANT = Path(__file__).resolve().parents[1]
REPOSITORY = VAGRANT.parent
BACKEND = VAGRANT / "backend"
SCHEMA_ENGINE = VAGRANT / "schema-engine"
HOST_SCRIPTS = VAGRANT / "host"
FAULTS = VAGRANT / "faults"
LAB = VAGRANT / "lab"
DEFAULT_INVENTORY = REPOSITORY / "inventory" / "lab.yml"

DEPLOY_UID = 1000
"""The number of `deploy` in a host made of namespaces, and so the owner of the golden tree when root builds it."""


def is_root() -> bool:
    """Tell whether we may do everything on this machine."""
    return os.geteuid() == 0


def cache() -> Path:
    """Return the folder that outlives a lab; root's lies where other accounts may enter, unlike /root."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    if is_root() and not chosen:
        return Path("/var/cache/remediate/lab")
    return Path(chosen or Path.home() / ".cache") / "remediate-lab"


def default_state() -> Path:
    """Return the folder of the developer's own lab."""
    chosen = os.environ.get("XDG_STATE_HOME")
    if is_root() and not chosen:
        return Path("/var/lib/remediate/lab")
    return Path(chosen or Path.home() / ".local" / "state") / "remediate-lab"


@dataclass(frozen=True)
class Account:
    """Who runs what must not run as root: ourselves, or `postgres` where we are root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def unprivileged(cls) -> "Account":
        """Return the account for this process.

        Raises KeyError where the account does not exist on this machine.
        """
        entry = pwd.getpwnam("postgres") if is_root() else pwd.getpwuid(os.geteuid())
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def command(self) -> list[str]:
        """Return what to put before a command so that it runs as this account."""
        if self.uid == os.geteuid():
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--"]

    def give(self, path: Path) -> None:
        """Make this account the owner of a file or an empty folder."""
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)
