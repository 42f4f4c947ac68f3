"""The golden tree: backend, schema engine and database, built once, that every host starts from.

It lies in the cache under a digest of what it is made from, so a fresh clone with the same content finds it again.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ground import commands, places
from ground.errors import LabError
from ground.places import Account
from ground.postgres import DATABASE, TEMPLATE, Cluster
from ground.progress import Progress

LAYOUT = 1
"""Raise it when what is built changes for another reason than the files that are digested."""

LEFT_OUT = {"node_modules", "dist", ".env"}
KEEP_UNUSED_SECONDS = 14 * 24 * 3600
ENGINE_VARIABLE = "REMEDIATE_LAB_NATIVE_ENGINE"
QUIET_PRISMA = {"CHECKPOINT_DISABLE": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1", "NO_COLOR": "1"}
NPM_CI = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
"""Without scripts: Prisma's tries to download an engine, waits, fails and says nothing."""


@dataclass(frozen=True)
class Golden:
    """A finished tree."""

    path: Path

    @property
    def backend(self) -> Path:
        """The installed and built backend, without a .env."""
        return self.path / "srv" / "lumiku" / "backend"

    @property
    def engine(self) -> Path:
        """What PRISMA_SCHEMA_ENGINE_BINARY names."""
        return self.path / "opt" / "schema-engine" / "schema-engine"

    @property
    def data(self) -> Path:
        """The stopped PostgreSQL cluster."""
        return self.path / "pgdata"

    @property
    def is_finished(self) -> bool:
        """Whether it was built to its end."""
        return (self.path / "finished").exists()

    def database_url(self, server: str) -> str:
        """Return the app's URL, in Prisma's form, with the database server at `server` (host:port)."""
        return _database_url((self.path / "database-password").read_text(), server)


def ready(progress: Progress) -> Golden:
    """Return the golden tree of what the repository holds now; build it where the cache has none.

    Raises LabError, naming the step that failed.
    """
    golden = Golden(places.cache() / f"golden-{_digest()}")
    places.cache().mkdir(parents=True, exist_ok=True)
    if not golden.is_finished:
        with _alone(golden, progress):
            if not golden.is_finished:  # another lab may have built it while we waited
                _build(golden, progress)
    os.utime(golden.path)
    _prune(golden)
    return golden


@contextmanager
def in_use(golden: Golden) -> Iterator[int]:
    """Keep the tree from being removed: a lock that lasts as long as a process has the descriptor that is given."""
    with _lock_file(golden).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield lock.fileno()


@contextmanager
def _alone(golden: Golden, progress: Progress) -> Iterator[None]:
    with _lock_file(golden).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("waiting for another lab, which builds the same golden tree")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_file(golden: Golden) -> Path:
    return golden.path.with_suffix(".lock")


def _prune(current: Golden) -> None:
    """Remove trees nobody has started a lab from for a while, unless a running lab still stands on one."""
    for lock_file in current.path.parent.glob("golden-*.lock"):
        golden = Golden(lock_file.with_suffix(""))
        if golden == current or not golden.path.exists():
            continue
        if time.time() - golden.path.stat().st_mtime < KEEP_UNUSED_SECONDS:
            continue
        with suppress(BlockingIOError), lock_file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(golden.path, ignore_errors=True)


# --- what it is made from


def _digest() -> str:
    parts = hashlib.sha256()
    engine = _native_engine()
    about = {
        "layout": LAYOUT,
        "node": commands.run([commands.need("node"), "--version"], what="node").strip(),
        "postgresql": str(commands.need_postgresql()),
        "engine": [str(engine), engine.stat().st_mtime_ns] if engine else None,
        "as": os.geteuid(),
        "builders": [Path(__file__).read_text(), (Path(__file__).parent / "postgres.py").read_text()],
    }
    parts.update(json.dumps(about, sort_keys=True).encode())
    for folder in (places.BACKEND, places.SCHEMA_ENGINE):
        for file in _sources(folder):
            content = file.read_bytes()
            parts.update(
                f"{file.relative_to(folder)} {file.stat().st_mode & 0o111} {len(content)}\n".encode()
            )
            parts.update(content)
    return parts.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        files += [Path(parent, name) for name in names if name not in LEFT_OUT]
    return sorted(files)


