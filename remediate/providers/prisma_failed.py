"""Prisma: a migration that failed, what it left behind, and who holds Prisma's lock. Reads only, and resolves nothing.

A migration without an end in `_prisma_migrations` blocks all others (P3009). What has to be done about it depends on
what is there of it, which Prisma does not say. Sources: prisma-engines (sql-schema-connector), tried with 7.10.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import ClassVar

from pydantic import Field

from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.catalog import ENUMS, TABLES, stored_name, tables_in
from remediate.providers.catalog_keys import INDEXES, indexed_tables_in
from remediate.providers.prisma_checks import HISTORY, HISTORY_THERE, history_in
from remediate.providers.prisma_deploy import SQL_SCRIPT, texts_in
from remediate.questions import Answers, Query, Run
from remediate.steps import Check, Questions, Step

LOGS = Query(
    sql="SELECT migration_name, logs FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL",
    about=("table:_prisma_migrations",),
)
"""What Prisma noted of those that have no end. Only there where there is a history."""
HOLDERS = Query(
    sql="""SELECT l.pid, coalesce(a.usename, '') AS role, coalesce(a.application_name, '') AS application,
 coalesce(a.state, '') AS state
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = 72707369 AND l.objsubid = 1
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY l.pid""",
    about=("prisma's lock",),
)
"""Who holds the advisory lock under which Prisma migrates."""
_NAME = r'(?:"[^"]+"|\w+)'
_PLACE = rf"(?:{_NAME}\s*\.\s*)?(?P<name>{_NAME})"
_IF = r"(?:IF\s+NOT\s+EXISTS\s+)?"
_MADE = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("table", rf"\bCREATE\s+TABLE\s+{_IF}{_PLACE}"),
        ("index", rf"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?{_IF}{_PLACE}"),
        ("type", rf"\bCREATE\s+TYPE\s+{_PLACE}"),
    )
)
_ALTERED = re.compile(rf"\bALTER\s+TABLE\s+(?:ONLY\s+)?{_PLACE}\s+(?P<rest>[^;]*)", re.IGNORECASE)
_COLUMN = re.compile(rf"\bADD\s+COLUMN\s+{_IF}(?P<name>{_NAME})", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")
_SERVERS_WORDS = re.compile(r"Database error:|\b(?:ERROR|FATAL|DETAIL|CONTEXT|HINT|DbError)\b|\bKey \(")
_SHOWN = 3


@dataclass(frozen=True)
class Made:
    """Something that a migration makes.

    Attributes:
        kind: `table`, `column`, `index` or `type`.
        name: Its name; of a column, the table's and its own with a dot between.
    """

    kind: str
    name: str


class FailedMigrations(Check):
    """No migration has failed, or was begun and not ended.

    Of one that was, it tells which of the tables, columns, indexes and types that it makes are there, what Prisma
    noted, who holds Prisma's lock, and what a person would do. Facts for later steps: `failed`, a list of
    `{name, there, absent}`.
    """

    kind: ClassVar[str] = "prisma.failed_migrations"
    tells: ClassVar[str] = (
        "Looks whether a migration failed, or was begun and never ended. Of such a one it tells which of "
        "its tables, columns, indexes and types are there, what Prisma noted, who holds Prisma's lock, "
        "and what a person would do"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    folder: str = Field(
        default="{{ app.backend }}/prisma/migrations", description="Absolute path of the migrations."
    )

    @property
    def texts(self) -> Run:
        """The question for the SQL of the newest: the one that `prisma.migrate_deploy` asks."""
        return Run(script=SQL_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    def ask(self) -> Questions:
        """Return the questions for the history, the migrations' texts, and what is there."""
        return (HISTORY_THERE, HISTORY, LOGS, HOLDERS, TABLES, INDEXES, ENUMS, self.texts)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look for rows without an end, and for what their migrations make.

        Raises:
            CouldNotLook: The database did not answer.
        """
        del first
        failed = [
            str(row["migration_name"]) for row in history_in(now) if not (row["finished"] or row["undone"])
        ]
        if not failed:
            return Finding(healthy=True, seen="no migration has failed", facts={"failed": []})
        left = {name: self._left(name, now) for name in failed}
        return Finding(
            healthy=False,
            seen=f"a migration was begun and has no end, which blocks all others (P3009): {', '.join(failed)}",
            evidence=(*_locked(now), *(line for one in left.items() for line in _told(*one)), *_noted(now)),
            facts={
                "failed": [
                    {
                        "name": name,
                        "there": [f"{one.kind} {one.name}" for one, there in parts.items() if there],
                        "absent": [f"{one.kind} {one.name}" for one, there in parts.items() if not there],
                    }
                    for name, parts in left.items()
                ]
            },
        )

    def _left(self, name: str, now: Answers) -> dict[Made, bool]:
        text = texts_in(now[self.texts]).get(name, b"").decode("utf-8", "replace")
        tables = tables_in(now[TABLES])
        there = {
            "table": tables.keys(),
            "column": {f"{table}.{column}" for table in tables for column in tables[table].by_name},
            "index": {
                one.name for table in indexed_tables_in(now[INDEXES]).values() for one in table.indexes
            },
            "type": {str(record["name"]) for record in now[ENUMS].records},
        }
        return {one: one.name in there[one.kind] for one in made_in(text)}


def made_in(text: str) -> tuple[Made, ...]:
    """Return what a migration makes, as far as its text says so: tables, columns added to others, indexes, types."""
    return tuple(dict.fromkeys(_made_in(_COMMENT.sub("", text))))


def _made_in(text: str) -> Iterator[Made]:
    for kind, pattern in _MADE:
        yield from (Made(kind, _bare(found["name"])) for found in pattern.finditer(text))
    for altered in _ALTERED.finditer(text):
        table = _bare(altered["name"])
        yield from (
            Made("column", f"{table}.{_bare(found['name'])}") for found in _COLUMN.finditer(altered["rest"])
        )


def _bare(name: str) -> str:
    """Return a name as the server keeps it: without quotes it is in small letters."""
    return stored_name(name[1:-1] if name.startswith('"') else name.lower())


def _noted(now: Answers) -> Iterator[str]:
    """Yield what Prisma noted, up to the server's own words: its message, and its DETAIL more so, may quote a row."""
    for row in now[LOGS].records:
        lines = filter(None, map(str.strip, str(row["logs"] or "").splitlines()))
        plain = takewhile(lambda line: not _SERVERS_WORDS.search(line), lines)
        yield from (f"Prisma noted of {row['migration_name']}: {line}" for line in islice(plain, _SHOWN))


