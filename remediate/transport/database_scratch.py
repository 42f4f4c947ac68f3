"""A database made from another one's schema alone, on the same server, and dropped again. It changes no other database.

The schema is read by `pg_dump` and written by `psql`, both on the runner and through the same forward as everything
else: on the host they would need the password in a file or an environment. Its name is `remediate_rehearsal_`, then
random digits, and digits that follow from those and from the app's database; who makes it is connected, under that
name, as long as it lives. So what a kill left is known for what it is, and nothing else is ever dropped.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from remediate.errors import Blocked, Lost
from remediate.sql import identifier, literal
from remediate.transport.database_door import Door, NoDatabase
from remediate.transport.database_values import complaint_of, rows_of, succeeded
from remediate.transport.database_wire import Command, WireLost

PREFIX = "remediate_rehearsal_"
_OURS = re.compile(rf"{PREFIX}([0-9a-f]{{12}})([0-9a-f]{{12}})")
DUMP_SECONDS = 120.0
_LONGEST_LINE = 900
"""Bytes; libpq 13 and newer reads 1023 in a line of a service file."""
_MAKING_SECONDS = 60.0
_FACTS = """SELECT current_database() || '/' || d.oid AS of, r.rolcreatedb OR r.rolsuper AS may,
 current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS replica,
 pg_backend_pid() AS pid, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation, d.datctype AS kind