def _native_engine() -> Path | None:
    """Return Prisma's own engine where this machine has one: named, or downloaded into the backend's node_modules."""
    named = os.environ.get(ENGINE_VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            message = (
                f"{ENGINE_VARIABLE}: {named} is no program; name Prisma's schema-engine, or leave it out"
            )
            raise LabError(message)
        return Path(named).resolve()
    downloaded = (places.BACKEND / "node_modules" / "@prisma" / "engines").glob("schema-engine-*")
    return next((path for path in sorted(downloaded) if os.access(path, os.X_OK)), None)


# --- how it is made


def _build(golden: Golden, progress: Progress) -> None:
    progress.say("building the golden tree (once; the next lab finds it in the cache)")
    shutil.rmtree(golden.path, ignore_errors=True)
    golden.path.mkdir()
    try:
        _build_parts(golden, progress)
        (golden.path / "finished").touch()
    except BaseException:
        shutil.rmtree(golden.path, ignore_errors=True)
        raise


def _build_parts(golden: Golden, progress: Progress) -> None:
    account = _postgresql_account()
    cluster = Cluster(golden.data, account, commands.need_postgresql())
    with ThreadPoolExecutor(max_workers=1) as beside, progress.step("npm ci, initdb"):
        made = beside.submit(_make_cluster, cluster, golden)
        _install_backend(golden)
        _install_engine(golden)
        made.result()
    with progress.step("prisma generate, tsc"):
        _compile(golden)
    with progress.step("prisma migrate deploy, seed"):
        _fill(golden, cluster)
    # Prisma's compiled copy of prisma.config.ts, under a name made from a path that no host has.
    shutil.rmtree(golden.backend / "node_modules" / ".cache", ignore_errors=True)
    if places.is_root():
        commands.run(
            ["chown", "-R", f"{places.DEPLOY_UID}:{places.DEPLOY_UID}", golden.path / "srv"], what="chown"
        )


def _postgresql_account() -> Account:
    try:
        return Account.unprivileged()
    except KeyError as error:
        why = f"PostgreSQL cannot run here: no account {error.args[0]}"
        raise LabError(f"{why}; install the package postgresql, or log in as a named user") from error


def _make_cluster(cluster: Cluster, golden: Golden) -> None:
    cluster.data.mkdir(mode=0o700)
    cluster.account.give(cluster.data)
    cluster.create()
    password = golden.path / "database-password"
    password.touch(mode=0o600)
    # A few characters that a URL must escape, because real passwords have them.
    password.write_text(f"{secrets.token_urlsafe(12)}@/%")


def _install_backend(golden: Golden) -> None:
    _copy_sources(places.BACKEND, golden.backend)
    commands.run(NPM_CI, what="backend", cwd=golden.backend)


def _install_engine(golden: Golden) -> None:
    folder = golden.engine.parent
    native = _native_engine()
    if native:
        folder.mkdir(parents=True)
        shutil.copy(native, golden.engine)
        return
    _copy_sources(places.SCHEMA_ENGINE, folder)
    commands.run(NPM_CI, what="schema engine", cwd=folder)


def _copy_sources(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    # Whatever mask the clone was made with, every host has the same modes.
    commands.run(["chmod", "-R", "u=rwX,go=rX", target], what=target.name)


def _compile(golden: Golden) -> None:
    programs = golden.backend / "node_modules" / ".bin"
    commands.run([programs / "prisma", "generate"], what="backend", cwd=golden.backend, env=_prisma(golden))
    commands.run([programs / "tsc", "-p", "tsconfig.json"], what="backend", cwd=golden.backend)


def _fill(golden: Golden, cluster: Cluster) -> None:
    password = (golden.path / "database-password").read_text()
    prisma = golden.backend / "node_modules" / ".bin" / "prisma"
    with cluster.running() as sockets:
        escaped = password.replace("'", "''")
        cluster.execute(sockets, f"CREATE ROLE {DATABASE} LOGIN CREATEDB PASSWORD '{escaped}';")
        cluster.execute(sockets, f"CREATE DATABASE {DATABASE} OWNER {DATABASE};")
        url = f"{_database_url(password, 'localhost')}&host={quote(str(sockets), safe='')}"
        env = {**_prisma(golden), "DATABASE_URL": url}
        commands.run([prisma, "migrate", "deploy"], what="backend", cwd=golden.backend, env=env)
        seed = (golden.backend / "prisma" / "seed.sql").read_text()
        cluster.execute(sockets, f"SET ROLE {DATABASE};\n{seed}", database=DATABASE)
        cluster.execute(
            sockets, f"CREATE DATABASE {TEMPLATE} TEMPLATE {DATABASE} OWNER {DATABASE} IS_TEMPLATE true;"
        )


def _prisma(golden: Golden) -> dict[str, str]:
    return {**QUIET_PRISMA, "PRISMA_SCHEMA_ENGINE_BINARY": str(golden.engine)}


def _database_url(password: str, server: str) -> str:
    return f"postgresql://{DATABASE}:{quote(password, safe='')}@{server}/{DATABASE}?schema=public"
