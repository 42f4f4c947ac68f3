"""Canaries: the practice ground's secrets, and the search for them in all that the suite produces.

They are looked for on every screen of the program, in every list of processes, and in every file that the runner and
the hosts are left with. What may hold them is named by its exact path.
"""

import base64
import io
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from tests.practice import BACKEND, Practice

WATCH = Path(__file__).with_name("process_watch.py")
ON_HOSTS = ("home", "tmp", "var/tmp", "var/log", "srv/lumiku", "run/lock")
HOLD_THEM_BY_RIGHT = (
    *(f"{BACKEND}/{name}" for name in (".env", ".env.away")),
    *(f"/home/deploy/.pm2/{name}" for name in ("dump.pm2", "dump.pm2.bak")),
)
"""Files of a host: the second where a test puts the first aside, the others where one runs `pm2 save`. Besides them the
app's process, and PM2's."""
LAB_FILES = (
    "state/token",
    "inventory/lab.token",
    "inventory/lab.web1.database_url",
    *(
        f"state/hosts/{host}/{name}"
        for host in ("web1", "light1", "light2", "light3")
        for name in ("env", "pm2-secret", "database-password")
    ),
)
"""Files of the lab itself: it made the canaries."""
SKIPPED = {"node_modules", "mnt"}
"""Folders that hold megabytes of other people's code, or a host that is searched by itself."""
CHUNK = 1 << 22


@dataclass
class Canaries:
    """What is looked for, and how much was searched.

    Each canary is known by its letters and digits: these look alike plain, URL-encoded, shell-quoted and JSON-escaped.
    """

    cores: list[str] = field(default_factory=list)
    searched: Counter[str] = field(default_factory=Counter)
    needles: list[bytes] = field(default_factory=list)

    def know(self, secret: str) -> None:
        """Look for this secret from now on."""
        core = max(re.findall(r"[A-Za-z0-9]+", secret), key=len)
        assert len(core) >= 8, "too short to be told from anything else"
        if core not in self.cores:
            self.cores.append(core)
            self.needles += [core.encode(), core.encode().hex().encode(), *_base64(core.encode())]

    def in_bytes(self, data: bytes) -> bool:
        """Tell whether a canary is in there."""
        return any(needle in data for needle in self.needles)

    def in_screen(self, text: str) -> bool:
        """Tell whether a canary is shown, broken over lines or within a frame, too."""
        self.searched["screens"] += 1
        bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\s│┃|]+", "", text)
        return self.in_bytes(text.encode("utf-8", "surrogateescape")) or self.in_bytes(
            bare.encode("utf-8", "replace")
        )

    def in_files(self, roots: Iterable[Path], allowed: Iterable[Path] = ()) -> list[str]:
        """Return the files below that hold a canary, or have one in their name."""
        exempt = set(allowed)
        found = (path for root in roots for path in _files(root) if path not in exempt)
        return [str(path) for path in found if self.in_bytes(os.fsencode(path.name)) or self._in_file(path)]

    def _in_file(self, path: Path) -> bool:
        try:
            with path.open("rb") as file:
                self.searched["files"] += 1
                return self._in_stream(file)
        except FileNotFoundError:  # a process of the host took it away meanwhile
            return False

    def _in_stream(self, file: io.BufferedReader) -> bool:
        kept = b""
        while piece := file.read(CHUNK):
            if self.in_bytes(kept + piece):
                return True
            kept = piece[-256:]
        return False


def _base64(core: bytes) -> Iterator[bytes]:
    """What is the same in base64 wherever in a longer text the core stands."""
    for offset in range(3):
        bits = base64.b64encode(b"\0" * offset + core)
        start, end = (0, 2, 3)[offset], (offset + len(core)) // 3 * 4
        yield bits[start:end]
        yield base64.urlsafe_b64encode(b"\0" * offset + core)[start:end]


def _files(root: Path) -> Iterator[Path]:
    if root.is_file() and not root.is_symlink():
        yield root
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in SKIPPED]
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


CANARIES = Canaries()
"""Of this process: each worker of the suite looks after its own lab."""


def learn_from(practice: Practice) -> None:
    """Know every secret of a lab."""
    env = (practice.state / "hosts" / "web1" / "env").read_text()
    CANARIES.know((practice.state / "token").read_text())
    CANARIES.know((practice.state / "hosts" / "web1" / "pm2-secret").read_text())
    CANARIES.know(unquote(env.split("//", 1)[1].split(":", 1)[1].split("@", 1)[0]))


def on_hosts(practice: Practice) -> list[str]:
    """Return the files on a lab's hosts that hold a canary and may not, where we may look into them."""
    hits = []
    for init in sorted((practice.state / "hosts").glob("*/init")):
        root = Path("/proc", init.read_text(), "root")
        if os.access(root, os.R_OK | os.X_OK):
            allowed = [root / path.lstrip("/") for path in HOLD_THEM_BY_RIGHT]
            allowed += kept_aside(root)
            hits += CANARIES.in_files([root / part for part in ON_HOSTS], allowed)
    return hits


def kept_aside(root: Path) -> list[Path]:
    """Return what `.env` was, and pm2 had, before a run changed it: both stay on the host, for their owner only."""
    kept = [*root.glob(f"{BACKEND[1:]}/.env.remediate-*"), *root.glob("home/*/.pm2/remediate-*.json")]
    return [path for path in kept if path.stat().st_mode & 0o077 == 0]


def beside(practice: Practice, produced: Path) -> list[str]:
    """Return the files of a lab and of the tests that hold a canary and may not."""
    return CANARIES.in_files([produced, practice.folder], [practice.folder / name for name in LAB_FILES])


class Watch:
    """Looks at the arguments of all processes, and at the environment of those that the program started.

    Args:
        canaries: What to look for; told by stdin, so that the watch itself shows none.
    """

    def __init__(self, canaries: Canaries) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", WATCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin
        self._process.stdin.write(" ".join(needle.decode() for needle in canaries.needles) + "\n")
        self._process.stdin.flush()

    def ended(self) -> tuple[int, list[str]]:
        """Stop looking; return how often it looked, and what it saw."""
        said, _ = self._process.communicate()
        snapshots, *hits = said.splitlines()
        return int(snapshots), hits


class Heard(io.RawIOBase):
    """A stream of a process that remembers what was read from it."""

    def __init__(self, raw: io.FileIO, kept: list[bytes]) -> None:
        self._raw, self._kept = raw, kept

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        count = self._raw.readinto(buffer)
        self._kept.append(bytes(buffer[: count or 0]))
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Screen(subprocess.Popen):
    """A program whose every output is searched for canaries, whoever reads it and however."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.kept: list[bytes] = []
        self.stdout, self.stderr = self._heard(self.stdout), self._heard(self.stderr)

    def _heard(self, stream: io.TextIOWrapper) -> io.TextIOWrapper:
        heard = io.BufferedReader(Heard(stream.detach().detach(), self.kept))
        return io.TextIOWrapper(heard, encoding="utf-8", errors="surrogateescape")

    def communicate(self, *args, **options):
        said = super().communicate(*args, **options)
        self.kept += [text.encode("utf-8", "surrogateescape") for text in said if text]
        return said

    def __exit__(self, *about) -> None:
        super().__exit__(*about)
        text = b"".join(self.kept).decode("utf-8", "surrogateescape")
        assert not CANARIES.in_screen(text), f"a secret is on the screen of {self.args}"