FROM pg_database AS d, pg_roles AS r WHERE d.datname = current_database() AND r.rolname = current_user"""
_LEFT = """SELECT d.datname AS name, shobj_description(d.oid, 'pg_database') AS comment
FROM pg_database AS d WHERE starts_with(d.datname, %s) AND NOT d.datistemplate
AND d.datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND NOT EXISTS (
  SELECT FROM pg_stat_activity AS a WHERE a.application_name = d.datname OR a.datid = d.oid)"""
_DUMP = (
    *(
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--no-publications",
        "--no-tablespaces",
    ),
    *("--no-subscriptions", "--no-security-labels", "--exclude-schema=remediate", "--lock-wait-timeout=2000"),
    "--no-password",
)
_RESTORE = ("-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-")


def name_for(token: str, of: str) -> str:
    """Return the name of a scratch database.

    Args:
        token: Twelve random hex digits.
        of: Name and oid of the app's database.
    """
    return f"{PREFIX}{token}{hashlib.sha256(f'{token} {of}'.encode()).hexdigest()[:12]}"


def is_left_of(of: str, name: str, comment: str | None) -> bool:
    """Tell whether a database was made by `SchemaCopy` from the one that is told: by its name, and its comment if any.

    Without a comment is one whose maker was killed between two statements.
    """
    found = _OURS.fullmatch(name)
    return bool(found and name_for(found[1], of) == name and comment in (None, _comment(of)))


def _comment(of: str) -> str:
    return f"remediate: a rehearsal on the schema of {of}; it may be dropped"


class SchemaCopy:
    """Makes the database on entering, and drops it on leaving.

    Args:
        door: A way in of its own into the app's database; it is closed at the end.
        token: Twelve random hex digits.
        where: What to call the app's database in an error.
        seconds: How long one answer may take.
    """

    def __init__(self, door: Door, token: str, where: str, seconds: float) -> None:
        self._door, self._token, self._where, self._seconds = door, token, where, seconds
        self._name = ""

    def __enter__(self) -> str:
        """Make it, and return its name.

        Raises:
            Blocked: It cannot be made; says why.
        """
        try:
            self._make()
        except BaseException:
            self._door.close()  # what it was asked last may not be answered yet
            self._drop_and_close()
            raise
        return self._name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop it.

        Raises:
            Lost: It could not be dropped; where something else went wrong before, that is told instead.
        """
        if error is not None:
            self._door.close()
        problem = self._drop_and_close()
        if problem and error is None:
            todo = f"the next rehearsal drops it, or: DROP DATABASE {self._name}"
            raise Lost(self._where, f"{self._name} could not be dropped: {problem}", todo)

    def _make(self) -> None:
        facts = self._asked(Command(sql=_FACTS))[0]
        self._refuse(facts)
        programs = _programs(int(facts["version"]))
        if programs is None:
            what = f"the schema cannot be copied: there is no pg_dump {facts['version']} or newer on this machine"
            raise Blocked(self._where, what, "install postgresql-client")
        name = name_for(self._token, str(facts["of"]))
        self._asked(Command(sql="SELECT set_config('application_name', %s, false)", parameters=(name,)))
        self._drop_what_was_left(str(facts["of"]))
        encoding, collation, kind = (literal(str(facts[one])) for one in ("encoding", "collation", "kind"))
        form = f"TEMPLATE template0 ENCODING {encoding} LC_COLLATE {collation} LC_CTYPE {kind}"
        self._name = name
        self._done(f"CREATE DATABASE {identifier(name)} {form}")
        self._done(f"COMMENT ON DATABASE {identifier(name)} IS {literal(_comment(str(facts['of'])))}")
        self._fill(*programs)

    def _refuse(self, facts: dict[str, Any]) -> None:
        why = ""
        if not facts["may"]:
            why = "the role may not make a database (CREATEDB)"
        elif facts["replica"]:
            why = "the server is a read-only replica"
        elif self._door.url().pooled or facts["pid"] != self._door.wire().pid:
            why = "a pooler stands before the database"
        if why:
            raise Blocked(
                self._where, f"no scratch database can be made: {why}", "the plan stands without it"
            )

    def _drop_what_was_left(self, of: str) -> None:
        for row in self._asked(Command(sql=_LEFT, parameters=(PREFIX,))):
            if is_left_of(of, row["name"], row["comment"]):
                self._done(f"DROP DATABASE IF EXISTS {identifier(row['name'])}")

    def _fill(self, dump: str, restore: str) -> None:
        """Copy the schema; how to connect goes by files in memory, and stands in no argument and no environment."""
        known = {name: value for name, value in self._door.parameters.items() if name != "application_name"}
        password = known.pop("password", "")
        with _in_memory(_password_line(password)) as passes:
            known |= {"passfile": f"/proc/self/fd/{passes}"}
            services = _service("from", known) + _service("to", known | {"dbname": self._name})
            with _in_memory(services) as told:
                text = self._ran([dump, *_DUMP, "--dbname", "service=from"], (passes, told), b"")
                self._ran([restore, *_RESTORE, "--dbname", "service=to"], (passes, told), text)

    def _ran(self, command: list[str], files: tuple[int, int], text: bytes) -> bytes:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {"LC_ALL": "C", "PGAPPNAME": self._name, "PGSERVICEFILE": f"/proc/self/fd/{files[1]}"}
        try:
            done = subprocess.run(  # noqa: S603  (a constant program, its arguments are no shell's)
                command,
                env=environment,
                pass_fds=files,
                input=text,
                capture_output=True,
                check=False,
                timeout=DUMP_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            program = Path(command[0]).name
            raise Blocked(
                self._where, f"the schema cannot be copied: {program}: {type(error).__name__}"
            ) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            last = next((one for one in said if "ERROR" in one or "error" in one), said[-1] if said else "")
            what = f"the schema cannot be copied: {Path(command[0]).name}: {last}"
            raise Blocked(self._where, what, "the plan stands without it")
        return done.stdout

    def _drop_and_close(self) -> str:
        """Drop it where it was begun; return why that could not be done."""
        try:
            if self._name:
                self._done(f"DROP DATABASE IF EXISTS {identifier(self._name)}")
            return ""
        except Blocked as error:
            return error.what
        finally:
            self._door.close()

    def _asked(self, command: Command) -> list[dict[str, Any]]:
        for again in (False, True):
            try:
                result = self._door.wire().exchange([command], self._seconds)[0]
                break
            except WireLost as error:
                self._door.close()
                if again:
                    raise Blocked(self._where, f"the database does not answer: {error}") from error
            except NoDatabase as error:
                raise Blocked(self._where, error.reason) from error
        if not succeeded(result):
            raise Blocked(self._where, f"the database refused: {complaint_of(result)}")
        return [dict(row) for row in rows_of(result).records]

    def _done(self, sql: str) -> None:
        try:
            result = self._door.wire().exchange([Command(sql=sql)], _MAKING_SECONDS)[0]
        except NoDatabase as error:
            raise Blocked(self._where, error.reason) from error
        except WireLost as error:
            raise Blocked(self._where, f"the connection to the database broke: {error}") from error
        if not succeeded(result):
            raise Blocked(self._where, f"the database refused: {complaint_of(result)}")


@contextmanager
def _in_memory(text: str) -> Iterator[int]:
    """Yield a file in memory that is its owner's alone, as libpq wants one with a password in it."""
    number = os.memfd_create("libpq")
    try:
        os.fchmod(number, 0o600)
        os.write(number, text.encode())
        yield number
    finally:
        os.close(number)


def _password_line(password: str) -> str:
    """Return a password as a password file has it (manual, "The Password File")."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"


def _service(name: str, parameters: dict[str, str]) -> str:
    """Return how to connect as a service file has it (manual, "The Connection Service File"): a line each, unquoted.

    Raises:
        Blocked: A parameter is none for such a file; its value is not told, which may be secret.
    """
    for parameter, value in parameters.items():
        if "\n" in value or value != value.rstrip() or len(parameter) + len(value) > _LONGEST_LINE:
            raise Blocked(parameter, "it cannot be handed to pg_dump without being shown", "correct the URL")
    return f"[{name}]\n" + "".join(f"{parameter}={value}\n" for parameter, value in parameters.items())


def _programs(version: int) -> tuple[str, str] | None:
    """Return pg_dump and psql of at least that version, the newest first; None where there are none."""
    for dump in _candidates():
        restore = Path(dump).with_name("psql")
        if restore.exists() and _version_of(dump) >= version:
            return dump, str(restore)
    return None


def _candidates() -> Iterator[str]:
    kept = Path("/usr/lib/postgresql").glob("*/bin/pg_dump")  # Debian's, of each version beside each other
    yield from sorted(map(str, kept), key=lambda path: float(Path(path).parts[-3]), reverse=True)
    if found := shutil.which("pg_dump"):
        yield found


def _version_of(dump: str) -> int:
    try:
        told = subprocess.run([dump, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603  (as above)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"\) (\d+)", told.stdout)
    return int(found[1]) if found else 0