def _locked(now: Answers) -> Iterator[str]:
    for row in now[HOLDERS].records:
        who = ", ".join(str(row[name]) for name in ("role", "application", "state") if row[name])
        holder = f"process {row['pid']} ({who})" if row["pid"] else "a prepared transaction"
        yield f"{holder} holds Prisma's lock 72707369: is it still at work? then wait"


def _told(name: str, parts: Mapping[Made, bool]) -> Iterator[str]:
    yield what_to_do(name, parts.values())
    for one, there in parts.items():
        yield f"{name}: {one.kind} {one.name} is {'there' if there else 'not there'}"


def what_to_do(name: str, there: Iterable[bool]) -> str:
    """Return what a person would do about a migration that failed.

    Args:
        name: The migration's.
        there: Whether each thing that it makes is there.
    """
    seen = list(there)
    rolled_back = f"prisma migrate resolve --rolled-back {name}, mend it, prisma migrate deploy"
    if not seen:
        return f"see what it left, undo that by hand, then: {rolled_back}"
    if not any(seen):
        return f"nothing that it makes is there, and nothing is to be added by hand: {rolled_back}"
    if all(seen):
        return (
            f"all that it makes is there; if its rows are right, too: prisma migrate resolve --applied {name}"
        )
    return f"half of it is there: take that away, then {rolled_back}; or finish it by hand, then resolve --applied"


STEPS: tuple[type[Step], ...] = (FailedMigrations,)
